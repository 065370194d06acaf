"""The synthetic market as a source: its span is respected by every method."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from pipelines.errors import BadSpan, MissingData
from pipelines.market.schemas import ORDER_BOOK, TRADES
from pipelines.market.symbols import Market
from pipelines.market.synthetic import SyntheticConfig
from resources.sources import Source, SyntheticSource

CONFIG = SyntheticConfig(trades_per_day=2_000, book_per_day=1_440)
BTC = Market("synthetic", "BTC-USD")
START, END = date(2026, 3, 1), date(2026, 3, 3)


def market() -> SyntheticSource:
    return SyntheticSource(CONFIG, ("BTC-USD",), START, END)


def test_ticks_of_each_day_and_of_no_other() -> None:
    source: Source = market()
    assert source.tick_days(BTC) == [START, date(2026, 3, 2)]
    assert source.tick_days(Market("kraken", "BTC-USD")) == []
    delivery = source.trades(BTC, START)
    assert dict(delivery.frame.schema) == TRADES
    assert delivery.sent == delivery.frame.height > 0
    assert delivery.frame["time"].dt.date().eq(START).all()
    assert dict(source.order_book(BTC, START).frame.schema) == ORDER_BOOK
    for day in (START - timedelta(days=1), END):
        with pytest.raises(MissingData, match=r"has nothing for market synthetic\.BTC-USD"):
            source.trades(BTC, day)


def test_candles_and_funding_are_cut_to_what_was_asked_and_to_the_span() -> None:
    source = market()
    start = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
    hours = source.candles("BTC-USD", "1h", start, datetime(2027, 1, 1, tzinfo=UTC)).frame
    assert hours["open_time"][0] == datetime(2026, 3, 1, 7, tzinfo=UTC)
    assert hours["open_time"][-1] == datetime(2026, 3, 2, 23, tzinfo=UTC)
    minutes = source.candles("BTC-USD", "1m", start, start + timedelta(minutes=3)).frame
    assert minutes.height == 3
    funding = source.funding("BTC-USD", start, datetime(2026, 3, 2, tzinfo=UTC))
    assert funding is not None
    assert funding["time"].is_between(start, datetime(2026, 3, 2, tzinfo=UTC), closed="left").all()
    assert funding.equals(funding.sort("time"))
    assert isinstance(funding, pl.DataFrame)
    with pytest.raises(MissingData, match="ETH-USD"):
        source.candles("ETH-USD", "1m", start, start + timedelta(days=1))


def test_what_is_on_offer_is_described() -> None:
    source = market()
    assert source.has_candles("BTC-USD", "5m")
    assert not source.has_candles("ETH-USD", "5m")
    assert source.candle_market("BTC-USD", "1m") == BTC
    assert source.candle_market("ETH-USD", "1m") is None
    assert source.describe()["seed"] == CONFIG.seed
    with pytest.raises(BadSpan, match="is empty"):
        SyntheticSource(CONFIG, ("BTC-USD",), END, END)
