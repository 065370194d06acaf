"""Kraken spot over HTTP: Assets, AssetPairs, OHLC, Trades, Depth, Time, SystemStatus.

OHLC is the newest 720 closed candles whatever `since` says, then the open one; Trades go by a cursor in ns.
"""

from tests.venue.call import Call
from tests.venue.tables import Bar, Print
from tests.venue.wire import Reply, as_json, is_zero, padded

LEGACY = {
    "BTC": "XXBT", "ETH": "XETH", "LTC": "XLTC", "XRP": "XXRP", "ETC": "XETC", "XMR": "XXMR", "DOGE": "XXDG",
    "USD": "ZUSD", "EUR": "ZEUR", "GBP": "ZGBP", "CAD": "ZCAD", "JPY": "ZJPY",
}  # fmt: skip
ALTERNATIVE = {"BTC": "XBT", "DOGE": "XDG"}
KINDS = {
    "OHLC": "candles", "Trades": "trades", "Depth": "book", "Time": "time", "SystemStatus": "status",
    "Assets": "markets", "AssetPairs": "markets",
}  # fmt: skip
FRAMES = {1: "1m", 5: "5m", 15: "15m", 30: "30m", 60: "1h", 240: "4h", 1440: "1d", 10080: "1w", 21600: "15d"}
DEPTH = 720
FEES = [[0, 0.4], [10000, 0.35], [50000, 0.24], [100000, 0.22]]


def kind_of(path: str) -> str:
    """What a path asks for."""
    return KINDS.get(path.rpartition("/")[2], "other")


def alternative(symbol: str) -> str:
    """`XBTUSD` of `BTC-USD`."""
    return "".join(ALTERNATIVE.get(part, part) for part in symbol.split("-"))


def pair(symbol: str) -> str:
    """Kraken's id of a symbol: `XXBTZUSD` where both assets have old names, else the alternative."""
    base, _, quote = symbol.partition("-")
    return LEGACY[base] + LEGACY[quote] if base in LEGACY and quote in LEGACY else alternative(symbol)


def answer(call: Call, path: str) -> Reply:
    """The answer to one GET."""
    name = path.rpartition("/")[2]
    match name:
        case "Time":
            seconds = call.now_ms // 1000
            return result({"unixtime": seconds, "rfc1123": call.now.strftime("%a, %d %b %y %H:%M:%S +0000")})
        case "SystemStatus":
            return result({"status": "online", "timestamp": call.stamp(call.now_ns, 0)})
        case "Assets":
            return result({LEGACY.get(code, code): _asset(code) for code in _codes(call)})
        case "AssetPairs":
            return result({pair(symbol): _pair(call, symbol) for symbol in call.symbols()})
        case "OHLC" | "Trades" | "Depth":
            return _market_data(call, name)
    return error("EGeneral:Unknown method")


def result(value: object) -> Reply:
    """A success."""
    return as_json({"error": [], "result": value})


def error(text: str) -> Reply:
    """A failure, with status 200 as Kraken does."""
    return as_json({"error": [text]})


def _market_data(call: Call, name: str) -> Reply:
    asked = call.seen.query.get("pair", "").replace("/", "").upper()
    listed = [*call.symbols(), *call.data.symbols("kraken")]
    symbol = next((s for s in listed if asked in (pair(s), alternative(s), s.replace("-", ""))), None)
    if symbol is None or call.source_of(symbol) is None:
        return error("EQuery:Unknown asset pair")
    return {"OHLC": _ohlc, "Trades": _trades, "Depth": _depth}[name](call, symbol)


def _ohlc(call: Call, symbol: str) -> Reply:
    interval = int(call.seen.query.get("interval", 1))
    if interval not in FRAMES:
        return error("EGeneral:Invalid arguments")
    series = call.candles(symbol, FRAMES[interval])
    since = int(call.seen.query.get("since", 0))
    bars = call.bars(series, symbol, since * 1000 + 1, float("inf"), depth=DEPTH + 1)
    closed = [bar for bar in bars if bar.time + interval * 60_000 <= call.now_ms]
    return result(
        {pair(symbol): [_candle(bar) for bar in bars], "last": closed[-1].time // 1000 if closed else since}
    )


def _candle(bar: Bar) -> list[object]:
    traded = not is_zero(bar.volume)
    return [
        bar.time // 1000,
        bar.open,
        bar.high,
        bar.low,
        bar.close,
        bar.close if traded else "0.0",
        padded(bar.volume, 8),
        1 if traded else 0,
    ]


def _trades(call: Call, symbol: str) -> Reply:
    query = call.seen.query
    count = min(int(query.get("count", 1000)), 1000)
    trades = call.prints(symbol)
    cursor = call.apply("cursor", _cursor(query.get("since")), symbol)
    if cursor is None:
        rows = call.trades(trades, symbol, 0, 1 << 62, newest=count)
    else:
        low = trades.index(cursor + 1) if trades else 0
        rows = call.trades(trades, symbol, low, 1 << 62, oldest=call.apply("page", count, symbol))
    last = rows[-1].time if rows else cursor or 0
    return result({pair(symbol): [_trade(row) for row in rows], "last": str(last)})


def _cursor(since: str | None) -> int | None:
    """Nanoseconds of a cursor that may also be seconds."""
    if since is None:
        return None
    return int(since) if len(since) > 12 else int(float(since) * 1e9)


def _trade(row: Print) -> list[object]:
    side = "b" if row.side > 0 else "s"
    return [padded(row.price, 5), padded(row.amount, 8), row.time / 1e9, side, "l", "", row.id]


def _depth(call: Call, symbol: str) -> Reply:
    book = call.book(symbol, int(call.seen.query.get("count", 100)))
    if book is None:
        return result({pair(symbol): {"asks": [], "bids": []}})
    bids, asks, time = book
    sides = {
        side: [[padded(level.price, 5), padded(level.amount, 3), time // 10**9] for level in levels]
        for side, levels in (("asks", asks), ("bids", bids))
    }
    return result({pair(symbol): sides})


def _codes(call: Call) -> list[str]:
    return list(dict.fromkeys(code for symbol in call.symbols() for code in symbol.split("-")))


def _asset(code: str) -> dict[str, object]:
    name = ALTERNATIVE.get(code, code)
    return {"aclass": "currency", "altname": name, "decimals": 10, "display_decimals": 5, "status": "enabled"}


def _pair(call: Call, symbol: str) -> dict[str, object]:
    base, _, quote = symbol.partition("-")
    return {
        "altname": alternative(symbol),
        "wsname": f"{ALTERNATIVE.get(base, base)}/{quote}",
        "aclass_base": "currency",
        "base": LEGACY.get(base, base),
        "aclass_quote": "currency",
        "quote": LEGACY.get(quote, quote),
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": 5,
        "lot_decimals": 8,
        "lot_multiplier": 1,
        "leverage_buy": [2, 3],
        "leverage_sell": [2, 3],
        "fees": FEES,
        "fees_maker": FEES,
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": "0.00005",
        "costmin": "0.5",
        "tick_size": "0.00001",
        "status": "online" if call.status(symbol) == "online" else "delisted",
        "long_position_limit": 80,
        "short_position_limit": 80,
    }
