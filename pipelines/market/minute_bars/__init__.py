"""Ticks and order book -> one row per minute: prices, and the aggregates that features 34-53 need.

`minute_bars` is the only public name. Not here: reading ticks (resources), candles and longer bars
(pipelines.market.bars), the features themselves (pipelines.features).
"""

from pipelines.market.minute_bars.day import minute_bars

__all__ = ["minute_bars"]
