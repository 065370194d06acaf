"""Which evidence makes a bar: ticks of whole minutes, then the venue's candle, then a second market's, else no row.

Aggregation is bars/, whether a second market may speak is repair.py, what is known at all is coverage/.
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import polars as pl

from pipelines.errors import MissingData
from pipelines.market.bars import from_candles, longer, one_minute
from pipelines.market.calendars import ALWAYS
from pipelines.market.coverage import coverage, expected_opens, span_of, spoken
from pipelines.market.coverage.statements import EMPTY, UNKNOWN
from pipelines.market.repair import fill_from_second
from pipelines.market.schemas import BARS, EVIDENCE, FIRST_SEEN, UTC_US


def _none(schema: dict[str, pl.DataType | type[pl.DataType]]) -> pl.DataFrame:
    return pl.DataFrame(schema=schema)


@dataclass(frozen=True)
class Told:
    """What sources say about the bars of one symbol and timeframe."""

    candles: pl.DataFrame  # CANDLES or FIRST_SEEN
    evidence: pl.DataFrame = field(default_factory=lambda: _none(EVIDENCE))
    second: pl.DataFrame = field(default_factory=lambda: _none(FIRST_SEEN))  # candles of one other market


@dataclass(frozen=True)
class Assembly:
    """The bars, and all evidence about those that are no row."""

    bars: pl.DataFrame  # BARS
    evidence: pl.DataFrame  # EVIDENCE that was given, and why a second market did not fill a hole
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
    found = _minutes(minute_bars, minutely, calendar)
    if timeframe == "1m":
        return found
    built = longer(found.bars, timeframe) if not found.bars.is_empty() else _none(BARS)
    bars = _with_candles(built, own, timeframe, calendar)
    told, refused = _repaired(own, bars, timeframe, calendar)
    if told is not own:
        bars = _with_candles(built, told, timeframe, calendar)
    return Assembly(bars, pl.concat([found.evidence, own.evidence, refused]))


def _minutes(minute_bars: pl.DataFrame, told: Told, calendar: str) -> Assembly:
    empty = _verified_empty(told.evidence, "1m", calendar)
    bars = one_minute(minute_bars, told.candles, empty)
    more, refused = _repaired(told, bars, "1m", calendar)
    if more is not told:
        bars = one_minute(minute_bars, more.candles, empty)
    return Assembly(bars, pl.concat([told.evidence, refused]))


def _with_candles(built: pl.DataFrame, told: Told, timeframe: str, calendar: str) -> pl.DataFrame:
    """The bars made of minutes, and for the others the venue's own of that length."""
    if told.candles.is_empty():
        return built
    own = from_candles(told.candles, timeframe, _verified_empty(told.evidence, timeframe, calendar))
    missing = own.join(built, on="open_time", how="anti")
    return pl.concat([built, missing.select(built.columns)]).sort("open_time")


def _verified_empty(evidence: pl.DataFrame, timeframe: str, calendar: str) -> pl.DataFrame:
    """`open_time` of the expected bars in which, all evidence weighed, nobody traded."""
    if evidence.is_empty():
        return _none({"open_time": BARS["open_time"]})
    span = evidence.select(pl.col("time").min(), pl.col("end").max()).row(0)
    said = spoken(expected_opens(span, timeframe, calendar), evidence, timeframe)
    return said.filter(pl.col("kind") == EMPTY).select("open_time")


def _repaired(told: Told, bars: pl.DataFrame, timeframe: str, calendar: str) -> tuple[Told, pl.DataFrame]:
    """What is told with the second market's bars in the holes between the first bar and the last, and the refusals.

    Unknown bars only: in an outage nobody could trade here, whatever went on elsewhere.
    """
    span = span_of(bars, timeframe)
    if told.second.is_empty() or span is None:
        return told, _none(EVIDENCE)
    expected = expected_opens(span, timeframe, calendar)
    ledger = coverage(span, bars, told.evidence, timeframe, expected)
    holes = ledger.filter(pl.col("kind") == UNKNOWN).select("time", "end").rows()
    repair = fill_from_second(bars, told.second, holes, timeframe)
    refused = _after(told.evidence, repair.left.join(ledger.select("time", said="reason"), on="time"))
    if repair.rows.is_empty():
        return told, refused
    more = pl.concat([told.candles, repair.rows], how="diagonal")
    return replace(told, candles=more.sort("open_time")), refused


def _after(evidence: pl.DataFrame, refused: pl.DataFrame) -> pl.DataFrame:
    """The refusals behind what was said before of the same bars, and weighed after it."""
    last = evidence.select(pl.col("seen_at").max() + timedelta(microseconds=1)).item()
    both = pl.col("said") + "; " + pl.col("reason")
    return refused.with_columns(reason=both, seen_at=pl.lit(last, UTC_US)).select(list(EVIDENCE))
