"""Minute bars and exchange candles -> BARS. Which source wins, and the close that an empty bar carries.

Rules: ticks where they exist, else the candle. A bar without a trade is `verified-empty`, flat at the close of the bar
before it; a candle says that nobody traded by volume 0 at one price. To a candle of trades yield the tick feed's word
that nobody traded, and the first and last minute of each unbroken run of ticks: the feed may have begun or ended in
their middle. A bar of a second venue says nothing about this one: it yields to anything that this one's ticks say, and
is never `verified-empty`. Evidence that nobody traded makes a row only after a bar whose close is known; what is
unknown makes none.
"""

from datetime import timedelta

import polars as pl

from pipelines.market.schemas import BARS, CANDLES, MINUTE_AGGREGATES
from pipelines.market.timeframes import length_of

NO_TRADE: dict[str, float] = {
    "trades": 0,
    "bought": 0.0,
    "sold": 0.0,
    "size_m2": 0.0,
    "price_m2": 0.0,
    "large_trades": 0,
    "realized_variance": 0.0,
}
"""What follows from no trade alone; everything else about an empty candle (book, windows) is unknown."""

EMPTY = "verified-empty"
QUOTED = "alpaca."
"""Markets whose candles without a trade have volume 0 and the prices of quotes, a range among them (venues.py); of
any other market a range of prices was traded, whatever the volume says."""
MINUTE = timedelta(minutes=1)


def one_minute(
    minute_bars: pl.DataFrame, candles: pl.DataFrame, evidence: pl.DataFrame | None = None
) -> pl.DataFrame:
    """MINUTE_BARS and 1 m CANDLES of one symbol -> its 1 m BARS, all sorted by open_time; either may be empty.

    candles : CANDLES, or FIRST_SEEN, whose origin the bars keep (null: candle)
    evidence : open times (`open_time`) of minutes in which a source says that nobody traded; None: none
    A minute of ticks is whole when the feed was alive in the minutes before and after it; one at the edge of a
    run is used only where no candle has volume. An empty minute whose previous minute is not known has no close to
    carry: it is no row if it comes from ticks or evidence, and flat at its own close if it comes from a candle in
    which nobody traded.
    """
    candles = _with_origin(candles).filter(
        ~_elsewhere() | ~pl.col("open_time").is_in(minute_bars["open_time"].implode())
    )
    whole = minute_bars.filter((pl.col("trades") > 0) & ~_at_an_edge())
    traded = candles.filter(_traded()).join(whole, on="open_time", how="anti")
    silent = candles.filter(~_traded()).join(minute_bars, on="open_time", how="anti")
    from_ticks = minute_bars.join(traded, on="open_time", how="anti").with_columns(
        origin=pl.when(pl.col("trades") > 0).then(pl.lit("ticks")).otherwise(pl.lit(EMPTY))
    )
    parts = [_as_bars(part) for part in (from_ticks, _candle_bars(traded), _empty_candle_bars(silent))]
    return _carry(_and_empty(pl.concat(parts), evidence), MINUTE)


def from_candles(candles: pl.DataFrame, timeframe: str, evidence: pl.DataFrame | None = None) -> pl.DataFrame:
    """CANDLES of a timeframe -> its BARS, sorted by open_time; a candle in which nobody traded is `verified-empty`.

    That is one of volume 0 at one price, and of a QUOTED market one of volume 0 at whatever prices. `candles` and
    `evidence` as in one_minute. Aggregates are null, except what follows from no trade. Raises UnknownName for an
    unknown timeframe.
    """
    length = length_of(timeframe)
    told = _with_origin(candles)
    parts = [
        _as_bars(_candle_bars(told.filter(_traded()))),
        _as_bars(_empty_candle_bars(told.filter(~_traded()))),
    ]
    return _carry(_and_empty(pl.concat(parts), evidence), length)


def _with_origin(candles: pl.DataFrame) -> pl.DataFrame:
    """CANDLES plus their origin (older lakes and files have none, or null) and whether quotes make its prices."""
    origin = (
        pl.col("origin").fill_null("candle")
        if "origin" in candles.columns
        else pl.lit("candle").alias("origin")
    )
    market = pl.col("market").cast(pl.String) if "market" in candles.columns else pl.lit(None, pl.String)
    quoted = market.str.starts_with(QUOTED).fill_null(value=False).alias("#quoted")
    return candles.select(*CANDLES, origin, quoted)


def _elsewhere() -> pl.Expr:
    return pl.col("origin") == "second-venue"


def _at_an_edge() -> pl.Expr:
    """Whether the minute before or after is not there: the first or last of its run, of sorted minute bars."""
    step = pl.col("open_time").diff()
    inner = (step == MINUTE) & (step.shift(-1) == MINUTE)
    return ~inner.fill_null(value=False)


def _traded() -> pl.Expr:
    """A candle of trades, of whatever venue; one with a null stays a candle: quality() must see it."""
    one_price = (pl.col("high") == pl.col("low")) & (pl.col("open") == pl.col("close"))
    quiet = (pl.col("volume") == 0) & ((one_price & (pl.col("open") == pl.col("high"))) | pl.col("#quoted"))
    return ~quiet.fill_null(value=False) | _elsewhere()


def _candle_bars(candles: pl.DataFrame) -> pl.DataFrame:
    return candles.with_columns(**{name: pl.lit(None) for name in MINUTE_AGGREGATES})


def _empty_candle_bars(candles: pl.DataFrame) -> pl.DataFrame:
    stated = {name: pl.lit(NO_TRADE.get(name)) for name in MINUTE_AGGREGATES}
    return candles.with_columns(origin=pl.lit(EMPTY), **stated)


def _and_empty(bars: pl.DataFrame, evidence: pl.DataFrame | None) -> pl.DataFrame:
    """The bars and, where there is none, an empty one of unknown close for each open time of the evidence."""
    if evidence is None or evidence.is_empty():
        return bars
    told = evidence.select("open_time").unique().join(bars, on="open_time", how="anti")
    prices = {name: pl.lit(None) for name in ("open", "high", "low", "close")}
    return pl.concat([bars, _as_bars(_empty_candle_bars(told.with_columns(**prices, volume=pl.lit(0.0))))])


def _as_bars(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(list(BARS)).cast(pl.Schema(BARS))


def _carry(bars: pl.DataFrame, length: timedelta) -> pl.DataFrame:
    """Sort, flatten empty bars at the last close of their unbroken run, drop those before any known close."""
    bars = bars.sort("open_time", maintain_order=True)
    run = (pl.col("open_time").diff() > length).fill_null(value=False).cum_sum().alias("run")
    seen = pl.col("close").is_not_null().cum_sum().over("run")
    known = pl.when((pl.col("origin") != EMPTY) | (seen == 1)).then(pl.col("close"))
    carried = known.forward_fill().over("run")
    empty = pl.col("origin") == EMPTY
    flat = {name: pl.when(empty).then("carried").otherwise(name) for name in ("open", "high", "low", "close")}
    return (
        bars.with_columns(run)
        .with_columns(carried=carried)
        .with_columns(**flat)
        .filter(~empty | pl.col("carried").is_not_null())
        .select(list(BARS))
    )
