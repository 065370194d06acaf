"""What stands out in a report, as sentences; the same on the page and in the UI."""

from collections.abc import Sequence

import polars as pl

from pipelines.features.reporting.drift import MUCH, SOME
from pipelines.features.reporting.measured import INDEPENDENT, Measured
from pipelines.features.reporting.relation import ALIKE, alike, redundant
from pipelines.features.reporting.sparkline import CONSTANT

MOST = 8  # names in one sentence
NEWLY = 0.01  # more nulls in the newest month than overall, as a share of its rows


def sentences(found: Measured) -> list[str]:
    """Nulls, constants, drift, likeness and importance, in this order."""
    return [
        *_nulls(found.table),
        *_constant(found.table),
        _drift(found.table),
        *_redundant(found.names),
        *_alike(found),
        _importance(found),
    ]


def _nulls(table: pl.DataFrame) -> list[str]:
    nothing = table.filter(pl.col("nulls") == 1.0)["name"].to_list()
    some = table.filter(pl.col("nulls").is_between(0.0, 1.0, closed="none")).sort("nulls", descending=True)
    said = [f"Without any value: {_listed(nothing)}."] if nothing else []
    if some.is_empty():
        return [*said, "Nulls: none in any other feature." if nothing else "Nulls: none."]
    most = [f"`{name}` {nulls:.2%}" for name, nulls in some.select("name", "nulls").head(3).iter_rows()]
    said.append(f"Nulls (warm-up and gaps included) in {some.height} features, most in {', '.join(most)}.")
    return [*said, *_newly(some)]


def _newly(some: pl.DataFrame) -> list[str]:
    """Features that the newest month lacks more often than the whole history did."""
    more = some.filter(pl.col("nulls_newest") > pl.col("nulls") + NEWLY).sort("nulls_newest", descending=True)
    said = [
        f"`{name}` {nulls:.1%}" for name, nulls in more.select("name", "nulls_newest").head(MOST).iter_rows()
    ]
    if not said:
        return []
    return [f"More nulls in {more['month'][0]} than before: {', '.join(said)}{_more(more.height)}."]


def _constant(table: pl.DataFrame) -> list[str]:
    same = table.filter(pl.col("shape") == CONSTANT)["name"].to_list()
    return [f"Constant as encoded, so disabled in a model: {_listed(same)}."] if same else []


def _drift(table: pl.DataFrame) -> str:
    month = table["month"][0]
    judged = table.filter(pl.col("psi").is_not_null()).sort("psi", descending=True)
    if judged.is_empty():
        return f"Drift of {month}: nothing is said, the month before is missing or either is too short."
    much, some = judged.filter(pl.col("psi") > MUCH), judged.filter(pl.col("psi").is_between(SOME, MUCH))
    parts = [
        f"{part.height} features {words}: {_valued(part)}"
        for part, words in (
            (much, f"moved much (PSI > {MUCH})"),
            (some, f"moved somewhat ({SOME} to {MUCH})"),
        )
        if not part.is_empty()
    ]
    return f"Drift of {month} against the month before: {'; '.join(parts) or f'no PSI above {SOME}'}."


def _redundant(names: Sequence[str]) -> list[str]:
    words = redundant(names)
    return [f"Redundant by construction: {'; '.join(words)}."] if words else []


def _alike(found: Measured) -> list[str]:
    pairs = alike(found.correlation, found.names)
    if not pairs:
        return []
    said = ", ".join(f"`{a}` and `{b}` {rho:+.3f}" for a, b, rho in pairs[:MOST])
    return [f"Alike (|ρ| ≥ {ALIKE}) as encoded rows, {len(pairs)} more pairs: {said}{_more(len(pairs))}."]


def _importance(found: Measured) -> str:
    table, labels = found.table, found.labels
    judged = table.filter(pl.col("bits").is_not_null())
    if judged.is_empty():
        return (
            f"Importance: nothing is said, there are about {labels.independent} independent labels, expected at least "
            f"{INDEPENDENT}."
        )
    above = judged.filter(pl.col("bits") > pl.col("floor")).sort("bits", descending=True)
    first = [f"`{name}` {bits:.4f}" for name, bits in above.select("name", "bits").head(3).iter_rows()]
    most = f", most {', '.join(first)} of {found.entropy:.3f} bits" if first else ""
    return (
        f"Importance: {above.height} of {judged.height} features say more about the label {labels.horizon} bars ahead "
        f"than chance did{most}."
    )


def _valued(part: pl.DataFrame) -> str:
    said = ", ".join(f"`{name}` {psi:.2f}" for name, psi in part.select("name", "psi").head(MOST).iter_rows())
    return said + _more(part.height)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names[:MOST]) + _more(len(names))


def _more(count: int) -> str:
    return f" and {count - MOST} more" if count > MOST else ""
