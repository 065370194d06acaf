"""The gap ledger: of every expected bar whether it is present, verified empty, unknown, or the venue was down.

`present` and `verified-empty` are rows of the bar table; `unknown` and `venue-down` are no rows. The four add up to
what the calendar expects. Not here: asking a venue (resources/), filling holes (pipelines.market.second_market).
"""

from pipelines.market.coverage.judging import (
    Share,
    adds_up,
    interior,
    known_bars,
    longest_unknown,
    require_known,
    totals,
    unknown_share,
)
from pipelines.market.coverage.ledger import (
    coverage,
    expected_opens,
    listed,
    missing_spans,
    span_of,
    verified_empty,
)
from pipelines.market.coverage.outages import still_down
from pipelines.market.coverage.statements import KINDS, spoken, weighty

__all__ = [
    "KINDS",
    "Share",
    "adds_up",
    "coverage",
    "expected_opens",
    "interior",
    "known_bars",
    "listed",
    "longest_unknown",
    "missing_spans",
    "require_known",
    "span_of",
    "spoken",
    "still_down",
    "totals",
    "unknown_share",
    "verified_empty",
    "weighty",
]
