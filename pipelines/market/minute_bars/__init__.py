"""Ticks and order book -> one row per minute: prices, and the aggregates that features 34-53 need.

`minute_bars` believes every silence of the trades; `heard_minutes` asks what vouches for it. Not here: reading ticks
(resources), candles and longer bars (pipelines.market.bars), the features themselves (pipelines.features).
"""

from pipelines.market.minute_bars.day import heard_minutes, minute_bars
from pipelines.market.minute_bars.silence import Hearing

__all__ = ["Hearing", "heard_minutes", "minute_bars"]
