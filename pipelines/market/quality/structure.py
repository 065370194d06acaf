"""Findings about the form of the tables: duplicates, order, prices that contradict each other. All are blocking."""

import polars as pl

from pipelines.market.bars import Quality, quality
from pipelines.market.quality.finding import EXAMPLES, Finding, Inputs
from pipelines.market.schemas import CANDLES

PRICES = ("open", "high", "low", "close")


def structure(inputs: Inputs) -> list[Finding]:
    """duplicates, order and ohlc, of the bars and of the candles they may be made of."""
    bars = quality(inputs.bars, inputs.timeframe)
    raw = inputs.candles.select(list(CANDLES)).with_columns(origin=pl.lit("candle"))
    candles = quality(raw, inputs.timeframe)
    return [
        _finding("duplicates", inputs, bars, candles, ("duplicates",), "repeat an open time", _duplicated()),
        _finding(
            "order", inputs, bars, candles, ("unsorted", "off_grid"),
            f"are out of order or do not open at a multiple of {inputs.timeframe}", _disordered(),
        ),
        _finding(
            "ohlc", inputs, bars, candles, ("ohlc_violations", "not_finite", "false_empty"),
            "have prices that contradict each other, are not positive or not finite, or a negative volume", _broken(),
        ),
    ]  # fmt: skip


def _finding(
    name: str,
    inputs: Inputs,
    bars: Quality,
    candles: Quality,
    counts: tuple[str, ...],
    words: str,
    which: pl.Expr,
) -> Finding:
    bad, raw = (sum(int(getattr(found, count)) for count in counts) for found in (bars, candles))
    sentence = f"{bad:,} of {bars.rows:,} bars and {raw:,} of {candles.rows:,} candles {words}"
    both = [inputs.bars.select(list(CANDLES)), inputs.candles.select(list(CANDLES))]
    examples = pl.concat([table.filter(which).head(EXAMPLES) for table in both])
    passed = bad + raw == 0
    remedy = "." if passed else "; read them again from their source, or repair the file."
    return Finding(name, passed, float(bad + raw), 0.0, sentence + remedy, True, examples)


def _duplicated() -> pl.Expr:
    return pl.col("open_time").is_duplicated()


def _disordered() -> pl.Expr:
    return (pl.col("open_time").diff().dt.total_microseconds() < 0).fill_null(value=False)


def _broken() -> pl.Expr:
    outside = (pl.col("high") < pl.max_horizontal(*PRICES)) | (pl.col("low") > pl.min_horizontal(*PRICES))
    numbers = pl.all_horizontal(
        pl.col(name).is_finite().fill_null(value=False) for name in (*PRICES, "volume")
    )
    return (outside | (pl.min_horizontal(*PRICES) <= 0) | (pl.col("volume") < 0) | ~numbers).fill_null(
        value=True
    )
