"""The synthetic market: seeded ticks, book, candles, funding and a known planted edge.

A day is generated from the day's own seeds, the two days before it and a cheap daily skeleton, so any day
comes in any order at the same cost. How the parts stand on one another:

    streams      seeded generators, the days on offer, autoregressions
    skeleton     daily variances and the efficient log price at each midnight
    minutes      minute variances and increments that sum to the day's return: a martingale M
    under_reaction   the observable p = M + g whose best 60-minute forecast has the wanted correlation
    events       instants of trades and snapshots, and the price path through them
    tape, book, candlesticks, funding_rates, oracle   the five tables
    faults       the minutes that vanish from all of them

What does not live here: real venues, costs and fees, symbols that move together (each symbol is independent).
"""

from pipelines.market.synthetic.book import order_book
from pipelines.market.synthetic.candlesticks import candles
from pipelines.market.synthetic.config import SyntheticConfig
from pipelines.market.synthetic.funding_rates import funding
from pipelines.market.synthetic.oracle import forecast
from pipelines.market.synthetic.streams import FIRST_DAY, LAST_DAY
from pipelines.market.synthetic.tape import trades

__all__ = [
    "FIRST_DAY",
    "LAST_DAY",
    "SyntheticConfig",
    "candles",
    "forecast",
    "funding",
    "order_book",
    "trades",
]
