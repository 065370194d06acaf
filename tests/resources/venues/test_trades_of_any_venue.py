"""Trades of an exchange that nobody here has studied, through ccxt's own parser; a server speaks its format."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest

from pipelines.errors import BadAnswer
from pipelines.market.symbols import Market
from pipelines.market.venue_settings import ExchangeSettings
from resources.sources.source import Delivery
from resources.venues.exchange import open_exchange
from resources.venues.gate import Gate
from resources.venues.trades import fetch_trades, require_complete
from resources.venues.transport import Transport
from tests.resources.venues.fetching import Quick
from tests.resources.venues.scripted import Scripted, reply
from tests.resources.venues.tapes import START, tape

MARKET = Market("hitbtc", "BTC-USDT")
SYMBOL = {
    "type": "spot", "base_currency": "BTC", "quote_currency": "USDT", "status": "working", "tick_size": "0.01",
    "quantity_increment": "0.00001", "take_rate": "0.0025", "make_rate": "0.001", "fee_currency": "USDT",
}  # fmt: skip


class HitBtc:
    """`public/trades/{symbol}`: the oldest of them from a moment on, at most so many; or, `newest`, the last ones."""

    def __init__(self, trades: pl.DataFrame, most: int, newest: bool = False) -> None:
        self.rows, self.most, self.newest = trades.rows(named=True), most, newest

    def __call__(self, request: str) -> bytes:
        asked = urlsplit(request.split(" ")[1])
        if "/trades/" not in asked.path:
            return reply(body=json.dumps({} if "currency" in asked.path else {"BTCUSDT": SYMBOL}).encode())
        since = parse_qs(asked.query).get("from", ["1970-01-01T00:00:00Z"])[0]
        start = (
            datetime.fromisoformat(since)
            if not since.isdigit()
            else datetime.fromtimestamp(int(since) / 1e3, UTC)
        )
        rows = (
            self.rows[-self.most :]
            if self.newest
            else [r for r in self.rows if r["time"] >= start][: self.most]
        )
        return reply(body=json.dumps([self._row(row) for row in reversed(rows)]).encode())

    def _row(self, row: dict[str, object]) -> dict[str, object]:
        time = row["time"]
        assert isinstance(time, datetime)
        return {
            "id": row["id"], "price": f"{row['price']:.2f}", "qty": f"{row['amount']:.5f}",
            "side": "buy" if row["side"] == 1 else "sell",
            "timestamp": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }  # fmt: skip


def ask(venue: HitBtc, folder: Path, span: tuple[datetime, datetime]) -> Delivery:
    with Scripted([venue]) as server:
        transport = Transport(
            "hitbtc", Gate(folder, "hitbtc"), Quick(), print, requests_per_second=1000.0, timeout=5.0
        )
        exchange = open_exchange(ExchangeSettings("hitbtc", base_url=server.url), transport, {})
        try:
            return fetch_trades(MARKET, span, exchange, transport)
        finally:
            transport.close()


def of_milliseconds(count: int) -> pl.DataFrame:
    return tape(count, 3600).with_columns(pl.col("time").dt.truncate("1ms"))


@pytest.mark.parametrize("most", [7, 100, 1000])
def test_every_trade_once_whatever_the_answer_holds(tmp_path: Path, most: int) -> None:
    trades = of_milliseconds(600)
    first = trades["time"][0]
    delivery = ask(HitBtc(trades, most), tmp_path, (first, START + timedelta(hours=1)))
    assert delivery.frame.equals(trades)
    assert delivery.duplicates >= 600 // most - 1
    assert require_complete(delivery, "trades").height == 600


def test_a_venue_that_only_has_the_newest_is_found_out(tmp_path: Path) -> None:
    """It ignores the start: what it gives is kept, and the time before is unknown, not quiet (F8)."""
    trades = of_milliseconds(600)
    delivery = ask(HitBtc(trades, 100, newest=True), tmp_path, (START, START + timedelta(hours=1)))
    assert delivery.frame.equals(trades.tail(100))
    unknown = delivery.evidence.filter(pl.col("kind") == "unknown").row(0, named=True)
    assert (unknown["time"], unknown["end"]) == (START, trades["time"][500])
    with pytest.raises(BadAnswer, match="no trades as old as this"):
        require_complete(delivery, "trades")
