"""One finding about a table, what it is found in, and all of them as a table. Nothing is judged here."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from pipelines.market.quality.ticks import DELAYS, TICK_DAYS
from pipelines.market.schemas import CANDLES, REVISIONS

EXAMPLES = 20  # rows a finding keeps
FINDINGS: dict[str, pl.DataType | type[pl.DataType]] = {
    "name": pl.String,
    "passed": pl.Boolean,
    "blocking": pl.Boolean,
    "value": pl.Float64,  # null where there was nothing to look at
    "limit": pl.Float64,
    "sentence": pl.String,
}


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    name: str
    passed: bool
    value: float | None  # None: there was nothing to look at
    limit: float
    sentence: str
    blocking: bool = False
    rows: pl.DataFrame = field(default_factory=pl.DataFrame)  # examples, worst first


@dataclass(frozen=True)
class Inputs:
    """What is known of one symbol and timeframe; everything but bars and ledger may be empty."""

    symbol: str
    timeframe: str
    bars: pl.DataFrame  # BARS
    ledger: pl.DataFrame  # COVERAGE
    candles: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=CANDLES))  # or FIRST_SEEN
    second: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=CANDLES))  # or FIRST_SEEN
    revisions: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REVISIONS))
    tick_days: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=TICK_DAYS))
    delays: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=DELAYS))


def nothing(name: str, limit: float, why: str) -> Finding:
    """A finding with nothing to look at: passed, and saying so."""
    return Finding(name, True, None, limit, why)


def as_table(findings: Sequence[Finding]) -> pl.DataFrame:
    """FINDINGS, one row a finding."""
    return pl.DataFrame(
        [{name: getattr(one, name) for name in FINDINGS} for one in findings], schema=FINDINGS
    )


def from_table(table: pl.DataFrame) -> list[Finding]:
    """Findings of their FINDINGS table; the example rows are not kept in it."""
    return [Finding(**row) for row in table.select(list(FINDINGS)).iter_rows(named=True)]
