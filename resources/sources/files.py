"""The user's own files as a source: which files answer a request. Row rules are in pipelines/market.

Files are declared by FileEntry; a file of the same folders that no entry claims is listed as ignored.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.errors import BadData, BadSettings, MissingData
from pipelines.market.candle_files import parse_candle_table, parse_candle_text, without_last
from pipelines.market.file_entry import FileEntry
from pipelines.market.funding_files import parse_funding
from pipelines.market.parsing import parse_order_book, parse_trades
from pipelines.market.plausibility import check_candles, check_order_book, check_trades
from pipelines.market.rows import Parsed, refuse_hopeless
from pipelines.market.symbols import Market
from pipelines.market.timeframes import length_of
from resources.sources.gathering import gather, judged_clock
from resources.sources.reading import beside, matches, read_bytes
from resources.sources.source import Delivery
from resources.sources.tick_files import TickIndex, near, window_of

DAY = timedelta(days=1)
KEPT = 3
"""Parsed files kept in memory: a run over days meets each file up to three times in a row."""


class FilesSource:
    """Ticks, candles and funding from declared files; see Source for what each method promises."""

    def __init__(
        self, entries: Sequence[FileEntry], root: Path, now: datetime, cache: Path | None = None
    ) -> None:
        """`root`: where relative patterns start; `now`: bounds all times; `cache`: file of tick files' days.

        Raises BadSettings when two entries give candles of the same symbol and timeframe from two markets.
        """
        self.entries, self.root, self.now = tuple(entries), root, now
        self.index = TickIndex(now, cache)
        self._parsed: dict[tuple[str, str, int, int], Parsed] = {}
        self._check_one_market_per_candles()

    def trades(self, market: Market, day: date) -> Delivery:
        """Trades of one UTC day; raises MissingData naming the days there are, BadData for a broken file."""
        files = self._of_day(market, day, "tardis_trades", self._trades_of)
        numbered = all(parsed.rows["id"].null_count() == 0 for parsed in files.values())
        start = datetime.combine(day, time(), UTC)
        delivery = gather(files, "time", start, start + DAY, ["id"] if numbered else None)
        frame = (
            delivery.frame if numbered else delivery.frame.with_columns(pl.int_range(pl.len()).alias("id"))
        )
        notes = delivery.notes if numbered else (*delivery.notes, "trades are numbered by arrival")
        return judged_clock(
            Delivery(frame.sort("time", "id"), delivery.quarantine, notes, True, delivery.duplicates)
        )

    def order_book(self, market: Market, day: date) -> Delivery:
        """Snapshots of one UTC day, from 25-level files where they hold the day, else from 5-level files."""
        deep = [path for path in self._tick_paths(market, "tardis_book_snapshot_25") if near(path, day)]
        has_deep = any(day in days for days in self.index.days(deep).values())
        kind, levels = ("tardis_book_snapshot_25", 25) if has_deep else ("tardis_book_snapshot_5", 5)
        files = self._of_day(market, day, kind, lambda path: self._book_of(path, levels))
        start = datetime.combine(day, time(), UTC)
        return judged_clock(gather(files, "time", start, start + DAY, None))

    def candles(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Delivery:
        """Candles that open in [start, end); a repeated open time is dropped or quarantined."""
        entries = self._candle_entries(symbol, timeframe)
        if not entries:
            raise MissingData(
                f"no file entry gives {timeframe} candles of {symbol}: expected one of kind ohlcv, found "
                f"{len(self.entries)} other entries; declare one in the settings."
            )
        files = {str(path): self._candles_of(path, entry) for entry in entries for path in self._paths(entry)}
        delivery = gather(files, "open_time", start, end, ["open_time"])
        if delivery.frame.is_empty():
            raise MissingData(
                f"files hold no {timeframe} candle of {symbol} in {start:%Y-%m-%d} to {end:%Y-%m-%d}: expected at "
                f"least one, found {_span(files)}; move the universe's span or correct the entry."
            )
        return delivery

    def funding(self, symbol: str, start: datetime, end: datetime) -> pl.DataFrame | None:
        """Funding settled in [start, end), or None when no entry is of kind funding for the symbol."""
        entries = [entry for entry in self.entries if entry.kind == "funding" and entry.traded == symbol]
        if not entries:
            return None
        parts = [
            parse_funding(_parquet(path), str(path), entry.where, self.now)
            for entry in entries
            for path in self._paths(entry)
        ]
        rows = pl.concat(parts).unique("time", maintain_order=True).sort("time")
        return rows.filter(pl.col("time").is_between(start, end, closed="left"))

    def tick_days(self, market: Market) -> list[date]:
        """UTC days with trades of a market, ascending; scans each file once."""
        return self._days_of(market, "tardis_trades")

    def book_days(self, market: Market) -> list[date]:
        """UTC days with snapshots of a market, ascending; scans each file once."""
        return self._days_of(market, "tardis_book_snapshot_25", "tardis_book_snapshot_5")

    def has_candles(self, symbol: str, timeframe: str) -> bool:
        """Whether an entry gives candles of this symbol and timeframe."""
        return bool(self._candle_entries(symbol, timeframe))

    def has_funding(self, symbol: str) -> bool:
        """Whether an entry gives funding of this symbol."""
        return any(entry.kind == "funding" and entry.traded == symbol for entry in self.entries)

    def candle_market(self, symbol: str, timeframe: str) -> Market | None:
        """The market of the candles' entry, or None when it names none."""
        named = [entry.market for entry in self._candle_entries(symbol, timeframe) if entry.market]
        return Market.parse(named[0]) if named else None

    def check(self) -> None:
        """See Source: every entry matches a file, and none of them is empty."""
        for entry in self.entries:
            for path in self._paths(entry):
                if path.stat().st_size == 0:
                    raise BadData(
                        f"file {path} is empty: expected {entry.kind} rows; get it again or delete it."
                    )

    def describe(self) -> dict[str, Any]:
        """Each entry with its number of files, and the files of the same folders that no entry claims."""
        claimed: set[Path] = set()
        present: set[Path] = set()
        listed = []
        for entry in self.entries:
            paths = matches(self.root, entry.glob)
            claimed.update(paths)
            present.update(beside(self.root, entry.glob))
            listed.append(
                {"glob": entry.glob, "kind": entry.kind, "symbol": entry.traded, "files": len(paths)}
            )
        return {
            "source": "files",
            "root": str(self.root),
            "entries": listed,
            "ignored": sorted(str(path) for path in present - claimed),
        }

    def _paths(self, entry: FileEntry) -> list[Path]:
        found = matches(self.root, entry.glob)
        if not found:
            raise MissingData(
                f"file entry {entry.glob!r} matches no file under {self.root}: expected one or more "
                f"{entry.kind} "
                "files; put them there or correct the pattern."
            )
        return found

    def _tick_paths(self, market: Market, kind: str) -> list[Path]:
        entries = [entry for entry in self.entries if entry.kind == kind and entry.market == str(market)]
        return sorted({path for entry in entries for path in self._paths(entry)})

    def _days_of(self, market: Market, *kinds: str) -> list[date]:
        found = self.index.days([path for kind in kinds for path in self._tick_paths(market, kind)])
        return sorted({day for days in found.values() for day in days})

    def _of_day(
        self, market: Market, day: date, kind: str, parse: Callable[[Path], Parsed]
    ) -> dict[str, Parsed]:
        """Parsed files that hold rows of a day, by path."""
        paths = self._tick_paths(market, kind)
        days = self.index.days([path for path in paths if near(path, day)])
        holding = [path for path, found in days.items() if day in found]
        if not holding:
            raise MissingData(
                f"files have no {kind} of {market} on {day}: expected a file that holds the day, found "
                f"{len(paths)} files of other days; add the file or leave the day out."
            )
        files = {str(path): self._once(path, kind, parse) for path in holding}
        labels = {parsed.label: name for name, parsed in files.items() if parsed.label}
        if len(labels) > 1:
            raise BadData(
                f"files of {market} on {day} are of {len(labels)} markets: expected one, found "
                f"{'; '.join(f'{label} in {name}' for label, name in sorted(labels.items()))}; narrow the "
                "pattern."
            )
        return files

    def _once(self, path: Path, kind: str, parse: Callable[[Path], Parsed]) -> Parsed:
        state = path.stat()
        key = (kind, str(path), state.st_size, state.st_mtime_ns)
        if key not in self._parsed:
            while len(self._parsed) >= KEPT:
                self._parsed.pop(next(iter(self._parsed)))
            self._parsed[key] = parse(path)
        return self._parsed[key]

    def _trades_of(self, path: Path) -> Parsed:
        parsed = parse_trades(read_bytes(path), str(path), window_of(path, self.now))
        refuse_hopeless(parsed, str(path))
        check_trades(parsed.rows, str(path))
        return parsed

    def _book_of(self, path: Path, levels: int) -> Parsed:
        parsed = parse_order_book(read_bytes(path), str(path), window_of(path, self.now), levels)
        refuse_hopeless(parsed, str(path))
        check_order_book(parsed.rows, str(path))
        return parsed

    def _candles_of(self, path: Path, entry: FileEntry) -> Parsed:
        timeframe, unit = str(entry.timeframe), entry.timestamp_unit
        if path.suffix == ".parquet":
            parsed = parse_candle_table(_parquet(path), str(path), timeframe, self.now, unit)
        else:
            parsed = parse_candle_text(read_bytes(path), str(path), timeframe, self.now, unit)
        refuse_hopeless(parsed, str(path))
        check_candles(parsed.rows, str(path), length_of(timeframe))
        return without_last(parsed, str(path)) if entry.last_is_open else parsed

    def _candle_entries(self, symbol: str, timeframe: str) -> list[FileEntry]:
        return [
            entry
            for entry in self.entries
            if entry.kind == "ohlcv" and (entry.traded, entry.timeframe) == (symbol, timeframe)
        ]

    def _check_one_market_per_candles(self) -> None:
        seen: dict[tuple[str, str | None], str | None] = {}
        for entry in self.entries:
            if (
                entry.kind == "ohlcv"
                and seen.setdefault((entry.traded, entry.timeframe), entry.market) != entry.market
            ):
                raise BadSettings(
                    f"file entries give {entry.timeframe} candles of {entry.traded} from markets "
                    f"{seen[entry.traded, entry.timeframe]} and {entry.market}: expected one market; "
                    "remove one."
                )


def _span(files: Mapping[str, Parsed]) -> str:
    days = pl.concat([parsed.rows["open_time"] for parsed in files.values()]).dt.date()
    return f"{days.min()!s} to {days.max()!s}" if days.len() else "none at all"


def _parquet(path: Path) -> pl.DataFrame:
    raw = read_bytes(path)
    try:
        return pl.read_parquet(io.BytesIO(raw))
    except pl.exceptions.PolarsError as error:
        raise BadData(
            f"file {path} cannot be read: expected a whole Parquet file, found "
            f"{str(error).splitlines()[0]}; get "
            "it again."
        ) from error
