"""An answer that names another market or timeframe is none of ours; one that names nothing is read as before."""

from typing import Any

import pytest

from pipelines.errors import BadAnswer
from pipelines.market.candle_names import names_of, require_named

PERPETUAL = {"id": "0", "baseName": "BTC", "swap": True}
SPOT = {"id": "@107", "baseName": "HYPE", "swap": False}
PAIR = {"id": "XXBTZUSD", "info": {"altname": "XBTUSD"}}


def row(**more: Any) -> dict[str, Any]:
    return {"t": 1, "o": "1", "s": "BTC", "i": "1m", **more}


def pairs(*names: str) -> dict[str, Any]:
    return {"error": [], "result": {**{name: [[1, "1"]] for name in names}, "last": 1}}


@pytest.mark.parametrize(
    ("venue", "described", "names"),
    [
        ("hyperliquid", PERPETUAL, ("BTC",)),
        ("hyperliquid", SPOT, ("@107",)),
        ("kraken", PAIR, ("XXBTZUSD", "XBTUSD")),
        ("kraken", {"id": "XBTUSDT", "info": None}, ("XBTUSDT",)),
        ("coinbase", {"id": "BTC-USD"}, ("BTC-USD",)),
    ],
)
def test_a_market_has_the_names_that_its_venue_answers_with(
    venue: str, described: dict[str, Any], names: tuple[str, ...]
) -> None:
    assert names_of(venue, described) == names


@pytest.mark.parametrize(
    ("venue", "answer", "names", "found"),
    [
        ("hyperliquid", [row(), row(s="DOGE")], ("BTC",), "DOGE 1m: expected those of BTC 1m"),
        ("hyperliquid", [row(i="1h")], ("BTC",), "BTC 1h: expected those of BTC 1m"),
        ("hyperliquid", [row(s=None)], ("BTC",), "None 1m: expected those of BTC 1m"),
        (
            "kraken",
            pairs("XDGUSD"),
            ("XXBTZUSD", "XBTUSD"),
            "XDGUSD: expected those of XXBTZUSD or XBTUSD",
        ),
    ],
)
def test_another_name_is_refused(venue: str, answer: Any, names: tuple[str, ...], found: str) -> None:
    with pytest.raises(BadAnswer, match=f"{venue} answered candles of {found}; nothing of it is used"):
        require_named(venue, answer, names, "1m")


@pytest.mark.parametrize(
    ("venue", "answer", "names"),
    [
        ("hyperliquid", [row(), {"t": 2, "o": "1"}, 7], ("BTC",)),
        ("hyperliquid", [], ("BTC",)),
        ("kraken", pairs("XBTUSD"), ("XXBTZUSD", "XBTUSD")),
        ("kraken", {"error": []}, ("XXBTZUSD",)),
        ("coinbase", {"candles": [{"start": "1"}]}, ("BTC-USD",)),
    ],
)
def test_its_own_name_or_none_is_taken(venue: str, answer: Any, names: tuple[str, ...]) -> None:
    require_named(venue, answer, names, "1m")
