"""Whose candles an answer says it holds, where a venue says so: those of another market or timeframe are none of ours.

Kraken names the pair of an answer, Hyperliquid coin and interval of every row, Alpaca the symbol of every list (see
candle_answers.raw_rows), Coinbase nothing. What the rows hold is candle_answers.py.
"""

from collections.abc import Mapping
from typing import Any

from pipelines.errors import BadAnswer


def names_of(venue: str, described: Mapping[str, Any]) -> tuple[str, ...]:
    """What a known venue calls a market in its answers; `described`: what ccxt knows of the market."""
    if venue == "hyperliquid":
        return (str(described["baseName"] if described.get("swap") else described["id"]),)
    said = described.get("info")
    other = said.get("altname") if isinstance(said, Mapping) else None
    return tuple(dict.fromkeys(str(name) for name in (described["id"], other) if name))


def require_named(venue: str, answer: Any, names: tuple[str, ...], timeframe: str) -> None:
    """Raise BadAnswer when the answer says that it holds candles of another market or timeframe."""
    found = list(dict.fromkeys(_named(venue, answer, names[0], timeframe)))
    expected = [f"{name} {timeframe}" for name in names] if venue == "hyperliquid" else list(names)
    other = [name for name in found if name not in expected]
    if other:
        raise BadAnswer(
            f"{venue} answered candles of {', '.join(other[:3])}: expected those of {' or '.join(expected)}; "
            "nothing of it is used, run the same command again later."
        )


def _named(venue: str, answer: Any, name: str, timeframe: str) -> list[str]:
    """The names in an answer; a row that does not say is taken for the one asked for."""
    match venue, answer:
        case "kraken", {"result": {"last": _, **pairs}}:
            return [str(pair) for pair in pairs]
        case "hyperliquid", [*rows]:
            return [
                f"{row.get('s', name)} {row.get('i', timeframe)}" for row in rows if isinstance(row, Mapping)
            ]
    return []
