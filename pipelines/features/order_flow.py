"""Features 5 and 6 of intraday12: who pressed, by trades and by the queue at the best prices."""

from pipelines.features.block import Array, Block
from pipelines.features.book import known
from pipelines.features.declaration import Minutes, feature
from pipelines.features.rolling import ratio


@feature(
    unit="[-1,1]", inputs=("bought", "sold"), aggregation="volume", lookback=1, bounds=(-1.0, 1.0), ticks=True
)
def volume_imbalance(x: Block) -> Array:
    """(bought − sold)/(bought + sold) by the aggressor; 0 when nothing traded.

    Source: Chordia, Roll & Subrahmanyam (2002), Order imbalance; FEATURES.md, intraday12.
    """
    return ratio(x.bought - x.sold, x.bought + x.sold, when_zero=0.0)


@feature(
    unit="ratio",
    inputs=("book_seconds", "flow_imbalance_sum", "level1_size_sum"),
    aggregation="ratio of sums",
    lookback=Minutes(2),
    ticks=True,
)
def order_flow_imbalance(x: Block) -> Array:
    """Σ over the bar of level-1 size changes, + for bids added or asks taken, ÷ the time-weighted mean level-1 size.

    The size is the mean of both sides. Null where the book is known for less than half of the bar.
    Source: Cont, Kukanov & Stoikov (2014), The price impact of order book events.
    """
    usual = x.level1_size_sum / x.book_seconds
    return known(x, x.flow_imbalance_sum / usual, x.book_seconds)
