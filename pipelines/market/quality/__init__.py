"""Is the data what it says it is: findings in words about the bars of one symbol and timeframe and what made them.

Blocking findings (gaps, duplicates, order, ohlc, outliers) keep features from being made; the others are told.
Not here: repairing anything, and where reports are written.
"""

from pipelines.market.quality.agreement import clock, crossed_books, ticks_match_candles, trade_ids
from pipelines.market.quality.finding import FINDINGS, Finding, Inputs, as_table, from_table
from pipelines.market.quality.known import filled, gaps, history, revisions
from pipelines.market.quality.limits import QualityLimits, Waiver
from pipelines.market.quality.outliers import outliers
from pipelines.market.quality.structure import structure
from pipelines.market.quality.ticks import DELAYS, TICK_DAYS, add_delays, tick_day

__all__ = [
    "BLOCKING",
    "DELAYS",
    "FINDINGS",
    "TELLING",
    "TICK_DAYS",
    "Finding",
    "Inputs",
    "QualityLimits",
    "Waiver",
    "add_delays",
    "as_table",
    "findings",
    "from_table",
    "tick_day",
]

BLOCKING = ("gaps", "duplicates", "order", "ohlc", "outliers")
TELLING = (
    *("history", "filled", "revisions"),
    *("ticks_match_candles", "trade_ids", "crossed_books", "clock"),
)


def findings(inputs: Inputs, limits: QualityLimits) -> list[Finding]:
    """Every finding, the blocking ones first; their names are those of BLOCKING and TELLING, in that order."""
    judged = [
        gaps,
        outliers,
        history,
        filled,
        revisions,
        ticks_match_candles,
        trade_ids,
        crossed_books,
        clock,
    ]
    found = [*structure(inputs), *(judge(inputs, limits) for judge in judged)]
    by_name = {one.name: one for one in found}
    return [by_name[name] for name in (*BLOCKING, *TELLING)]
