"""The feature page of one symbol and timeframe: self-contained HTML, no network; and its table for the UI.

Pure: numbers in, text out. The look is handed in (pipelines.evaluation.report_style), which stands above this package.
"""

import re
from html import escape

from pipelines.features.reporting import figures
from pipelines.features.reporting.catalogue_table import catalogue_rows, markdown
from pipelines.features.reporting.drift import MUCH, SOME
from pipelines.features.reporting.measured import SAMPLE, Measured
from pipelines.features.reporting.words import sentences
from pipelines.features.sets import features_named
from pipelines.market.timeframes import minutes_of

CATALOGUE = (
    "What the stored values are, then what was declared. Distribution: of the encoded values between their 0.5 % and "
    "99.5 % quantiles; drift: PSI; bits: mutual information with the label, and its floor."
)
DRIFT = (
    f"PSI of the encoded values against the month before, in bins that are its deciles; {SOME} is customarily called "
    f"some drift, {MUCH} much. Grey: the month before is missing, or either is too short to say. Slow features exceed "
    "these limits by chance."
)
RELATION = (
    f"Spearman's rank correlation of the encoded values, on up to {SAMPLE:,} rows. "
    "Grey: constant, or too few rows."
)
IMPORTANCE = (
    f"Mutual information of each encoded feature alone with the label, on up to {SAMPLE:,} rows before the hold-out. "
    "The mark is the floor: the most that 99 shifts of the labels in time reached. A bar below its mark says nothing; "
    "of two redundant features both show the same."
)


def page(found: Measured, title: str, style: str, made: str = "") -> str:
    """The page as text; `style`: a style sheet; `made`: when, in words, since nothing here reads a clock."""
    from plotly.offline import get_plotlyjs

    parts = [_summary(found), _table(found), *_plots(found)]
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<style>{style}</style><script>{get_plotlyjs()}</script></head><body><main>"
        f"<header><h1>{escape(title)}</h1><p>{escape(made)}</p></header>{''.join(parts)}</main></body></html>"
    )


def table_markdown(found: Measured) -> str:
    """One line a feature for the UI: what was measured, then what was declared."""
    return markdown(_rows(found))


def _values(row: dict[str, object]) -> dict[str, str]:
    return {
        "distribution": str(row["shape"]),
        "nulls": f"{row['nulls']:.2%}",
        f"nulls {row['month']}": f"{row['nulls_newest']:.2%}",
        f"drift {row['month']}": _number(row["psi"], ".3f"),
        "most drift": f"{_number(row['psi_worst'], '.3f')} {row['psi_worst_month'] or ''}".strip(),
        "bits": _number(row["bits"], ".4f"),
        "floor": _number(row["floor"], ".4f"),
    }


def _number(value: object, how: str) -> str:
    return format(value, how) if isinstance(value, float) else "–"


def _summary(found: Measured) -> str:
    span = f"{found.rows:,} rows from {found.first:%Y-%m-%d %H:%M} to {found.last:%Y-%m-%d %H:%M} UTC"
    said = "".join(f"<li>{_code(escape(one))}</li>" for one in sentences(found))
    return f"<section><h2>What stands out</h2><p class='quiet'>{span}</p><ul>{said}</ul></section>"


def _code(text: str) -> str:
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", text)


def _rows(found: Measured) -> list[dict[str, str]]:
    declared = catalogue_rows(features_named(found.names), sorted({found.timeframe, "1m"}, key=minutes_of))
    return [  # what was measured first: the declaration is the wide part
        {"feature": told["feature"], **_values(row), **told}
        for told, row in zip(declared, found.table.iter_rows(named=True), strict=True)
    ]


def _table(found: Measured) -> str:
    rows = _rows(found)
    head = "".join(f"<th>{escape(name)}</th>" for name in rows[0])
    body = "".join(
        f"<tr id='{escape(name)}'>{''.join(_cell(column, value) for column, value in row.items())}</tr>"
        for name, row in zip(found.names, rows, strict=True)
    )
    return (
        f"<section><h2>Catalogue</h2><p class='quiet'>{escape(CATALOGUE)}</p><div class='wide'>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></section>"
    )


def _cell(column: str, value: str) -> str:
    shown = _code(escape(value))
    if column.startswith("drift") and value[0].isdigit() and float(value) > SOME:
        colour = "class='badge no'" if float(value) > MUCH else "class='badge' style='background:#fff6e0'"
        shown = f"<span {colour}>{shown}</span>"
    if column in ("formula", "source"):  # squeezed, they would make every row many lines high
        return f"<td style='min-width: 30em'>{shown}</td>"
    if column in ("distribution", "feature"):
        return f"<td class='t'>{shown}</td>"
    return f"<td class='n'>{shown}</td>" if column.split()[0] in _NUMBERS else f"<td>{shown}</td>"


_NUMBERS = {"nulls", "drift", "most", "bits", "floor"}  # first words of the columns of numbers


def _plots(found: Measured) -> list[str]:
    parts = [
        _section("Drift", DRIFT, figures.drift(found.drift, found.names, "drift")),
        _section("Correlation", RELATION, figures.correlation(found.correlation, found.names, "correlation")),
    ]
    if found.table["bits"].count():
        parts.append(_section("Importance", IMPORTANCE, figures.importance(found.table, "importance")))
    return parts


def _section(title: str, note: str, plot: str) -> str:
    return f"<section><h2>{title}</h2><p class='quiet'>{escape(note)}</p><figure>{plot}</figure></section>"
