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
LATER = datetime(2026, 10, 1, tzinfo=UTC)


def market(now: datetime = LATER) -> SyntheticSource:
    return SyntheticSource(CONFIG, ("BTC-USD",), START, END, now)


def test_ticks_of_each_day_and_of_no_other() -> None:
    source: Source = market()
    assert source.tick_days(BTC) == [START, date(2026, 3, 2)]
    assert source.tick_days(Market("kraken", "BTC-USD")) == []
    assert source.book_days(BTC) == source.tick_days(BTC)
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
        SyntheticSource(CONFIG, ("BTC-USD",), END, END, LATER)


@pytest.mark.parametrize(("second", "closed"), [(2, 29), (3, 30), (59, 30)])
def test_nothing_after_the_last_closed_minute_is_on_offer(second: int, closed: int) -> None:
    """06:30 closes at 06:30:03: late events have three seconds. Every table ends there, hours an hour earlier."""
    now = datetime(2026, 3, 1, 6, 30, second, tzinfo=UTC)
    end = datetime(2026, 3, 1, 6, closed, tzinfo=UTC)
    source, whole = market(now), market()
    assert source.tick_days(BTC) == source.book_days(BTC) == [START]
    for fetch in ("trades", "order_book"):
        ticks, all_ticks = (getattr(each, fetch)(BTC, START).frame for each in (source, whole))
        assert ticks.equals(all_ticks.filter(pl.col("time") < end))
        assert 0 < ticks.height < all_ticks.height
    span = (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC))
    minutes = source.candles("BTC-USD", "1m", *span).frame
    assert minutes["open_time"][-1] == end - timedelta(minutes=1)
    assert source.candles("BTC-USD", "1h", *span).frame["open_time"][-1] == end.replace(hour=5, minute=0)
    funding = source.funding("BTC-USD", *span)
    assert funding is not None
    assert funding["time"].max() < end
    with pytest.raises(MissingData, match="closed 12h candles of BTC-USD"):
        source.candles("BTC-USD", "12h", *span)
    with pytest.raises(MissingData, match=f"before 2026-03-01 06:{closed} UTC"):
        source.trades(BTC, date(2026, 3, 2))
