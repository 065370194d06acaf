"""The catalogue as a table: what each declaration says about itself, as rows and as Markdown. Nothing is measured."""

from collections.abc import Mapping, Sequence

from pipelines.features.declaration import Feature
from pipelines.market.timeframes import minutes_of

SHOWN = ("1m", "1h")  # timeframes whose lookbacks the Markdown table gives


def formula_of(feature: Feature) -> str:
    """The first line of the declaration's docstring: the formula in words."""
    return feature.doc.strip().partition("\n")[0].strip()


def source_of(feature: Feature) -> str:
    """Where the definition comes from: what follows "Source:" in the docstring, on one line; empty without it."""
    return " ".join(feature.doc.partition("Source:")[2].split())


def needs_of(feature: Feature) -> str:
    """The data that the feature is made of: candles, ticks, or the optional source that it names."""
    if feature.source != "bars":
        return feature.source
    return "ticks" if feature.ticks else "candles"


def lookback_of(feature: Feature, timeframe: str) -> str:
    """Bars of the timeframe, including the bar itself, that the value needs; a dash where it does not exist."""
    minutes = minutes_of(timeframe)
    return str(feature.bars(minutes)) if feature.exists(minutes) else "–"


def catalogue_rows(features: Sequence[Feature], timeframes: Sequence[str] = SHOWN) -> list[dict[str, str]]:
    """One row of texts per feature, in the given order; lookbacks in bars including the bar itself."""
    return [
        {
            "feature": f"`{one.name}`",
            "group": one.group,
            "unit": one.unit,
            "encoding": one.encoding,
            "formula": formula_of(one),
            **{f"bars at {name}": lookback_of(one, name) for name in timeframes},
            "needs": needs_of(one),
            "inputs": ", ".join(one.inputs) or "its open time",
            "known": one.known,
            "longer bars": one.aggregation,
            "source": source_of(one),
        }
        for one in features
    ]


def markdown(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows of one shape as a Markdown table; what a cell says never ends the cell or opens a tag."""
    if not rows:
        return "nothing"
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(_cell(row[name]) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def catalogue_markdown(features: Sequence[Feature]) -> str:
    """The catalogue table in Markdown."""
    return markdown(catalogue_rows(features))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
