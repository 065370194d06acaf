"""Features 26–29: the relative strength index and the moving average convergence divergence."""

import numpy as np
import polars as pl

from pipelines.features.block import Array, Block, Inputs, Whole
from pipelines.features.declaration import feature
from pipelines.features.rolling import Windows, change, ratio


def exponential_average(values: Array, rows: int, inputs: Inputs) -> Array:
    """Unadjusted exponential average, α = 2/(rows + 1), starting at the first value after each gap, (N,)."""
    average = pl.col("values").ewm_mean(span=rows, adjust=False)
    frame = pl.DataFrame({"values": values, "run": inputs.run})
    return frame.select(average.over("run") if inputs.run[-1] else average).to_series().to_numpy()


def _line(inputs: Inputs) -> Array:
    close = inputs.column("close")
    return exponential_average(close, 12, inputs) - exponential_average(close, 26, inputs)


def _signal(inputs: Inputs) -> Array:
    return exponential_average(inputs.whole(_line), 9, inputs)


_whole_line = Whole(_line)
_whole_signal = Whole(_signal)


@feature(unit="0-100", lookback=15, bounds=(0.0, 100.0))
def rsi_14(x: Block) -> Array:
    """100·U/(U + D), U and D the sums of up and down moves over 14 bars; 50 when the price stood still.

    Cutler's form: a plain sum, so its memory is exactly 14 moves. Wilder's smoothed form never forgets.
    Source: Cutler's RSI, after Wilder (1978), New Concepts, ch. VI.
    """
    moves = change(x.close)
    up = Windows(np.maximum(moves, 0.0)).sum(14)
    down = Windows(np.maximum(-moves, 0.0)).sum(14)
    values = ratio(up, up + down, when_zero=0.5)
    values *= 100.0
    return values


@feature(unit="quote", encoding="relative", lookback=276)
def macd(x: Block) -> Array:
    """ema_12(C) − ema_26(C), α = 2/(n + 1), unadjusted; the averages start at the first close after a gap.

    Source: Appel (2005), Technical Analysis, ch. 8.
    """
    return x(_whole_line)


@feature(unit="quote", encoding="relative", lookback=276)
def macd_signal(x: Block) -> Array:
    """The exponential average of macd: ema_9, starting at the first macd after a gap.

    Source: Appel (2005), Technical Analysis, ch. 8.
    """
    return x(_whole_signal)


@feature(unit="quote", encoding="relative", lookback=276)
def macd_histogram(x: Block) -> Array:
    """The line minus its signal: macd − macd_signal, redundant by construction.

    Source: Appel (2005), Technical Analysis, ch. 8.
    """
    return x(macd) - x(macd_signal)
