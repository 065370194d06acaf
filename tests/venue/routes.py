"""Which venue a path belongs to: /coinbase, /kraken, /hyperliquid, /alpaca, /alpaca-data, /tardis, /datasets."""

from typing import Any

from tests.venue import alpaca, coinbase, hyperliquid, kraken, tardis
from tests.venue.call import Call
from tests.venue.wire import Reply, Seen, as_json


def split(path: str) -> tuple[str, str]:
    """First part of a path, and the rest."""
    prefix, _, rest = path.lstrip("/").partition("/")
    return prefix, "/" + rest


def venue_and_kind(prefix: str, path: str, seen: Seen) -> tuple[str, str]:
    """Who is asked and for what."""
    match prefix:
        case "coinbase":
            return "coinbase", coinbase.kind_of(path)
        case "kraken":
            return "kraken", kraken.kind_of(path)
        case "hyperliquid":
            return "hyperliquid", hyperliquid.kind_of(_body(seen))
        case "alpaca" | "alpaca-data":
            return "alpaca", alpaca.kind_of(path)
        case "datasets":
            return "tardis", "dataset"
        case "tardis":
            return "tardis", "replay" if "/data-feeds/" in path else "exchanges"
    return "", "other"


def _body(seen: Seen) -> Any:
    try:
        return seen.json
    except ValueError:
        return None


def answer(call: Call, prefix: str, path: str) -> Reply:
    """The answer before any fault."""
    match call.seen.venue:
        case "coinbase":
            return coinbase.answer(call, path)
        case "kraken":
            return kraken.answer(call, path)
        case "hyperliquid":
            return hyperliquid.answer(call, path)
        case "alpaca":
            return alpaca.answer(call, path)
        case "tardis":
            return tardis.dataset(call, path) if prefix == "datasets" else tardis.answer(call, path)
    return as_json({"message": f"nothing is served at {call.seen.path}"}, 404)
