"""Faults of candles and lists: F7–F14, F24–F29. They change which rows there are, or what stands in them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tests.venue.call import Span
from tests.venue.faults import Fault, hook
from tests.venue.hole import hole_of
from tests.venue.tables import Bar, Candles, milliseconds

TEN_YEARS_MS = 10 * 365 * 86_400_000
BROKEN = {"negative": "-1", "zero": "0", "nan": "NaN", "null": None, "text": "n/a", "huge": "1" + "0" * 308}
FIELDS = ("open", "high", "low", "close", "volume")


@hook("span", "F8")
def newest_only(fault: Fault, span: Span, series: Candles) -> Span:
    """The newest rows of all, whatever was asked."""
    return Span(span.top - fault["rows"], span.top, span.top)


@hook("span", "F9")
def inclusive(fault: Fault, span: Span, series: Candles) -> Span:
    """Rows beyond both ends."""
    return Span(max(span.low - fault["before"], 0), min(span.high + fault["past"], span.top), span.top)


@hook("span", "F10")
def shallow(fault: Fault, span: Span, series: Candles) -> Span:
    """Only the newest rows exist."""
    return Span(max(span.low, span.top - fault["depth"]), max(span.high, span.top), span.top)


@hook("open", "F11")
def open_too(fault: Fault, value: bool) -> bool:
    """The open candle is served."""
    return True


@hook("bars", "F7")
def capped(fault: Fault, rows: list[Bar], series: Candles, now_ms: int) -> list[Bar]:
    """Fewer than asked for."""
    return rows[-fault["rows"] :] if fault["keep"] == "newest" else rows[: fault["rows"]]


@hook("bars", "F9")
def repeated(fault: Fault, rows: list[Bar], series: Candles, now_ms: int) -> list[Bar]:
    """The last rows a second time, with the same or another close."""
    again = rows[len(rows) - fault["duplicates"] :]
    if fault["different"]:
        again = [bar._replace(close=bar.open, volume=scaled(bar.volume, 2.0)) for bar in again]
    return rows + again


@hook("bars", "F12")
def revised(fault: Fault, rows: list[Bar], series: Candles, now_ms: int) -> list[Bar]:
    """Other values of closed candles; which ones is settled at the first answer that is touched."""
    if fault["at"] is not None:
        first = fault.memory.setdefault("first", milliseconds(fault["at"]))
    else:
        last_open = int(series.times[max(series.index(now_ms - series.step + 1) - 1, 0)])
        first = fault.memory.setdefault("first", last_open - (fault["bars"] - 1) * series.step)
    end = first + fault["bars"] * series.step
    name, factor = fault["field"], fault["factor"]
    return [
        bar._replace(**{name: scaled(getattr(bar, name), factor)}) if first <= bar.time < end else bar
        for bar in rows
    ]


def scaled(text: str | None, factor: float) -> str | None:
    """A number text times a factor, with as many decimals as it had (at least two)."""
    if text is None:
        return None
    return f"{float(text) * factor:.{max(len(text.partition('.')[2]), 2)}f}"


@hook("bars", "F13")
def omitted(fault: Fault, rows: list[Bar], series: Candles, now_ms: int) -> list[Bar]:
    """Minutes that are not there."""
    named = {milliseconds(moment) for moment in fault["minutes"]}
    if named:
        return [bar for bar in rows if bar.time not in named]
    return [bar for bar in rows if bar.time // series.step % fault["every"]]


@hook("bars", "F14")
def hole(fault: Fault, rows: list[Bar], series: Candles, now_ms: int) -> list[Bar]:
    """A span without any row."""
    low, high = hole_of(fault, series.times, 1)
    return [bar for bar in rows if not low <= bar.time < high]


@hook("stamp", "F24")
def zoned(fault: Fault, text: str, nanoseconds: int, digits: int) -> str:
    """The same instant on another wall."""
    local = datetime.fromtimestamp(nanoseconds // 10**9, UTC).astimezone(ZoneInfo(fault["zone"]))
    fraction = f".{nanoseconds % 10**9:09d}"[: digits + 1] if digits else ""
    offset = local.strftime("%z")
    return local.strftime("%Y-%m-%dT%H:%M:%S") + fraction + f"{offset[:3]}:{offset[3:]}"


@hook("symbols", "F25")
def renamed(fault: Fault, symbols: list[str], now_ms: int) -> list[str]:
    """The old symbol is gone, a new one is there."""
    if not _since(fault, now_ms):
        return symbols
    return [fault["becomes"] if symbol == fault.symbol else symbol for symbol in symbols]


@hook("source", "F25")
def renamed_source(fault: Fault, source: str | None, symbol: str, now_ms: int) -> str | None:
    """Whose data a name stands for."""
    if not _since(fault, now_ms):
        return source
    if symbol == fault.symbol:
        return None
    return fault.symbol if symbol == fault["becomes"] else source


@hook("bars", "F25")
def begins(fault: Fault, rows: list[Bar], series: Candles, now_ms: int) -> list[Bar]:
    """The new symbol has no past."""
    at = milliseconds(fault["at"]) if fault["at"] else 0
    return [bar for bar in rows if bar.time >= at] if _since(fault, now_ms) else rows


@hook("status", "F26")
def delisted(fault: Fault, status: str, now_ms: int) -> str:
    """What the lists say."""
    return "delisted" if _since(fault, now_ms) else status


@hook("bars", "F26")
def ended(fault: Fault, rows: list[Bar], series: Candles, now_ms: int) -> list[Bar]:
    """No candle after the end."""
    return [bar for bar in rows if fault["at"] is None or bar.time < milliseconds(fault["at"])]


def _since(fault: Fault, now_ms: int) -> bool:
    return fault["at"] is None or now_ms >= milliseconds(fault["at"])


@hook("bars", "F27")
def broken_prices(fault: Fault, rows: list[Bar], series: Candles, now_ms: int) -> list[Bar]:
    """Values that cannot be."""
    name = fault["field"]
    return [
        bar._replace(**{name: broken(fault, getattr(bar, name))})
        if bar.time // series.step % fault["every"] == 0
        else bar
        for bar in rows
    ]


def broken(fault: Fault, text: str | None) -> str | None:
    """A value that cannot be, in place of one that can."""
    return scaled(text, 10.0) if fault["how"] == "absurd" else BROKEN[fault["how"]]


@hook("bars", "F28")
def misplaced(fault: Fault, rows: list[Bar], series: Candles, now_ms: int) -> list[Bar]:
    """Highs below lows, or stamps that no candle of this venue can have."""
    how = fault["how"]
    if how == "close-stamped":
        return [bar._replace(time=bar.time + series.step) for bar in rows]
    change = {
        "high-low": lambda bar: bar._replace(high=bar.low, low=bar.high),
        "future": lambda bar: bar._replace(time=bar.time + TEN_YEARS_MS),
        "off-grid": lambda bar: bar._replace(time=bar.time + 7000),
    }[how]
    return [change(bar) if bar.time // series.step % fault["every"] == 0 else bar for bar in rows]


@hook("bars", "F29")
def endless_digits(fault: Fault, rows: list[Bar], series: Candles, now_ms: int) -> list[Bar]:
    """More digits than a float has."""
    return [
        Bar(bar.time, *(lengthened(text, fault["digits"]) for text in bar[1:]))
        if bar.time // series.step % fault["every"] == 0
        else bar
        for bar in rows
    ]


def lengthened(text: str | None, digits: int) -> str | None:
    """The same number a hair larger, with so many significant digits."""
    if text is None:
        return None
    whole, _, fraction = text.partition(".")
    missing = digits - len((whole + fraction).lstrip("0"))
    return f"{whole}.{fraction}{'0' * (missing - 1)}1" if missing > 0 else text
