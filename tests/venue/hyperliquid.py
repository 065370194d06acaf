"""Hyperliquid's POST /info: metadata, candles (the newest 5,000), funding (500 a page), fills, trades, book.

A side is B (bid: the taker bought) or A (ask: the taker sold); of a wallet's fill it is the wallet's own.
"""

from typing import Any

import polars as pl

from tests.venue.call import Call
from tests.venue.tables import Bar, Candles, Print, milliseconds
from tests.venue.wire import Reply, as_json, is_zero, text_of

KINDS = {
    "candleSnapshot": "candles", "l2Book": "book", "fundingHistory": "funding", "recentTrades": "trades",
    "userFills": "fills", "userFillsByTime": "fills", "exchangeStatus": "status",
    "meta": "markets", "metaAndAssetCtxs": "markets", "spotMeta": "markets", "spotMetaAndAssetCtxs": "markets",
    "perpDexs": "markets", "allMids": "markets",
}  # fmt: skip
CANDLES, FUNDINGS, FILLS = 5000, 500, 2000


def kind_of(body: Any) -> str:
    """What a body asks for."""
    return KINDS.get(str(body.get("type")), "other") if isinstance(body, dict) else "other"


def answer(call: Call, path: str) -> Reply:
    """The answer to one POST /info."""
    body = call.seen.json
    if path != "/info" or not isinstance(body, dict):
        return _refused()
    match body.get("type"):
        case "meta":
            return as_json({"universe": _universe(call)})
        case "metaAndAssetCtxs":
            return as_json([{"universe": _universe(call)}, [_context(call, s) for s in call.symbols()]])
        case "spotMeta":
            return as_json({"universe": [], "tokens": [_usdc()]})
        case "spotMetaAndAssetCtxs":
            return as_json([{"universe": [], "tokens": [_usdc()]}, []])
        case "perpDexs":
            return as_json([None])
        case "exchangeStatus":
            return as_json({"specialStatuses": None, "time": call.now_ms})
        case "allMids":
            return as_json({_coin(s): _mid(call, s) for s in call.symbols()})
    return _about_coin(call, body)


def _about_coin(call: Call, body: dict[str, Any]) -> Reply:
    try:
        match body.get("type"):
            case "candleSnapshot":
                request = body["req"]
                return _candles(
                    call, request["coin"], request["interval"], request["startTime"], request.get("endTime")
                )
            case "l2Book":
                return _book(call, body["coin"])
            case "fundingHistory":
                return _funding(call, body["coin"], body["startTime"], body.get("endTime"))
            case "recentTrades":
                return _recent(call, body["coin"])
            case "userFills":
                return as_json(_fills(call, body["user"], 0, None)[-FILLS:][::-1])
            case "userFillsByTime":
                return as_json(_fills(call, body["user"], body["startTime"], body.get("endTime"))[:FILLS])
    except (KeyError, TypeError):
        return _refused()
    return _refused()


def _refused() -> Reply:
    text = b"Failed to deserialize the JSON body into the target type"
    return Reply(422, text, {"Content-Type": "text/plain; charset=utf-8"})


def _coin(symbol: str) -> str:
    return symbol.partition("-")[0]


def _usdc() -> dict[str, object]:
    return {
        "name": "USDC",
        "szDecimals": 8,
        "weiDecimals": 8,
        "index": 0,
        "tokenId": "0x6d1e7cde53ba9467b783cb7c530ce054",
        "isCanonical": True,
        "evmContract": None,
        "fullName": None,
    }


def _universe(call: Call) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for symbol in call.symbols():
        row: dict[str, object] = {"szDecimals": 5, "name": _coin(symbol), "maxLeverage": 40}
        rows.append({**row, "isDelisted": True} if call.status(symbol) == "delisted" else row)
    return rows


def _mid(call: Call, symbol: str) -> str:
    book = call.book(symbol, 1)
    return f"{(float(book[0][0].price) + float(book[1][0].price)) / 2:.10g}" if book else "0.0"


def _context(call: Call, symbol: str) -> dict[str, object]:
    price = _mid(call, symbol)
    zeros = dict.fromkeys(("openInterest", "dayNtlVlm", "premium", "dayBaseVlm"), "0.0")
    prices = dict.fromkeys(("prevDayPx", "oraclePx", "markPx", "midPx"), price)
    return {"funding": "0.0000125", **zeros, **prices, "impactPxs": [price, price]}


def _candles(call: Call, coin: str, interval: str, start: int, end: int | None) -> Reply:
    symbol = f"{coin}-USDC"
    if call.source_of(symbol) is None:
        return as_json(None, 500)
    series = call.candles(symbol, interval)
    if series is None:
        return as_json([])
    until = float("inf") if end is None else end + 1
    bars = call.bars(series, symbol, start - series.step + 1, until, depth=CANDLES)
    return as_json([_candle(bar, coin, series) for bar in bars])


def _candle(bar: Bar, coin: str, series: Candles) -> dict[str, object]:
    traded = not is_zero(bar.volume)
    return {
        "t": bar.time,
        "T": bar.time + series.step - 1,
        "s": coin,
        "i": series.timeframe,
        "o": _floating(bar.open),
        "c": _floating(bar.close),
        "h": _floating(bar.high),
        "l": _floating(bar.low),
        "v": _floating(bar.volume),
        "n": 1 if traded else 0,
    }


def _floating(text: str | None) -> str | None:
    """Whole numbers carry `.0` here."""
    return text + ".0" if text is not None and text.isdigit() else text


def _book(call: Call, coin: str) -> Reply:
    book = call.book(f"{coin}-USDC", 20)
    if book is None:
        return as_json(None)
    sides = [
        [{"px": _floating(level.price), "sz": level.amount, "n": 1} for level in side] for side in book[:2]
    ]
    return as_json({"coin": coin, "levels": sides, "time": book[2] // 1_000_000})


def _funding(call: Call, coin: str, start: int, end: int | None) -> Reply:
    frame = call.data.funding.get(coin)
    if frame is None:
        return as_json(
            [] if f"{coin}-USDC" in call.symbols() else None, 200 if f"{coin}-USDC" in call.symbols() else 500
        )
    last = min(call.now_ms, call.now_ms if end is None else end)
    stamp = pl.col("time").dt.epoch("ms")
    page = frame.filter(stamp.is_between(start, last)).sort("time").head(FUNDINGS)
    premium = page["premium"].to_list() if "premium" in page.columns else ["0.0"] * len(page)
    rows = zip(page["time"].to_list(), page["funding_rate"].to_list(), premium, strict=True)
    return as_json(
        [
            {"coin": coin, "fundingRate": text_of(rate), "premium": text_of(over), "time": milliseconds(time)}
            for time, rate, over in rows
        ]
    )


def _fills(call: Call, user: str, start: int, end: int | None) -> list[Any]:
    last = min(call.now_ms, call.now_ms if end is None else end)
    fills = call.data.fills.get(user.lower(), call.data.fills.get(user, ()))
    return sorted((dict(x) for x in fills if start <= int(str(x["time"])) <= last), key=lambda x: x["time"])


def _recent(call: Call, coin: str) -> Reply:
    symbol = f"{coin}-USDC"
    rows = call.trades(call.prints(symbol), symbol, 0, 1 << 62, newest=10)
    return as_json([_trade(coin, row) for row in reversed(rows)])


def _trade(coin: str, row: Print) -> dict[str, object]:
    return {
        "coin": coin,
        "side": "B" if row.side > 0 else "A",
        "px": _floating(row.price),
        "sz": row.amount,
        "hash": f"0x{row.id:064x}",
        "time": row.time // 1_000_000,
        "tid": row.id,
        "users": ["0x" + "1" * 40, "0x" + "2" * 40],
    }
