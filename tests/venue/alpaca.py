"""Alpaca over HTTP: assets and clock of the trading host; crypto v1beta3 and stock bars v2 of the data host.

Bars page by next_page_token, minutes without a trade are left out, stamps are ISO 8601, numbers are JSON numbers.
"""

import base64
import json
import re
import zlib
from collections.abc import Callable

from tests.venue.call import Call
from tests.venue.tables import Bar, Candles, Print
from tests.venue.wire import Reply, as_json, is_zero, nanoseconds_of, number_token, raw_json

UNITS = {"min": "m", "t": "m", "hour": "h", "h": "h", "day": "d", "d": "d", "week": "w", "w": "w"}
CRYPTO = re.compile(r"^/v1beta3/crypto/[\w-]+/(latest/)?(bars|trades|orderbooks)$")
FOREVER = 1 << 62


def kind_of(path: str) -> str:
    """What a path asks for."""
    last = path.rpartition("/")[2]
    return {
        "bars": "candles",
        "trades": "trades",
        "orderbooks": "book",
        "assets": "markets",
        "clock": "time",
    }.get(last, "other")


def answer(call: Call, path: str) -> Reply:
    """The answer to one GET."""
    crypto = CRYPTO.match(path)
    if crypto:
        return {"bars": _bars, "trades": _trades, "orderbooks": _books}[crypto[2]](call)
    if not call.seen.headers.get("apca-api-key-id") or not call.seen.headers.get("apca-api-secret-key"):
        return as_json({"message": "forbidden."}, 403)
    match path:
        case "/v2/clock":
            stamp = call.stamp(call.now_ns, 9)
            return as_json({"timestamp": stamp, "is_open": True, "next_open": stamp, "next_close": stamp})
        case "/v2/assets":
            return as_json(_assets(call))
        case "/v2/stocks/bars":
            return _bars(call, stocks=True)
    return as_json({"message": "endpoint not found."}, 404)


def _assets(call: Call) -> list[dict[str, object]]:
    wanted = call.seen.query.get("asset_class", "us_equity")
    if wanted == "crypto":
        names = [(s, s.replace("-", "/"), "crypto", "CRYPTO") for s in call.symbols()]
    else:
        names = [(s, s, "us_equity", "NASDAQ") for s in dict.fromkeys(key[0] for key in call.data.shares)]
    rows = [
        _asset(name, kind, exchange, call.status(symbol) == "online")
        for symbol, name, kind, exchange in names
    ]
    status = call.seen.query.get("status")
    return [row for row in rows if status in (None, row["status"])]


def _asset(name: str, kind: str, exchange: str, online: bool) -> dict[str, object]:
    return {
        "id": f"00000000-0000-0000-0000-{zlib.crc32(name.encode()):012d}",
        "class": kind,
        "exchange": exchange,
        "symbol": name,
        "name": name,
        "status": "active" if online else "inactive",
        "tradable": online,
        "marginable": False,
        "shortable": False,
        "fractionable": True,
        "min_order_size": "0.0001",
        "min_trade_increment": "0.0001",
        "price_increment": "0.0001",
    }


def _frame(text: str) -> str | None:
    found = re.fullmatch(r"(\d+)([A-Za-z]+)", text)
    unit = UNITS.get(found[2].lower()) if found else None
    return f"{found[1]}{unit}" if found and unit else None


def _bars(call: Call, stocks: bool = False) -> Reply:
    timeframe = _frame(call.seen.query.get("timeframe", ""))
    if timeframe is None:
        return as_json({"message": f"invalid timeframe: {call.seen.query.get('timeframe', '')}"}, 400)
    low, high = _between(call)

    def bounds(symbol: str) -> tuple[int, int]:
        series = series_of(symbol)
        return (series.index(-(-low // 10**6)), series.index(high // 10**6 + 1)) if series else (0, 0)

    def series_of(symbol: str) -> Candles | None:
        return call.data.shares.get((symbol, timeframe)) if stocks else call.candles(symbol, timeframe)

    def rows(symbol: str, first: int, stop: int) -> list[str]:
        series = series_of(symbol)
        if series is None or stop <= first:
            return []
        bars = call.bars(series, symbol, series.times[first], series.times[stop - 1] + 1, open_too=False)
        return [_bar(call, bar) for bar in bars if not is_zero(bar.volume)]

    return _paged(call, "bars", bounds, rows)


def _trades(call: Call) -> Reply:
    low, high = _between(call)

    def bounds(symbol: str) -> tuple[int, int]:
        trades = call.prints(symbol)
        return (trades.index(low), trades.index(min(high, call.now_ns) + 1)) if trades else (0, 0)

    def rows(symbol: str, first: int, stop: int) -> list[str]:
        return [_trade(call, row) for row in call.trades(call.prints(symbol), symbol, first, stop)]

    return _paged(call, "trades", bounds, rows)


def _between(call: Call) -> tuple[int, int]:
    """Start and end in ns, both inclusive; the start of today when none is asked for."""
    query = call.seen.query
    today = call.now_ns // (86400 * 10**9) * 86400 * 10**9
    low = nanoseconds_of(query["start"]) if "start" in query else today
    return low, nanoseconds_of(query["end"]) if "end" in query else FOREVER


def _paged(
    call: Call,
    name: str,
    bounds: Callable[[str], tuple[int, int]],
    rows: Callable[[str, int, int], list[str]],
) -> Reply:
    """One page over all symbols in turn; the token says at which row of which symbol the next page starts."""
    left = min(int(call.seen.query.get("limit") or 1000), 10_000)
    at, begin = _token(call.seen.query.get("page_token"))
    groups: list[str] = []
    following = "null"
    for listed in sorted(call.seen.query.get("symbols", "").split(",")):
        if listed < at:
            continue
        symbol = listed.replace("/", "-")
        low, high = bounds(symbol)
        low = max(low, begin) if listed == at else low
        stop = min(high, low + left)
        if stop < high and stop == low:
            following = json.dumps(_as_token(listed, low))
            break
        page = rows(symbol, low, stop)
        groups += [f'"{listed}":[{",".join(page)}]'] if page else []
        left -= max(stop - low, 0)
        if stop < high:
            following = json.dumps(_as_token(listed, stop))
            break
    return raw_json(f'{{"{name}":{{{",".join(groups)}}},"next_page_token":{following}}}')


def _token(text: str | None) -> tuple[str, int]:
    symbol, _, index = base64.b64decode(text).decode().rpartition("|") if text else ("", "", "0")
    return symbol, int(index)


def _as_token(symbol: str, index: int) -> str:
    return base64.b64encode(f"{symbol}|{index}".encode()).decode()


def _bar(call: Call, bar: Bar) -> str:
    o, h, low, c, v = (number_token(x) for x in bar[1:])
    stamp = call.stamp(bar.time * 1_000_000, 0)
    return f'{{"c":{c},"h":{h},"l":{low},"n":1,"o":{o},"t":"{stamp}","v":{v},"vw":{c}}}'


def _trade(call: Call, row: Print) -> str:
    side = "B" if row.side > 0 else "S"
    stamp = call.stamp(row.time, 9)
    return f'{{"i":{row.id},"p":{number_token(row.price)},"s":{number_token(row.amount)},"t":"{stamp}","tks":"{side}"}}'


def _books(call: Call) -> Reply:
    books = []
    for name in call.seen.query.get("symbols", "").split(","):
        book = call.book(name.replace("/", "-"), 20)
        if book:
            sides = [
                ",".join(f'{{"p":{level.price},"s":{level.amount}}}' for level in side) for side in book[:2]
            ]
            books.append(f'"{name}":{{"a":[{sides[1]}],"b":[{sides[0]}],"t":"{call.stamp(book[2], 9)}"}}')
    return raw_json(f'{{"orderbooks":{{{",".join(books)}}}}}')
