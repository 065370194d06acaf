"""Coinbase Advanced Trade over HTTP: products, candles, trades, book, time. Public market data only.

Candles come newest first, minutes without a trade are left out, and 350 or more are refused. The `side` of a
trade is the maker's.
"""

from tests.venue.call import Call
from tests.venue.coinbase_product import FIAT, product
from tests.venue.tables import Bar, Print
from tests.venue.wire import Reply, as_json, is_zero

GRANULARITY = {
    "ONE_MINUTE": "1m",
    "FIVE_MINUTE": "5m",
    "FIFTEEN_MINUTE": "15m",
    "THIRTY_MINUTE": "30m",
    "ONE_HOUR": "1h",
    "TWO_HOUR": "2h",
    "FOUR_HOUR": "4h",
    "SIX_HOUR": "6h",
    "ONE_DAY": "1d",
}
MOST = 350
KINDS = {
    "candles": "candles",
    "ticker": "trades",
    "product_book": "book",
    "time": "time",
    "products": "markets",
}


def kind_of(path: str) -> str:
    """What a path asks for."""
    last = path.rstrip("/").rpartition("/")[2]
    if path.startswith("/v2/"):
        return "time" if last == "time" else "markets"
    return KINDS.get(last, "markets" if "/products/" in path else "other")


def answer(call: Call, path: str) -> Reply:
    """The answer to one GET."""
    if path.startswith("/v2/"):
        return _old_api(call, path.removeprefix("/v2/"))
    parts = path.removeprefix("/api/v3/brokerage/").removeprefix("market/").strip("/").split("/")
    match parts:
        case ["time"]:
            stamp = call.stamp(call.now_ns, 6)
            return as_json(
                {"iso": stamp, "epochSeconds": str(call.now_ms // 1000), "epochMillis": str(call.now_ms)}
            )
        case ["products"]:
            future = call.seen.query.get("product_type") == "FUTURE"
            products = [] if future else [product(call, symbol) for symbol in call.symbols()]
            return as_json({"products": products, "num_products": len(products)})
        case ["product_book"]:
            return _book(call, call.seen.query.get("product_id", ""))
        case ["products", symbol, *rest] if call.source_of(symbol) is not None:
            match rest:
                case []:
                    return as_json(product(call, symbol))
                case ["candles"]:
                    return _candles(call, symbol)
                case ["ticker"]:
                    return _ticker(call, symbol)
        case ["products", symbol, *_]:
            return _error(404, "NOT_FOUND", f"ProductID {symbol!r} could not be found")
    return _error(404, "NOT_FOUND", f"no such path {path}")


def _error(status: int, code: str, text: str) -> Reply:
    return as_json({"error": code, "error_details": text, "message": text}, status)


def _candles(call: Call, symbol: str) -> Reply:
    query = call.seen.query
    timeframe = GRANULARITY.get(query.get("granularity", ""))
    if timeframe is None:
        return _error(400, "INVALID_ARGUMENT", "granularity argument is invalid")
    try:
        start, end = int(query["start"]), int(query["end"])
    except (KeyError, ValueError):
        return _error(400, "INVALID_ARGUMENT", "start and end argument is invalid")
    series = call.candles(symbol, timeframe)
    if series is not None and (end - start) * 1000 / series.step > MOST:
        text = f"start and end argument is invalid - number of candles requested should be less than {MOST} "
        return _error(400, "INVALID_ARGUMENT", text)
    bars = call.bars(series, symbol, start * 1000, end * 1000 + 1)
    traded = [bar for bar in bars if not is_zero(bar.volume)]
    return as_json({"candles": [_candle(bar) for bar in reversed(traded)]})


def _candle(bar: Bar) -> dict[str, str | None]:
    return {
        "start": str(bar.time // 1000),
        "low": bar.low,
        "high": bar.high,
        "open": bar.open,
        "close": bar.close,
        "volume": bar.volume,
    }


def _ticker(call: Call, symbol: str) -> Reply:
    query = call.seen.query
    trades = call.prints(symbol)
    limit = min(int(query.get("limit", 100)), 1000)
    low = trades.index(int(query["start"]) * 10**9) if trades and "start" in query else 0
    high = trades.index(int(query["end"]) * 10**9 + 1) if trades and "end" in query else 1 << 62
    rows = call.trades(trades, symbol, low, high, newest=limit)
    book = call.book(symbol, 1)
    best = (
        {"best_bid": book[0][0].price, "best_ask": book[1][0].price}
        if book
        else {"best_bid": "", "best_ask": ""}
    )
    return as_json({"trades": [_trade(call, symbol, row) for row in reversed(rows)], **best})


def _trade(call: Call, symbol: str, row: Print) -> dict[str, str | None]:
    return {
        "trade_id": str(row.id),
        "product_id": symbol,
        "price": row.price,
        "size": row.amount,
        "time": call.stamp(row.time, 6),
        "side": "SELL" if row.side > 0 else "BUY",  # the maker's
        "bid": "",
        "ask": "",
        "exchange": "coinbase",
    }


def _book(call: Call, symbol: str) -> Reply:
    book = call.book(symbol, int(call.seen.query.get("limit", 50)))
    if book is None:
        return _error(404, "NOT_FOUND", f"ProductID {symbol!r} could not be found")
    bids, asks, time = book
    bid, ask = float(bids[0].price), float(asks[0].price)
    middle = (bid + ask) / 2
    return as_json(
        {
            "pricebook": {
                "product_id": symbol,
                "bids": [{"price": level.price, "size": level.amount} for level in bids],
                "asks": [{"price": level.price, "size": level.amount} for level in asks],
                "time": call.stamp(time, 6),
            },
            "last": f"{middle:.10g}",
            "mid_market": f"{middle:.10g}",
            "spread_bps": f"{(ask - bid) / middle * 1e4:.12f}",
            "spread_absolute": f"{ask - bid:.10g}",
        }
    )


def _old_api(call: Call, name: str) -> Reply:
    bases = dict.fromkeys(part for symbol in call.symbols() for part in symbol.split("-"))
    match name:
        case "time":
            return as_json({"data": {"iso": call.stamp(call.now_ns, 0), "epoch": call.now_ms // 1000}})
        case "currencies":
            return as_json({"data": [{"id": k, "name": v, "min_size": "0.01"} for k, v in FIAT.items()]})
        case "currencies/crypto":
            coins = [
                {"asset_id": f"asset-{code}", "code": code, "name": code, "color": "#000000", "sort_index": at,
                 "exponent": 8, "type": "crypto", "address_regex": ""}
                for at, code in enumerate(bases) if code not in FIAT
            ]  # fmt: skip
            return as_json({"data": coins})
        case "exchange-rates":
            return as_json({"data": {"currency": "USD", "rates": dict.fromkeys([*FIAT, *bases], "1.0")}})
    return _error(404, "NOT_FOUND", f"no such path /v2/{name}")
