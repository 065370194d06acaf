"""Which evidence makes a bar: ticks of whole minutes, then what stands in the candle table, else no row.

Aggregation is bars/, filling holes of the candle table is second_market.py, what is known at all is coverage/.
"""

from dataclasses import dataclass, field

import polars as pl

from pipelines.errors import MissingData
from pipelines.market.bars import from_candles, longer, one_minute
from pipelines.market.calendars import ALWAYS
from pipelines.market.coverage import verified_empty
from pipelines.market.schemas import BARS, EVIDENCE


def _none(schema: dict[str, pl.DataType | type[pl.DataType]]) -> pl.DataFrame:
    return pl.DataFrame(schema=schema)


@dataclass(frozen=True)
class Told:
    """What sources say about the bars of one symbol and timeframe."""

    candles: pl.DataFrame  # CANDLES or FIRST_SEEN, holes filled as second_market.py fills them
    evidence: pl.DataFrame = field(default_factory=lambda: _none(EVIDENCE))


@dataclass(frozen=True)
class Assembly:
    """The bars, and all evidence about those that are no row."""

    bars: pl.DataFrame  # BARS
    evidence: pl.DataFrame  # EVIDENCE that was given
    notes: tuple[str, ...] = ()  # sentences for whoever reads the bars' metadata


def assemble(
    minute_bars: pl.DataFrame, minute_candles: pl.DataFrame, candles: pl.DataFrame, timeframe: str
) -> pl.DataFrame:
    """BARS of one symbol and timeframe from ticks and candles alone; see assemble_told."""
    return assemble_told(minute_bars, Told(minute_candles), Told(candles), timeframe).bars


def assemble_told(
    minute_bars: pl.DataFrame, minutely: Told, own: Told, timeframe: str, calendar: str = ALWAYS
) -> Assembly:
    """BARS of one symbol and timeframe from whatever is known.

    minute_bars : MINUTE_BARS of the primary market, may be empty
    minutely, own : what is told at 1m and at `timeframe`; the same for 1m
    calendar : name of the calendar that says which bars are expected
    A longer bar comes from its minutes when all are known, else from the venue's candle of that length. A bar that is
    verified empty is a row only when the bar before it is; an unknown or venue-down one is no row and nothing is
    carried over it. Raises MissingData when there are neither ticks nor candles.
    """
    if minute_bars.is_empty() and minutely.candles.is_empty() and own.candles.is_empty():
        raise MissingData(
            f"no ticks and no candles for {timeframe} bars: expected minute_bars, 1m candles or {timeframe} candles, "
            "found none; materialize `candles` or `minute_bars` of this symbol first."
        )
    empty = verified_empty(minutely.evidence, "1m", calendar)
    minutes = one_minute(minute_bars, minutely.candles, empty)
    if timeframe == "1m":
        return Assembly(minutes, minutely.evidence)
    built = longer(minutes, timeframe) if not minutes.is_empty() else _none(BARS)
    evidence = pl.concat([minutely.evidence, own.evidence])
    return Assembly(_with_candles(built, own, timeframe, calendar), evidence)


def _with_candles(built: pl.DataFrame, told: Told, timeframe: str, calendar: str) -> pl.DataFrame:
    """The bars made of minutes, and for the others the venue's own of that length."""
    if told.candles.is_empty():
        return built
    own = from_candles(told.candles, timeframe, verified_empty(told.evidence, timeframe, calendar))
    missing = own.join(built, on="open_time", how="anti")
    return pl.concat([built, missing.select(built.columns)]).sort("open_time")
