"""The one bar table: minutes from ticks or candles, longer bars from minutes, and what is wrong with them.

A bar is known or absent: an unknown or venue-down minute is no row. Its origin says where it comes from:
`ticks`, `candle`, `second-venue`, or `verified-empty` (the venue was up and nobody traded).
Not here: how minutes are made of ticks (pipelines.market.minute_bars), repair from second venues.
"""

from pipelines.market.bars.longer import longer
from pipelines.market.bars.quality import Quality, quality
from pipelines.market.bars.sources import from_candles, one_minute

__all__ = ["Quality", "from_candles", "longer", "one_minute", "quality"]
