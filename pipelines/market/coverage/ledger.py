"""Spans of the gap ledger, and what must still be asked for. Which evidence holds is statements.py."""

from datetime import datetime

import polars as pl

from pipelines.market.calendars import ALWAYS, calendar_of
from pipelines.market.coverage.statements import DOWN, EMPTY, PRESENT, UNKNOWN, spoken
from pipelines.market.schemas import COVERAGE, UTC_US
from pipelines.market.timeframes import length_of

Span = tuple[datetime, datetime]
UNASKED = "no source has said anything about it"
NO_CLOSE = "nobody traded, and no close before it is known that it could carry"


def expected_opens(span: Span, timeframe: str, calendar: str = ALWAYS) -> pl.Series:
    """Open times of the bars that a calendar expects in [start, end), ascending; see `calendars.Calendar.opens`."""
    return calendar_of(calendar).opens(*span, timeframe)


def coverage(
    span: Span,
    bars: pl.DataFrame,
    evidence: pl.DataFrame,
    timeframe: str,
    expected: pl.Series | None = None,
) -> pl.DataFrame:
    """COVERAGE of the bars of a timeframe that open in [start, end).

    bars : BARS of any span (`open_time` and `origin` are read); origin verified-empty counts as that, any other as
        present
    evidence : EVIDENCE; of bars that are no row it tells venue-down from unknown, and gives the reason. A bar that is
        said to be verified-empty and is no row stays unknown: there is no close to carry into it
    expected : the open times that a calendar expects; None: every bar

    Spans are disjoint, ascending and half-open; none reaches over bars that are not expected, so a span is as long
    as its bars together. Each expected bar is in exactly one.
    """
    opens = _within(span, expected, timeframe)
    rows = bars.select("open_time", pl.col("origin").fill_null(PRESENT)).unique("open_time")
    said = spoken(opens, evidence, timeframe).join(rows, on="open_time", how="left", maintain_order="left")
    return _spans(said.select("open_time", _kind(), _reason()), timeframe)


def missing_spans(
    span: Span,
    stored: pl.DataFrame,
    evidence: pl.DataFrame,
    timeframe: str,
    expected: pl.Series | None = None,
) -> list[Span]:
    """Half-open spans in [start, end) that must still be asked for, ascending; none is touched by the next.

    Not asked again: bars that FIRST_SEEN `stored` has, repaired ones included, and verified-empty ones. Asked again:
    what is unknown, what nobody was asked for, and what lay in an outage, after which venues often hand it in.
    """
    opens = _within(span, expected, timeframe)
    said = spoken(opens, evidence, timeframe).join(stored, on="open_time", how="anti", maintain_order="left")
    open_ = said.filter((pl.col("kind") != EMPTY).fill_null(value=True))
    spans = _spans(open_.select("open_time", kind=pl.lit(UNKNOWN), reason=pl.lit("")), timeframe)
    return list(spans.select("time", "end").iter_rows())


def listed(ledger: pl.DataFrame, timeframe: str) -> pl.DataFrame:
    """COVERAGE bar by bar: `open_time`, `kind`, `reason`, ascending."""
    length = length_of(timeframe)
    steps = pl.int_ranges(0, "bars").alias("step")
    return (
        ledger.select("time", "kind", "reason", steps)
        .explode("step", empty_as_null=False)
        .select((pl.col("time") + pl.col("step") * length).alias("open_time"), "kind", "reason")
    )


def verified_empty(evidence: pl.DataFrame, timeframe: str, calendar: str = ALWAYS) -> pl.DataFrame:
    """`open_time` of the expected bars in which, all EVIDENCE weighed, nobody traded; ascending."""
    if evidence.is_empty():
        return pl.DataFrame(schema={"open_time": UTC_US})
    span = evidence.select(pl.col("time").min(), pl.col("end").max()).row(0)
    said = spoken(expected_opens(span, timeframe, calendar), evidence, timeframe)
    return said.filter(pl.col("kind") == EMPTY).select("open_time")


def span_of(bars: pl.DataFrame, timeframe: str) -> Span | None:
    """[first open, last close) of a table with open times, or None when it is empty."""
    if bars.is_empty():
        return None
    first, last = bars.select(pl.col("open_time").min().alias("a"), pl.col("open_time").max().alias("b")).row(
        0
    )
    return first, last + length_of(timeframe)


def _within(span: Span, expected: pl.Series | None, timeframe: str) -> pl.Series:
    if expected is None:
        return expected_opens(span, timeframe)
    opens = expected.cast(UTC_US).unique().sort().rename("open_time")
    return opens.filter(opens.is_between(*span, closed="left"))


def _kind() -> pl.Expr:
    row = pl.when(pl.col("origin") == EMPTY).then(pl.lit(EMPTY)).otherwise(pl.lit(PRESENT))
    none = pl.when(pl.col("kind") == DOWN).then(pl.lit(DOWN)).otherwise(pl.lit(UNKNOWN))
    return pl.when(pl.col("origin").is_not_null()).then(row).otherwise(none).alias("kind")


def _reason() -> pl.Expr:
    no_row = (
        pl.when(pl.col("kind") == EMPTY).then(pl.lit(NO_CLOSE)).otherwise(pl.col("reason").fill_null(UNASKED))
    )
    return pl.when(pl.col("origin").is_not_null()).then(pl.lit("")).otherwise(no_row).alias("reason")


def _spans(bars: pl.DataFrame, timeframe: str) -> pl.DataFrame:
    """Runs of neighbouring bars of one kind and reason."""
    length = length_of(timeframe)
    new = (
        (pl.col("open_time").diff() != length)
        | (pl.col("kind") != pl.col("kind").shift())
        | (pl.col("reason") != pl.col("reason").shift())
    ).fill_null(value=True)
    runs = bars.with_columns(new.cum_sum().alias("#run")).group_by("#run", maintain_order=True)
    spans = runs.agg(
        time=pl.col("open_time").first(),
        end=pl.col("open_time").last() + length,
        kind=pl.col("kind").first(),
        bars=pl.len(),
        reason=pl.col("reason").first(),
    )
    return spans.select(list(COVERAGE)).cast(pl.Schema(COVERAGE))
