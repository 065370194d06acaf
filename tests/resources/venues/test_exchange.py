"""ccxt behind our transport: endpoints and signatures from ccxt, everything else from us."""

import json
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import BadAnswer, BadSettings, RateLimited, VenueDown, VenueError, VenueRefused
from pipelines.market.venue_settings import ExchangeSettings
from resources.venues.exchange import conventions_for, market_of, open_exchange, parse, speaking
from resources.venues.gate import Gate
from resources.venues.transport import Answer, Transport
from tests.resources.venues.fetching import (
    MINUTE,
    START,
    VENUES,
    Fetching,
    Quick,
    accounted,
    bars_of,
    data_of,
    day_of,
)
from tests.resources.venues.scripted import Scripted, reply
from tests.venue import Venue

NOW = START + 20 * MINUTE


def _open(folder: Path, settings: ExchangeSettings) -> tuple[Any, Transport]:
    gate = Gate(folder, settings.venue)
    transport = Transport(settings.venue, gate, Quick(), lambda _: None, requests_per_second=1000.0)
    return open_exchange(settings, transport, {}), transport


@pytest.mark.parametrize("venue", VENUES)
def test_markets_are_loaded_once_through_the_transport(venue: str, tmp_path: Path) -> None:
    with Venue(data_of(day_of(10)), now=NOW) as server:
        fetching = Fetching(server, venue, tmp_path)
        exchange, transport = fetching.open()
        found = market_of(exchange, fetching.market.symbol)
        asked = len(server.requests)
        assert market_of(exchange, fetching.market.symbol) == found
        assert len(server.requests) == asked == exchange.requests
        assert all(seen.headers["user-agent"].startswith("Tidemark/0.1") for seen in server.requests)
        transport.close()
    assert exchange.enableRateLimit is False
    assert isinstance(found["precision"]["price"], str | None)


def test_public_data_is_asked_without_a_key(tmp_path: Path) -> None:
    """With a key ccxt asks Coinbase for the account's fees too: a key is used only where market data needs it."""
    with Venue(data_of(day_of(10)), now=NOW) as server:
        for venue in VENUES:
            fetching = Fetching(server, venue, tmp_path)
            exchange, transport = fetching.open()
            market_of(exchange, fetching.market.symbol)
            transport.close()
            assert bool(exchange.apiKey) == (venue == "alpaca")
        assert not any("cb-access" in name for seen in server.requests for name in seen.headers)


def test_an_unknown_symbol_names_the_nearest(tmp_path: Path) -> None:
    with Venue(data_of(day_of(10)), now=NOW) as server:
        exchange, transport = Fetching(server, "coinbase", tmp_path).open()
        with pytest.raises(
            VenueRefused, match=r"coinbase lists no BTC-USDT .* found BTC/USD; correct the symbol"
        ):
            market_of(exchange, "BTC-USDT")
        with pytest.raises(
            VenueRefused, match="BTC-USDT is no longer listed by coinbase, which has BTC/USD: its"
        ):
            market_of(exchange, "BTC-USDT", held=True)
        transport.close()


def test_an_unknown_exchange_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(
        BadSettings, match="'coinbas' is no exchange of ccxt: expected an id such as coinbase"
    ):
        _open(tmp_path, ExchangeSettings("coinbas"))


def test_a_local_server_gets_every_path_and_no_host_is_left(tmp_path: Path) -> None:
    for venue in VENUES:
        exchange, transport = _open(tmp_path, ExchangeSettings(venue, base_url="http://127.0.0.1:9/x"))
        transport.close()
        urls = json.dumps(exchange.urls["api"])
        assert urls.count("http://127.0.0.1:9/x") == urls.count("://")
        assert ("-data" in urls) == (venue == "alpaca")


def test_ccxts_errors_become_ours() -> None:
    import ccxt

    cases = {
        "OnMaintenance": VenueDown,
        "ExchangeNotAvailable": VenueDown,
        "RequestTimeout": VenueDown,
        "RateLimitExceeded": RateLimited,
        "DDoSProtection": RateLimited,
        "BadResponse": BadAnswer,
        "BadSymbol": VenueRefused,
        "AuthenticationError": VenueRefused,
        "NotSupported": VenueRefused,
        "ExchangeError": VenueRefused,
    }
    for name, expected in cases.items():
        with pytest.raises(expected, match=f"kraken refuses with {name}"), speaking("kraken"):
            raise getattr(ccxt, name)("kraken https://x/?apiKey=topsecret1 said so")
    with pytest.raises(VenueRefused) as caught, speaking("kraken"):
        raise ccxt.ExchangeError("kraken https://x/?apiKey=topsecret1 said so")
    assert "topsecret1" not in str(caught.value)
    with pytest.raises(BadAnswer, match="ccxt cannot read"), speaking("kraken"):
        json.loads('{"a":1}')["b"]


def test_numbers_stay_text_and_no_number_is_text_too() -> None:
    """F29, F27: a float would lose digits, and one NaN would cost the whole answer."""
    answer = Answer("u", 200, {}, b'{"a":0.12345678901234567,"b":NaN,"c":-1,"d":1e400,"e":-Infinity}', START)
    found = parse(answer, "kraken")
    assert found == {"a": "0.12345678901234567", "b": "NaN", "c": -1, "d": "1e400", "e": "-Infinity"}
    deep = b"[" * 100_000 + b"]" * 100_000
    for body in (b"<html>", deep, b"[1" + b"0" * 5000 + b"]"):
        with pytest.raises(BadAnswer, match="expected JSON"):
            parse(Answer("u", 200, {}, body, START), "kraken")


@pytest.mark.parametrize(
    "body",
    [
        b'{"code":40110000,"message":"request is not authorized for kkkkkkkkkkkk with ssssssssssss"}',
        b'{"currencies":NaN kkkkkkkkkkkk}',
        b'["kkkkkkkkkkkk"]',
    ],
)
def test_a_key_that_a_venue_repeats_in_an_error_of_ccxt_is_not_said(tmp_path: Path, body: bytes) -> None:
    """HTTP 200, so that ccxt refuses it; neither the sentence nor what Dagster prints of its cause has a key."""
    with Scripted([reply(body=body)]) as server:
        exchange, transport = Fetching(_at(server, NOW), "alpaca", tmp_path).open()
        with pytest.raises(VenueError) as caught:
            market_of(exchange, "BTC-USD")
        transport.close()
    told = "".join(traceback.format_exception(caught.value))
    assert "kkkkkkkkkkkk" not in told
    assert "ssssssssssss" not in told


def test_any_other_exchange_is_read_through_ccxts_parser(tmp_path: Path) -> None:
    """Bitstamp by its id alone: cap from ccxt, rows unfiltered, a row that ccxt cannot parse is quarantined."""
    start = datetime(2026, 3, 2, tzinfo=UTC)
    pair = {
        "name": "BTC/USD",
        "market_symbol": "btcusd",
        "url_symbol": "btcusd",
        "trading": "Enabled",
        "minimum_order_value": "10",
        "market_type": "SPOT",
    }
    pair["description"] = "Bitcoin / U.S. dollar"
    pairs = [
        {**pair, "base_decimals": 8, "counter_decimals": 0, "base_currency": "BTC", "counter_currency": "USD"}
    ]

    def answer(request: str) -> bytes:
        if "/ohlc/" not in request:
            kind = "currencies" if "currencies" in request else "markets"
            body: Any = [] if kind == "currencies" else pairs
            return reply(body=json.dumps(body).encode())
        rows: list[Any] = [_row(start + k * MINUTE) for k in range(-2, 12)]
        rows[5] = {**rows[5], "close": "-1"}
        rows[6] = "not a row"
        return reply(body=json.dumps({"data": {"pair": "BTC/USD", "ohlc": rows}}).encode())

    with Scripted([answer]) as server:
        fetching = Fetching(_at(server, start + 11 * MINUTE + timedelta(seconds=30)), "bitstamp", tmp_path)
        delivery = fetching.fetch([(start, start + 11 * MINUTE)])
        exchange, transport = fetching.open()
        assert conventions_for(exchange).candles_per_request == 1000
        assert conventions_for(exchange).requests_per_second == 1000.0
        transport.close()
    assert delivery.frame.height == 9
    assert delivery.frame["close"].to_list() == [100.5] * 9
    assert bars_of(delivery) == 11
    assert set(delivery.quarantine["text"].str.slice(0, 8)) == {"[1772409", '{"sent":'}
    numbers = accounted(delivery)
    assert numbers["outside"] == 2
    assert set(delivery.evidence["kind"]) == {"unknown"}


def _row(time: datetime) -> dict[str, str]:
    values = {"open": "100.1", "high": "101", "low": "99.00", "close": "100.5", "volume": "3.25"}
    return {"timestamp": str(int(time.timestamp())), **values}


def _at(server: Scripted, now: datetime) -> Any:
    return type("Server", (), {"url": server.url, "now": now})()
