"""100,000 rows of seven formats, a fifth of them broken: none reaches the bars, none disappears.

NaN, −1, 1e308, words, empty fields, stamps of the future, crossed books, fields that changed places; and exact repeats.
Everything goes through the parsers that read the user's files and the exchanges' messages.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines.market.assembly import assemble
from pipelines.market.bars.quality import quality
from pipelines.market.candle_files import parse_candle_table, parse_candle_text
from pipelines.market.minute_bars import minute_bars
from pipelines.market.native import Normalised, normalise
from pipelines.market.native.far_trades import without_far_trades
from pipelines.market.parsing import parse_order_book, parse_trades
from pipelines.market.rows import HIGHEST, LOWEST, Parsed
from pipelines.market.schemas import CANDLES, MINUTE_BARS, ORDER_BOOK, TRADES
from pipelines.market.tardis.books import BookBuilder
from pipelines.market.tardis.layouts import layout_of
from pipelines.market.tardis.rebuilding import typed_updates
from pipelines.market.tardis.stream import parse
from resources.sources.gathering import gather

DAY = date(2026, 3, 1)
START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=1)
NOW = END + timedelta(hours=1)
WINDOW = (START - timedelta(days=1), NOW)
FUTURE_US = int((NOW + timedelta(days=400)).timestamp() * 1_000_000)
FIRST_US = int(START.timestamp() * 1_000_000)
TRADE_ROWS, BOOK_ROWS, UPDATE_ROWS, CANDLE_ROWS, TABLE_ROWS = 40_000, 9_000, 20_000, 1_440, 1_440
NATIVE = (("binance-futures", "BTCUSDT", 18_000), ("coinbase", "BTC-USD", 10_120))
BAD_TEXT = ("NaN", "-1", "1e308", "word", "", "inf", "-Infinity", "0x10", "1_0", "null")
LOW, HIGH = 55_000.0, 65_000.0
"""Where the market is all day; no price outside was traded."""
LEVELS = range(5)
STAMPS = "exchange,symbol,timestamp,local_timestamp"
TRADES_HEADER = f"{STAMPS},id,side,price,amount"
UPDATES_HEADER = f"{STAMPS},is_snapshot,side,price,amount"
PLACES = [f"{side}s[{k}].{what}" for k in LEVELS for side in ("ask", "bid") for what in ("price", "amount")]
BOOK_HEADER = ",".join([STAMPS, *PLACES])
Row = list[str]


@dataclass
class Sent:
    """Rows as text, which of them are broken (by their place), and how many repeat another."""

    rows: list[Row]
    broken: set[int]
    repeats: int = 0

    def text(self, header: str) -> bytes:
        return "\n".join([header, *(",".join(row) for row in self.rows), ""]).encode()


def prices(count: int, seed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    random = np.random.default_rng(seed)
    walk = 60_000 * np.exp(np.cumsum(random.normal(0, 2e-5, count)))
    return np.clip(np.round(walk, 1), LOW + 1, HIGH - 1)


def break_some(
    rows: list[Row], fields: list[int], time: int, swap: Callable[[Row], None], seed: int
) -> set[int]:
    """Break a fifth of the rows in place, each in one way; the first fifty stay whole."""
    random = np.random.default_rng(seed)
    places = 50 + random.permutation(len(rows) - 50)[: len(rows) // 5]
    for place in places:
        row, way = rows[place], random.integers(0, 10)
        if way == 0:
            row[time] = str(FUTURE_US)
        elif way <= 2:
            swap(row)
        else:
            row[fields[random.integers(0, len(fields))]] = BAD_TEXT[random.integers(0, len(BAD_TEXT))]
    return set(places.tolist())


def exchange(row: Row, one: int, other: int) -> None:
    row[one], row[other] = row[other], row[one]


def sent_trades(count: int, seed: int = 1) -> Sent:
    random = np.random.default_rng(seed)
    stamps = FIRST_US + np.sort(random.integers(0, 86_400_000_000 - 1, count))
    amounts = np.round(random.uniform(0.001, 3, count), 3)
    rows = [
        [
            "coinbase",
            "BTC-USD",
            str(t),
            str(t + 40_000),
            str(1_000 + k),
            "buy" if k % 3 else "sell",
            str(p),
            str(a),
        ]
        for k, (t, p, a) in enumerate(
            zip(stamps.tolist(), prices(count, seed).tolist(), amounts.tolist(), strict=True)
        )
    ]
    broken = break_some(rows, [2, 4, 5, 6, 7], 2, lambda row: exchange(row, 6, 7), seed)
    whole = [list(row) for k, row in enumerate(rows) if k not in broken][:500]
    return Sent([*rows, *whole], broken, len(whole))


def sent_books(count: int, seed: int = 2) -> Sent:
    step = 86_400_000_000 // count
    rows = []
    for k, mid in enumerate(prices(count, seed).tolist()):
        time = FIRST_US + k * step
        levels = [
            v for n in LEVELS for v in (f"{mid + n + 0.5:.1f}", f"1.{n}", f"{mid - n - 0.5:.1f}", f"2.{n}")
        ]
        rows.append(["coinbase", "BTC-USD", str(time), str(time + 40_000), *levels])
    return Sent(rows, break_some(rows, [2, *range(4, 16)], 2, lambda row: exchange(row, 4, 6), seed))


def sent_updates(count: int, seed: int = 3) -> Sent:
    """A snapshot every thousand rows, after a message from a new connection; else the size of some level."""
    random = np.random.default_rng(seed)
    rows = []
    step = 86_400_000_000 // count
    for k in range(count):
        snapshot = k % 1000 < 20
        time = FIRST_US + (k - k % 1000 if snapshot else k) * step
        level = k % 1000 if snapshot else int(random.integers(0, 20))
        side, price = ("bid", 59_999 - level) if level < 10 else ("ask", 60_001 + level - 10)
        stamps = [str(time), str(time + 40_000)]
        amount = f"{random.uniform(0.1, 3):.3f}"
        rows.append(["coinbase", "BTC-USD", *stamps, str(snapshot).lower(), side, str(price), amount])
    return Sent(rows, break_some(rows, [2, 4, 5, 6, 7], 2, lambda row: exchange(row, 5, 6), seed))


def sent_candles(count: int, seed: int) -> Sent:
    close = prices(count, seed) + 0.0
    opens = np.concatenate([close[:1], close[:-1]])
    rows = [
        [
            str((FIRST_US + k * 60_000_000) // 1000),
            str(o),
            str(max(o, c) + 1),
            str(min(o, c) - 1),
            str(c),
            f"{k % 7}.5",
        ]
        for k, (o, c) in enumerate(zip(opens.tolist(), close.tolist(), strict=True))
    ]

    def swap(row: Row) -> None:
        exchange(row, *((2, 3) if int(row[0]) // 60_000 % 2 else (4, 5)))

    return Sent(rows, break_some(rows, [0, 1, 2, 3, 4, 5], 0, swap, seed))


def sound_prices(frame: pl.DataFrame, *names: str) -> bool:
    """Whether every price of a table is one of the market's."""
    return bool(
        frame.select(
            pl.all_horizontal(pl.col(names).is_between(LOW, HIGH) | pl.col(names).is_null()).all()
        ).item()
    )


def bars_of(trades: pl.DataFrame, book: pl.DataFrame, candles: pl.DataFrame) -> pl.DataFrame:
    minutes = (
        minute_bars(trades, book, DAY, check_local_time=True)
        if trades.height or book.height
        else pl.DataFrame(schema=MINUTE_BARS)
    )
    bars = assemble(minutes, candles, pl.DataFrame(schema=CANDLES), "1m")
    assert quality(bars, "1m").sound
    assert sound_prices(
        bars, "open", "high", "low", "close", "weighted_mid_price", "microprice", "mid_start", "mid_end"
    )
    assert (bars["volume"].is_between(0, 1e6)).all()
    spread = bars["bid_ask_spread"].drop_nulls()
    assert (spread > 0).all(), "no crossed book was used"
    return bars


def lines_of(quarantine: pl.DataFrame) -> set[int]:
    """Places of the rows that were set aside: the header is line 1."""
    return {line - 2 for line in quarantine["line"]}


@pytest.fixture(scope="module")
def trades() -> tuple[Sent, Parsed]:
    sent = sent_trades(TRADE_ROWS)
    return sent, without_far_trades(parse_trades(sent.text(TRADES_HEADER), "trades", WINDOW), "trades")


def test_trades(trades: tuple[Sent, Parsed]) -> None:
    sent, parsed = trades
    delivery = gather({"trades": parsed}, "time", START, END, ["id"])
    assert delivery.sent == len(sent.rows) == TRADE_ROWS + 500
    assert delivery.duplicates == sent.repeats
    refused = lines_of(delivery.quarantine)
    assert refused <= sent.broken
    # −1 is a whole number and says nothing false of a price: of all trades of that id one is kept
    assert [sent.rows[place][4] for place in sent.broken - refused] == ["-1"]
    assert sound_prices(delivery.frame, "price")
    assert delivery.frame["amount"].is_between(LOWEST, HIGHEST).all()
    assert (
        bars_of(delivery.frame, pl.DataFrame(schema=ORDER_BOOK), pl.DataFrame(schema=CANDLES)).height > 1400
    )


def test_book_snapshots() -> None:
    sent = sent_books(BOOK_ROWS)
    parsed = parse_order_book(sent.text(BOOK_HEADER), "book", WINDOW, 5)
    delivery = gather({"book": parsed}, "time", START, END, None)
    assert delivery.sent == len(sent.rows)
    refused = lines_of(parsed.quarantine)
    assert refused <= sent.broken
    left = [sent.rows[place] for place in sent.broken - refused]
    # an empty level may end a side (fewer levels), and crossed states are counted and excluded by the minute bars
    crossed = [row for row in left if row[4] and row[6] and float(row[4]) < float(row[6])]
    emptied = [row for row in left if not all(row)]
    assert len(crossed) + len(emptied) == len(left)
    bars_of(pl.DataFrame(schema=TRADES), delivery.frame, clean_candles())
    minutes = minute_bars(pl.DataFrame(schema=TRADES), delivery.frame, DAY, check_local_time=True)
    assert minutes["crossed"].sum() == len(crossed) > 100


def clean_candles() -> pl.DataFrame:
    rows = sent_candles(CANDLE_ROWS, 9)
    kept = [row for place, row in enumerate(rows.rows) if place not in rows.broken]
    text = Sent(kept, set()).text("open_time,open,high,low,close,volume")
    return parse_candle_text(text, "clean", "1m", NOW).rows.select(*CANDLES)


def test_book_updates() -> None:
    sent = sent_updates(UPDATE_ROWS)
    parsed = parse(sent.text(UPDATES_HEADER), layout_of("incremental_book_L2"), "updates", WINDOW)
    assert parsed.rows.height + parsed.quarantine.height == len(sent.rows)
    assert lines_of(parsed.quarantine) == sent.broken
    builder = BookBuilder()
    book = pl.concat([builder.feed(parsed.rows, parsed.quarantine["line"].to_list()), builder.finish()])
    assert sound_prices(book, "bid_price_1", "ask_price_1")
    bars_of(pl.DataFrame(schema=TRADES), book.sort("time"), clean_candles())


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_candles(kind: str) -> None:
    sent = sent_candles(TABLE_ROWS if kind == "parquet" else CANDLE_ROWS, 4 if kind == "csv" else 5)
    names = ["open_time", "open", "high", "low", "close", "volume"]
    if kind == "csv":
        parsed = parse_candle_text(sent.text(",".join(names)), "candles", "1m", NOW, "ms")
        refused = lines_of(parsed.quarantine)
    else:
        table = pl.DataFrame(sent.rows, schema=dict.fromkeys(names, pl.String), orient="row")
        parsed = parse_candle_table(table, "candles", "1m", NOW, "ms")
        refused = {line - 1 for line in parsed.quarantine["line"]}
    delivery = gather({"candles": parsed}, "open_time", START, END, ["open_time"])
    assert delivery.sent == len(sent.rows)
    assert refused == sent.broken
    bars_of(pl.DataFrame(schema=TRADES), pl.DataFrame(schema=ORDER_BOOK), delivery.frame)


def binance(k: int, time_ms: int, price: float, amount: float) -> Any:
    data = {
        "e": "trade",
        "E": time_ms,
        "T": time_ms,
        "s": "BTCUSDT",
        "t": 1000 + k,
        "p": str(price),
        "q": str(amount),
    }
    return {"stream": "btcusdt@trade", "data": {**data, "X": "MARKET", "m": bool(k % 3)}}


def coinbase(k: int, time_ms: int, price: float, amount: float) -> Any:
    time = (
        datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
    trade = {"product_id": "BTC-USD", "trade_id": str(1000 + k), "price": str(price), "size": str(amount)}
    trade |= {"time": time, "side": "BUY" if k % 3 else "SELL"}
    return {"channel": "market_trades", "sequence_num": k, "events": [{"type": "update", "trades": [trade]}]}


def trade_in(message: Any) -> dict[str, Any]:
    found: dict[str, Any] = message["data"] if "data" in message else message["events"][0]["trades"][0]
    return found


NAMES = {
    "binance-futures": ("p", "q", "T", "t", "m"),
    "coinbase": ("price", "size", "time", "trade_id", "side"),
}
MAKERS = {"binance-futures": binance, "coinbase": coinbase}


def sent_messages(exchange_name: str, count: int) -> tuple[list[tuple[datetime, Any]], set[int]]:
    random = np.random.default_rng(count)
    make, (price, amount, time, identity, side) = MAKERS[exchange_name], NAMES[exchange_name]
    stamps = FIRST_US // 1000 + np.sort(random.integers(0, 86_400_000 - 1, count))
    sizes = np.round(random.uniform(0.001, 3, count), 3)
    messages = [
        make(k, *values)
        for k, values in enumerate(
            zip(stamps.tolist(), prices(count, count).tolist(), sizes.tolist(), strict=True)
        )
    ]
    places = set((50 + random.permutation(count - 50)[: count // 5]).tolist())
    for place in places:
        trade, way = trade_in(messages[place]), random.integers(0, 10)
        if way == 0:
            trade[time] = (
                FUTURE_US // 1000 if exchange_name == "binance-futures" else "2031-01-01T00:00:00.5Z"
            )
        elif way <= 2:
            trade[price], trade[amount] = trade[amount], trade[price]
        elif way == 3:
            messages[place] = json.dumps(messages[place])[:-9]  # broken off: no JSON
        elif way == 4:
            del trade[[price, amount, time, identity, side][random.integers(0, 5)]]
        else:
            name = [price, amount, time, identity, side][random.integers(0, 5)]
            trade[name] = [*BAD_TEXT, float("nan"), None, [], {}, 1e308, -1][
                random.integers(0, len(BAD_TEXT) + 6)
            ]
    moments = [START + timedelta(milliseconds=int(t) - FIRST_US // 1000 + 40) for t in stamps]
    return list(zip(moments, messages, strict=True)), places


@pytest.mark.parametrize(("exchange_name", "symbol", "count"), NATIVE)
def test_messages(exchange_name: str, symbol: str, count: int) -> None:
    messages, broken = sent_messages(exchange_name, count)
    again = [pair for place, pair in enumerate(messages) if place not in broken][:100]
    found: Normalised = normalise(exchange_name, [*messages, *again], symbol, WINDOW, "feed")
    assert found.sent == found.accounted == count + 100
    assert found.repeats == 100
    assert {line - 1 for line in found.quarantine["line"]} == broken
    assert found.quarantine["reason"].null_count() == 0
    assert sound_prices(found.trades, "price")
    bars_of(found.trades, pl.DataFrame(schema=ORDER_BOOK), pl.DataFrame(schema=CANDLES))


def test_messages_of_a_book() -> None:
    """A fifth of the updates are broken; after each the book is unknown until a new snapshot, and nothing crosses."""
    random = np.random.default_rng(7)
    messages: list[tuple[datetime, Any]] = []
    for k in range(2_000):
        kind = "snapshot" if k % 4 == 0 else "update"
        levels = [("bid", 59_999 - n, "2.5") for n in range(10)] + [
            ("offer", 60_001 + n, "1.5") for n in range(10)
        ]
        chosen = levels if kind == "snapshot" else [levels[random.integers(0, 20)]]
        moment = START + timedelta(seconds=40 * k)
        updates = [
            {"side": s, "event_time": "", "price_level": str(p), "new_quantity": q} for s, p, q in chosen
        ]
        stamp = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
        if k and random.random() < 0.2:
            field = ["price_level", "new_quantity", "side"][random.integers(0, 3)]
            updates[0][field] = BAD_TEXT[random.integers(0, len(BAD_TEXT))]
        event = {"type": kind, "product_id": "BTC-USD", "updates": updates}
        messages.append(
            (moment, {"channel": "l2_data", "timestamp": stamp, "sequence_num": k, "events": [event]})
        )
    found = normalise("coinbase", messages, "BTC-USD", WINDOW, "feed")
    assert found.sent == found.accounted
    assert found.quarantine.height > 300
    assert found.invalid.height > 100
    builder = BookBuilder()
    book = pl.concat([builder.feed(typed_updates(found.updates)), builder.finish()])
    assert builder.states.crossed == 0
    bars_of(pl.DataFrame(schema=TRADES), book.sort("time"), clean_candles())


def test_there_were_a_hundred_thousand() -> None:
    native = sum(count for _, _, count in NATIVE)
    assert TRADE_ROWS + BOOK_ROWS + UPDATE_ROWS + CANDLE_ROWS + TABLE_ROWS + native == 100_000
