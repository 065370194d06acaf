"""What a paper session is fed: bars, and forecasts through the very functions that training used. No decisions here."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import polars as pl

from assets.obedience import Obeyed
from assets.tables import optional
from pipelines.features import compute, feature_set
from pipelines.market.schemas import BARS
from pipelines.market.timeframes import length_of
from pipelines.models.forecaster import Forecaster
from pipelines.sequences.volatility import volatility_bars, with_sigma
from pipelines.trading.session import SessionConfig
from resources.lake import Lake


def days_with_bars(
    lake: Lake, config: SessionConfig, obeyed: Mapping[str, Obeyed], since: datetime
) -> list[datetime]:
    """UTC midnights of the days that hold bars at or after `since`."""
    found: set[datetime] = set()
    for symbol in obeyed:
        times = optional(lake, "bars", {"symbol": symbol, "timeframe": config.timeframe}, BARS, since)[
            "open_time"
        ]
        found |= set(times.dt.truncate("1d").unique().to_list())
    return sorted(found)


def day_of(
    lake: Lake, config: SessionConfig, obeyed: Mapping[str, Obeyed], start: datetime, end: datetime
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bars of [start, end) of every obeyed symbol, and their forecasts.

    History always begins a fixed whole number of days before the day, so a restart in its middle sees the same
    numbers as an uninterrupted run, to the last bit of the exponential averages' state.
    """
    bars, forecasts = [], []
    for symbol, o in obeyed.items():
        history = warm_up(o.forecaster, config)
        day = start.replace(hour=0, minute=0, second=0, microsecond=0)
        frame = lake.read("bars", {"symbol": symbol, "timeframe": config.timeframe}, day - history, end)
        told = forecasts_of(o.forecaster, symbol, frame, config, max(start, o.serves_from))
        bars.append(frame.filter(pl.col("open_time") >= start).with_columns(symbol=pl.lit(symbol)))
        forecasts.append(told.with_columns(bundle=pl.lit(o.pointer.sha256)))
    return pl.concat(bars), pl.concat(forecasts)


def warm_up(forecaster: Forecaster, config: SessionConfig) -> timedelta:
    """Whole days of history that make every feature, σ and window of a day complete."""
    card = forecaster.manifest
    bars = (
        feature_set(card.feature_set).lookback + card.bars + volatility_bars(card.timeframe, card.horizon) + 2
    )
    return timedelta(days=-(-bars * length_of(config.timeframe) // timedelta(days=1)) + 1)


def forecasts_of(
    forecaster: Forecaster, symbol: str, bars: pl.DataFrame, config: SessionConfig, since: datetime
) -> pl.DataFrame:
    """Forecasts on the bars of one symbol that open at or after `since`; those before are only their history."""
    card = forecaster.manifest
    features = with_sigma(
        compute(bars, config.timeframe, card.features), bars, config.timeframe, card.horizon
    )
    asked = features.with_columns(sigma=pl.when(pl.col("open_time") >= since).then("sigma"))
    return forecaster.forecast({symbol: asked})
