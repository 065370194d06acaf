"""Which evidence makes a bar: ticks of whole minutes, then the venue's candle, else no row. Aggregation: bars/."""

import polars as pl

from pipelines.errors import MissingData
from pipelines.market.bars import from_candles, longer, one_minute
from pipelines.market.schemas import BARS


def assemble(
    minute_bars: pl.DataFrame, minute_candles: pl.DataFrame, candles: pl.DataFrame, timeframe: str
) -> pl.DataFrame:
    """BARS of one symbol and timeframe from whatever is known.

    minute_bars : MINUTE_BARS of the primary market, may be empty
    minute_candles, candles : CANDLES at 1m and at `timeframe`, may be empty
    A longer bar comes from its minutes when all are known, else from the venue's candle of that length.
    Raises MissingData when all three are empty.
    """
    if minute_bars.is_empty() and minute_candles.is_empty() and candles.is_empty():
        raise MissingData(
            f"no ticks and no candles for {timeframe} bars: expected minute_bars, 1m candles or {timeframe} candles, "
            "found none; materialize `candles` or `minute_bars` of this symbol first."
        )
    minutes = one_minute(minute_bars, minute_candles)
    if timeframe == "1m":
        return minutes
    built = longer(minutes, timeframe) if not minutes.is_empty() else pl.DataFrame(schema=BARS)
    if candles.is_empty():
        return built
    own = from_candles(candles, timeframe).join(built, on="open_time", how="anti")
    return pl.concat([built, own.select(built.columns)]).sort("open_time")
