"""Binance USDⓈ-margined futures: trade, aggTrade, depth diffs bridged to a REST depth snapshot, bookTicker.

Source: Binance "How to manage a local order book correctly". A diff covers the update ids U … u of which the one
before ended at pu; the first diff after a snapshot of id L has pu ≤ L < u (the diffs with u ≤ L are in the snapshot
already), and each next one has pu equal to the u before it. A snapshot comes as a bare REST answer, as
`<symbol>@depthSnapshot` (Tardis) or as an HTTP answer with its URL (cryptofeed).
Exchange time is E for books and quotes (when the event was sent), T for trades; a book without E has T, and without
both the recorder's time: older generated snapshots say neither.
"""

from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from pipelines.market.native.fields import millis_us, whole
from pipelines.market.native.reader import UNREADABLE, Reader, levels_of
from pipelines.market.native.shapes import Shape

EVENTS = ("depthUpdate", "bookTicker", "trade", "aggTrade")
OTHER_EVENTS = (
    *("markPriceUpdate", "forceOrder", "kline", "continuous_kline", "24hrTicker", "24hrMiniTicker"),
    *("compositeIndex", "contractInfo", "assetIndexUpdate", "tradingSession"),
)
WAITING = 10_000
"""Diffs kept while no snapshot is there; older ones cannot be bridged any more."""


class _Diff(NamedTuple):
    line: int
    time: int | None
    local: int | None
    before: int
    last: int
    levels: list[tuple[str, Any, Any]]


class BinanceFutures(Reader):
    """Reader of one symbol, spelled like BTCUSDT."""

    exchange = "binance-futures"
    dense_ids = True

    def __init__(self, symbol: str, window: tuple[datetime, datetime], file: str) -> None:
        super().__init__(symbol, window, file)
        self.stream: str | None = None  # trade or aggTrade: the one that comes first, the other says it again
        self._waiting: list[_Diff] = []
        self._last: int | None = None  # u of the last diff, or L of the snapshot

    def read(self, line: int, local: int | None, message: Any) -> Shape:
        """See Reader; a bare snapshot names no symbol and is taken for this one."""
        if "url" in message:
            parts = urlsplit(message["url"])
            if parts.path.endswith("/depth") and parse_qs(parts.query).get("symbol") == [self.symbol]:
                self._snapshot(line, local, message["data"])
            return Shape.OTHER
        if "lastUpdateId" in message:
            self._snapshot(line, local, message)
            return Shape.READ
        data = message["data"] if "stream" in message else message
        if "lastUpdateId" in data:
            if message["stream"].split("@")[0].upper() == self.symbol:
                self._snapshot(line, local, data)
            return Shape.READ
        if data.get("s") == self.symbol:
            self._event(line, local, data)
        event = data.get("e")
        if event in EVENTS:
            return Shape.READ
        answered = "id" in data and ("result" in data or "error" in data)
        return Shape.OTHER if answered or event in OTHER_EVENTS else Shape.UNKNOWN

    def disconnected(self) -> None:
        """See Reader."""
        super().disconnected()
        self._last = None

    def close(self) -> None:
        """See Reader."""
        for diff in self._waiting:
            self._skip(diff)
        self._waiting = []

    def _event(self, line: int, local: int | None, data: dict[str, Any]) -> None:
        match data["e"]:
            case "depthUpdate":
                self._depth(line, local, data)
            case "bookTicker":
                self.quote(line, (_moment(data, local), local), data["u"], *(data[name] for name in "bBaA"))
            case "trade" | "aggTrade" as event:
                self.stream = self.stream or event
                if event == self.stream:
                    self._trade(line, local, data)

    def _trade(self, line: int, local: int | None, data: dict[str, Any]) -> None:
        identity = data["t"] if self.stream == "trade" else data["a"]
        time, price, amount, maker_bought = data["T"], data["p"], data["q"], data["m"]
        if data.get("X", "MARKET") != "MARKET":
            self.trades.see(identity)
            self.unread(line, f"is no trade of the market but {data['X']}", data)
            return
        side = {True: -1, False: 1}.get(maker_bought) if isinstance(maker_bought, bool) else None
        self.trades.add(line, (millis_us(time), local), identity, side, price, amount)

    def _depth(self, line: int, local: int | None, data: dict[str, Any]) -> None:
        try:
            levels = levels_of({"bid": data["b"], "ask": data["a"]})
            diff = _Diff(line, _moment(data, local), local, _id(data["pu"]), _id(data["u"]), levels)
        except UNREADABLE as error:
            self.unread_book(line, f"is no depth update: {error!r}"[:120], data)
            return
        if self._last is None:
            self._waiting.append(diff)
            if len(self._waiting) > WAITING:
                self._skip(self._waiting.pop(0))
        else:
            self._apply(diff)

    def _apply(self, diff: _Diff) -> None:
        """A diff that follows the state is passed on, one that the state has is skipped, any other is a gap."""
        last = int(self._last or 0)
        if diff.last <= last:
            self._skip(diff)
        elif diff.before > last or not self.book.known:
            self.book.lose(f"updates {last + 1} to {diff.before} are missing")
            self._last = None
            self._waiting.append(diff)
        else:
            self.book.change(diff.line, (diff.time, diff.local), diff.levels)
            self._last = diff.last

    def _snapshot(self, line: int, local: int | None, data: dict[str, Any]) -> None:
        try:
            levels = levels_of({"bid": data["bids"], "ask": data["asks"]})
            last, stamp = _id(data["lastUpdateId"]), (_moment(data, local), local)
        except UNREADABLE as error:
            self.unread_book(line, f"is no depth snapshot: {error!r}"[:120], data)
            return
        if self.book.known and last <= int(self._last or 0):
            self.book.drop(len(levels), stamp)  # older than what is known
            return
        waiting = [diff for diff in self._waiting if diff.last > last]
        if waiting and waiting[0].before > last:
            self.book.drop(len(levels), stamp)  # the diffs between it and the oldest one kept are gone
            return
        for diff in self._waiting[: len(self._waiting) - len(waiting)]:
            self._skip(diff)
        self._waiting = waiting
        if self.book.snapshot(line, stamp, levels):
            self._last, self._waiting = last, []
            for diff in waiting:  # they arrived before the snapshot that they follow
                self._apply(diff._replace(local=local))

    def _skip(self, diff: _Diff) -> None:
        self.book.drop(len(diff.levels), (diff.time, diff.local))


def _moment(data: dict[str, Any], local: int | None) -> int | None:
    """Exchange time of a book: when it was sent, else of its transaction, else the recorder's."""
    named = next((name for name in ("E", "T") if name in data), None)
    return local if named is None else millis_us(data[named])


def _id(value: Any) -> int:
    number = whole(value)
    if number is None:
        raise ValueError(f"{value!r} is no update id")
    return number
