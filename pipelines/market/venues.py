"""What each venue's candle API does by convention (F28): caps, depth, stamps, sides, and where that is written down.

A table and nothing else: asking is resources/venues, cutting a span into requests is paging.py. Figures that a
recorded answer can show are pinned by tests/pipelines/market/test_venues.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Conventions:
    """One venue's habits; the defaults are the cautious ones for a venue that nobody has studied."""

    venue: str
    """ccxt's id."""
    candles_per_request: int = 300
    """The most candles one answer may hold; larger requests are cut off without a word (F7)."""
    depth: int | None = None
    """Only so many newest candles are served, the open one included; None: the whole history (F10)."""
    omits_empty: bool = False
    """True: a bar without a trade is left out. False: it is sent with volume 0, so a missing bar is a fault."""
    stamp: str = "open"
    """Candles are stamped with their open time (ccxt turns close stamps into open stamps)."""
    inclusive_end: bool = True
    """True: a candle that opens exactly at the end asked for is part of the answer (F9)."""
    takes_end: bool = True
    """False: the request has no end; an answer reaches to the newest candle."""
    last_may_be_open: bool = True
    """True: the newest candle of an answer may not have closed (F11)."""
    overflow: int = 300
    """Candles outside the span asked for that an answer may hold; more than that is no answer to the question."""
    timeframes: tuple[str, ...] = ("1m", "5m", "15m", "30m", "1h", "12h", "1d")
    """Names of the timeframes on offer, ours only."""
    trades_per_request: int | None = None
    """Trades in one answer where a span of trades can be asked for, so that candles can be rebuilt; else None."""
    requests_per_second: float = 1.0
    """Below the published limit."""
    candles_per_cost: int | None = None
    """So many candles in an answer weigh as much as one more request; None: an answer's size is free."""
    makers_side: bool = False
    """True: trades name the side of the maker, the opposite of the aggressor's."""
    uses_key: bool = True
    """False: market data is public, and a key that is set is not used for it."""
    source: str = "cautious defaults; ccxt's `features` for the cap"
    """Where this is written down."""

    def cost(self, candles: int) -> float:
        """What a request for so many candles weighs, in requests."""
        return 1.0 + (candles / self.candles_per_cost if self.candles_per_cost else 0.0)


TABLE: dict[str, Conventions] = {
    "coinbase": Conventions(
        venue="coinbase",
        omits_empty=True,  # "no data is published for intervals where there are no ticks"
        overflow=300,  # "some of those candles may precede your declared start value"
        timeframes=("1m", "5m", "15m", "30m", "1h", "1d"),
        trades_per_request=1000,
        requests_per_second=5.0,  # published: 10 a second and address
        uses_key=False,
        makers_side=True,  # 46 of 46 BTC prints of raw_feeds/cryptofeed_COINBASE
        source="docs.cdp.coinbase.com get-product-candles and get-public-product-candles; ccxt coinbase.py "
        "maxLimit 300 (ccxt PR 25171); the capture raw_feeds/cryptofeed_COINBASE.jsonl.zst",
    ),
    "kraken": Conventions(
        venue="kraken",
        candles_per_request=720,
        depth=720,
        takes_end=False,
        overflow=721,  # whatever is asked for, the newest candles are answered
        timeframes=("1m", "5m", "15m", "30m", "1h", "1d"),
        trades_per_request=1000,
        uses_key=False,
        requests_per_second=0.9,  # published: 1 a second and address
        source="docs.kraken.com get-ohlc-data (up to 720, last entry not committed); the recorded answers "
        "exchange_responses/kraken/http_ohlc.json and http_trades.json; ccxt issue 5614",
    ),
    "hyperliquid": Conventions(
        venue="hyperliquid",
        candles_per_request=5000,
        depth=5000,
        overflow=1,  # the bar that contains the start
        uses_key=False,
        requests_per_second=0.8,  # published: 1,200 weight a minute and address, 20 for an info request
        candles_per_cost=1200,  # and 1 more weight for each 60 candles
        source="hyperliquid.gitbook.io info-endpoint candleSnapshot and rate-limits; the recorded answer "
        "exchange_responses/hyperliquid_recorded/get_candles_snapshot.json",
    ),
    "alpaca": Conventions(
        venue="alpaca",
        candles_per_request=10_000,  # 1,000 when no limit is named; longer answers continue at next_page_token
        overflow=1,
        trades_per_request=10_000,
        requests_per_second=3.0,  # published: 200 a minute
        source="docs.alpaca.markets cryptobars and historical-crypto-data-1 (a bar without a trade has volume 0 "
        "and the prices of quotes); exchange_responses/alpaca/crypto_snapshots_BTCUSD.json",
    ),
}
"""The venues whose answers we read ourselves; every other one is read through ccxt's parser."""


def conventions_of(
    venue: str, cap: int | None = None, timeframes: Iterable[str] = (), per_second: float | None = None
) -> Conventions:
    """The conventions of a ccxt id.

    Of a venue outside the table `cap`, `timeframes` and `per_second` are what ccxt says of it; None and empty:
    the defaults.
    """
    known = TABLE.get(venue)
    if known is not None:
        return known if per_second is None else replace(known, requests_per_second=per_second)
    defaults = Conventions(venue)
    cap = cap or defaults.candles_per_request
    offered = tuple(name for name in defaults.timeframes if name in set(timeframes))
    return replace(
        defaults,
        candles_per_request=cap,
        overflow=cap,
        takes_end=False,  # ccxt promises a start and a limit for every exchange, an end for some
        timeframes=offered or defaults.timeframes,
        requests_per_second=per_second or defaults.requests_per_second,
    )
