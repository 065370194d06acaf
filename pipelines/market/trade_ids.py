"""What a market's trade ids can vouch for: whether they go on by one, and across what. No trade is judged here.

Ids that go on by one from the trade before a silence to the trade after it prove that nobody traded in between.
"""

from datetime import timedelta

import polars as pl

from pipelines.market.symbols import Market

RUNNING = "running"
"""The venue numbers the trades of a market without a hole, on and on."""
DAILY = "daily"
"""Without a hole inside a UTC day; the next day may begin anywhere."""
BY_ARRIVAL = "by arrival"
"""The venue has none: the trades were numbered 0, 1, 2, … when they were read, which vouches for nothing."""
SPARSE = "sparse"
"""Ids that skip by habit: of several markets, of time, hashes."""
UNTOLD = "untold"
"""Nobody has studied the venue: its days must tell."""
CONVENTIONS = {
    **dict.fromkeys(("binance", "binance-futures", "binance-delivery", "binanceusdm"), RUNNING),
    **dict.fromkeys(("coinbase", "deribit", "kraken"), RUNNING),
    "synthetic": DAILY,
}
"""By the venue of a market's name; those whose readers (pipelines/market/native, resources/venues) rely on it too."""
LONGEST_QUIET = timedelta(minutes=30)
"""Longest silence that may be called quiet where no trade id vouches for it."""
DENSE = 0.5
"""Where nobody has studied the venue: it counts without a hole if so many of the ids of its best day are there."""


def convention_of(venue: str, ids: pl.Series) -> str:
    """How the trades of a day with these ids are numbered; UNTOLD for a venue outside the table."""
    count = len(ids)
    if count and ids.min() == 0 and ids.max() == count - 1 and ids.n_unique() == count:
        return BY_ARRIVAL
    return CONVENTIONS.get(venue, UNTOLD)


def vouching(market: Market, ids: pl.Series) -> str:
    """RUNNING, DAILY, or SPARSE: what the ids of one day of a market can vouch for."""
    told = convention_of(market.venue, ids)
    if told != UNTOLD:
        return SPARSE if told == BY_ARRIVAL else told
    low, high = ids.min(), ids.max()
    if len(ids) < 2 or not isinstance(low, int) or not isinstance(high, int):
        return SPARSE
    return DAILY if ids.n_unique() >= DENSE * (high - low + 1) else SPARSE
