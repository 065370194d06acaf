"""Candles of the user's files: which entries answer for a symbol, and one file read as its entry says.

A symbol may have candles of two markets: its primary one, and a second to compare with and to repair from. Row
rules are pipelines/market/candle_files.py and equity_files.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from pipelines.errors import BadSettings, MissingData
from pipelines.market.calendars import ALWAYS, calendar_of
from pipelines.market.candle_cuts import within_sessions, without_jumps, without_last
from pipelines.market.candle_files import parse_candle_table, parse_candle_text, parse_kraken_ohlcvt
from pipelines.market.equity_files import ZONES, day_of, parse_lean, unpack_zip
from pipelines.market.file_entry import FileEntry
from pipelines.market.plausibility import check_candles
from pipelines.market.rows import Parsed, refuse_hopeless
from pipelines.market.session_zone import refuse_other_zone
from pipelines.market.symbols import Market
from pipelines.market.timeframes import length_of
from resources.sources.entries import parquet_of, paths_of
from resources.sources.gathering import gather
from resources.sources.reading import read_bytes
from resources.sources.source import Delivery

DAY = timedelta(days=1)


@dataclass(frozen=True)
class CandleFiles:
    """The candle entries of a source; `primaries`: the market that a symbol is traded on, where it is said.

    Raises BadSettings when a symbol has candles of one timeframe from two markets of which none is its primary,
    or from three.
    """

    entries: Sequence[FileEntry]
    root: Path
    now: datetime
    primaries: Mapping[str, Market] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for entry in self.entries:
            if entry.kind == "ohlcv":
                self._check_markets(entry.traded, str(entry.timeframe))

    def first(self, symbol: str, timeframe: str) -> list[FileEntry]:
        """Entries of the symbol's own candles."""
        entries = self._of(symbol, timeframe)
        markets = {entry.market for entry in entries}
        if len(markets) < 2:
            return entries
        return [entry for entry in entries if entry.market == str(self.primaries[symbol])]

    def second(self, symbol: str, timeframe: str) -> list[FileEntry]:
        """Entries of another market's candles of the symbol, all of one market; empty when there is none."""
        own = {entry.glob for entry in self.first(symbol, timeframe)}
        markets = {entry.market for entry in self.first(symbol, timeframe)}
        found = [entry for entry in self._of(symbol, timeframe) if entry.market not in markets]
        if shared := [entry.glob for entry in found if entry.glob in own]:
            raise BadSettings(
                f"file entry {shared[0]!r} is declared for two markets of {symbol}: expected other files for the "
                "second market; correct one of the entries."
            )
        return found

    def read(self, entries: Sequence[FileEntry], start: datetime, end: datetime) -> Delivery:
        """Candles of the entries that open in [start, end); a repeated open time is dropped or quarantined.

        Raises MissingData when there is none.
        """
        files = {
            str(path): self._parsed(path, entry)
            for entry in entries
            for path in paths_of(entry, self.root)
            if _may_hold(path, entry, start, end)
        }
        delivery = (
            gather(files, "open_time", start, end, ["open_time"]) if files else Delivery(pl.DataFrame())
        )
        if delivery.frame.is_empty():
            raise MissingData(
                f"files hold no {entries[0].timeframe} candle of {entries[0].traded} in {start:%Y-%m-%d} to "
                f"{end:%Y-%m-%d}: expected at least one, found {_span(files)}{_aside(delivery)}; move the "
                "universe's span or correct the entry."
            )
        return delivery

    def _parsed(self, path: Path, entry: FileEntry) -> Parsed:
        timeframe, file = str(entry.timeframe), str(path)
        parsed, raw = self._rows(path, entry)
        refuse_hopeless(parsed, file)
        check_candles(parsed.rows, file, length_of(timeframe))
        parsed = without_last(parsed, file, raw) if entry.last_is_open else parsed
        if entry.layout == "lean_equity" or entry.calendar != ALWAYS:
            parsed = without_jumps(parsed, file, raw)
        calendar = calendar_of(entry.calendar)
        inside = within_sessions(parsed, file, calendar, timeframe, raw)
        refuse_other_zone(parsed, inside, file, calendar)
        return inside

    def _rows(self, path: Path, entry: FileEntry) -> tuple[Parsed, bytes | None]:
        """The file's rows, and its text when it is one."""
        timeframe, unit, file = str(entry.timeframe), entry.timestamp_unit, str(path)
        if entry.layout in ZONES:
            name, raw = unpack_zip(read_bytes(path), file)
            return parse_lean(raw, name, file, timeframe, self.now, str(entry.layout)), raw
        if path.suffix == ".parquet":
            return parse_candle_table(parquet_of(path), file, timeframe, self.now, unit), None
        raw = read_bytes(path)
        if entry.layout == "kraken_ohlcvt":
            return parse_kraken_ohlcvt(raw, file, timeframe, self.now), raw
        return parse_candle_text(raw, file, timeframe, self.now, unit), raw

    def _of(self, symbol: str, timeframe: str) -> list[FileEntry]:
        wanted = ("ohlcv", symbol, timeframe)
        return [entry for entry in self.entries if (entry.kind, entry.traded, entry.timeframe) == wanted]

    def _check_markets(self, symbol: str, timeframe: str) -> None:
        markets = list(dict.fromkeys(entry.market for entry in self._of(symbol, timeframe)))
        primary = str(self.primaries.get(symbol))
        if len(markets) < 2 or (len(markets) == 2 and None not in markets and primary in markets):
            return
        known = symbol in self.primaries
        expected = f"{primary}, its primary market, and at most one other" if known else "one market"
        raise BadSettings(
            f"file entries give {timeframe} candles of {symbol} from markets "
            f"{' and '.join(str(market) for market in markets)}: expected {expected}; remove one."
        )


def _may_hold(path: Path, entry: FileEntry, start: datetime, end: datetime) -> bool:
    """Whether a file can hold the span: a LEAN zip named for a day holds that day on its exchange's clock."""
    day = day_of(path.name) if entry.layout in ZONES else None
    return day is None or start.date() - DAY <= day <= end.date() + DAY


def _span(files: Mapping[str, Parsed]) -> str:
    if not files:
        return "files of other days only"
    days = pl.concat([parsed.rows["open_time"] for parsed in files.values()]).dt.date()
    return f"{days.min()!s} to {days.max()!s}" if days.len() else "none at all"


def _aside(delivery: Delivery) -> str:
    if delivery.quarantine.is_empty():
        return ""
    return (
        f" and {delivery.quarantine.height} set aside, the first because: {delivery.quarantine['reason'][0]}"
    )
