"""Findings about ticks: bars made of them against the exchange's candles, their ids, their books, their clock."""

import polars as pl

from pipelines.market.quality.finding import EXAMPLES, Finding, Inputs, nothing
from pipelines.market.quality.limits import QualityLimits
from pipelines.market.quality.ticks import dense, quantile

NO_TICKS = "no ticks are looked at here: there are none, or they are judged with the shortest timeframe."


def differences(bars: pl.DataFrame, candles: pl.DataFrame) -> pl.DataFrame:
    """`open_time`, and by how much (share) `close` and `volume` of tick-built bars differ from the venue's candles."""
    told = (
        candles.filter(pl.col("origin").fill_null("candle") == "candle")
        if "origin" in candles.columns
        else candles
    )
    both = bars.filter(pl.col("origin") == "ticks").join(told, on="open_time", suffix="_candle")
    return both.select(
        "open_time",
        *((pl.col(name) / pl.col(f"{name}_candle") - 1.0).alias(name) for name in ("close", "volume")),
    )


def ticks_match_candles(inputs: Inputs, limits: QualityLimits) -> Finding:
    """Tick-built bars whose close or volume is outside the tolerance of the exchange's own candle."""
    apart, name = differences(inputs.bars, inputs.candles), "ticks_match_candles"
    if apart.is_empty():
        return nothing(
            name, limits.tick_mismatch_share, "no bar is known both from ticks and as the venue's candle."
        )
    worst = pl.max_horizontal(pl.col("close").abs(), pl.col("volume").abs())
    outside = apart.with_columns(worst.alias("apart")).filter(~(pl.col("apart") <= limits.tick_tolerance))
    share = outside.height / apart.height
    sentence = (
        f"{outside.height:,} of {apart.height:,} tick-built bars differ from the exchange's candle by more than "
        f"{limits.tick_tolerance:.1%} in close or volume ({share:.2%})"
    )
    examples = outside.sort("apart", descending=True).head(EXAMPLES)
    if outside.height:
        row = examples.row(0, named=True)
        apart_by = f"close {row['close']:+.3%}, volume {row['volume']:+.2%}"
        sentence += f"; worst: {row['open_time']:%Y-%m-%d %H:%M}, {apart_by}"
    passed = share <= limits.tick_mismatch_share
    return Finding(name, passed, share, limits.tick_mismatch_share, f"{sentence}.", rows=examples)


def trade_ids(inputs: Inputs, limits: QualityLimits) -> Finding:
    """The day with most missing trade ids, of a market that counts its trades without gaps."""
    days = dense(inputs.tick_days).sort("missing", descending=True)
    if days.is_empty():
        why = (
            NO_TICKS
            if inputs.tick_days.is_empty()
            else "the market has no trade ids that are counted without gaps: lost trades leave no trace in them."
        )
        return nothing("trade_ids", limits.id_gap_share, why)
    worst = days.row(0, named=True)
    over = days.filter(pl.col("missing") > limits.id_gap_share)
    disordered = int(days["disordered"].sum())
    sentence = (
        f"trade ids cover {1 - worst['missing']:.3%} of the worst of {days.height} days ({worst['date']}: "
        f"{worst['expected'] - worst['ids']:,} of {worst['expected']:,} ids are not there); {over.height} days miss "
        f"more than {limits.id_gap_share:.1%}; {disordered:,} ids repeat or run backwards."
    )
    passed = over.is_empty() and disordered == 0
    return Finding(
        "trade_ids", passed, worst["missing"], limits.id_gap_share, sentence, rows=days.head(EXAMPLES)
    )


def crossed_books(inputs: Inputs, limits: QualityLimits) -> Finding:
    """Share of snapshots whose best bid is above (crossed) or at (locked) the best ask; no feature reads them."""
    books, crossed, locked = (int(inputs.tick_days[name].sum()) for name in ("books", "crossed", "locked"))
    if not books:
        return nothing("crossed_books", limits.crossed_share, NO_TICKS)
    share = (crossed + locked) / books
    sentence = f"{crossed:,} of {books:,} book snapshots are crossed and {locked:,} locked ({share:.3%})."
    bad = inputs.tick_days.filter(pl.col("crossed") + pl.col("locked") > 0)
    examples = bad.sort(pl.col("crossed") + pl.col("locked"), descending=True).head(EXAMPLES)
    return Finding(
        "crossed_books", share <= limits.crossed_share, share, limits.crossed_share, sentence, rows=examples
    )


def clock(inputs: Inputs, limits: QualityLimits) -> Finding:
    """Local minus exchange time: an event cannot be received before it happened, nor always seconds after it."""
    delays = inputs.delays
    if delays.is_empty():
        return nothing("clock", limits.clock_seconds, "no tick has a local time: delays are not known.")
    median, late = quantile(delays, 0.5), quantile(delays, 0.99)
    before = int(delays.filter(pl.col("seconds") < 0)["count"].sum()) / int(delays["count"].sum())
    sentence = (
        f"local time is {median:+.3g} s from exchange time in the median and {late:+.3g} s at the 99th percentile; "
        f"{before:.2%} of the events were received before they happened"
    )
    passed = abs(median) <= limits.clock_seconds and before <= limits.negative_delay_share
    remedy = "" if passed else ": the recorder's clock is off, and lateness measured by it means nothing"
    return Finding("clock", passed, median, limits.clock_seconds, f"{sentence}{remedy}.")
