"""The user's own files as a source: which files answer a request. Row rules are in pipelines/market.

Files are declared by FileEntry; a file of the same folders that no entry claims is listed as ignored.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from pipelines.errors import BadData, MissingData
from pipelines.market.file_entry import FileEntry
from pipelines.market.funding_files import parse_funding, together
from pipelines.market.native.far_trades import without_far_trades
from pipelines.market.parsing import parse_trades
from pipelines.market.plausibility import check_order_book, check_trades
from pipelines.market.rows import Parsed, refuse_hopeless
from pipelines.market.symbols import Market
from pipelines.market.tardis.layouts import layout_of
from pipelines.market.tardis.stream import stream
from resources.sources.candle_files import CandleFiles
from resources.sources.day_pieces import Cut, DayPieces, cut
from resources.sources.entries import listing, parquet_of, paths_of
from resources.sources.fill_files import fills_of
from resources.sources.gathering import gather, judged_clock
from resources.sources.reading import read_chunks
from resources.sources.source import Delivery
from resources.sources.tick_files import TickIndex, near, window_of

DAY = timedelta(days=1)
BEST = ("bid_price_1", "ask_price_1")
NO_PRIMARIES: Mapping[str, Market] = MappingProxyType({})


class FilesSource:
    """Ticks, candles, funding and fills from declared files; see Source for what each method promises."""

    def __init__(
        self,
        entries: Sequence[FileEntry],
        root: Path,
        now: datetime,
        cache: Path | None = None,
        primaries: Mapping[str, Market] = NO_PRIMARIES,
    ) -> None:
        """`root`: where relative patterns start; `now`: bounds all times; `cache`: file of tick files' days.

        `primaries`: symbol → the market it is traded on; without it a symbol's candles may come from one market
        only. Raises BadSettings for markets that CandleFiles refuses.
        """
        self.entries, self.root, self.now = tuple(entries), root, now
        self.index = TickIndex(now, cache)
        self._pieces = DayPieces()
        self.of_candles = CandleFiles(self.entries, root, now, primaries)

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
        return judged_clock(replace(delivery, frame=frame.sort("time", "id"), notes=notes))

    def order_book(self, market: Market, day: date) -> Delivery:
        """Snapshots of one UTC day, from 25-level files where they hold the day, else from 5-level files."""
        deep = [path for path in self._tick_paths(market, "tardis_book_snapshot_25") if near(path, day)]
        has_deep = any(day in days for days in self.index.days(deep).values())
        kind, levels = ("tardis_book_snapshot_25", 25) if has_deep else ("tardis_book_snapshot_5", 5)
        files = self._of_day(market, day, kind, lambda path, asked: self._book_of(path, asked, levels))
        start = datetime.combine(day, time(), UTC)
        return judged_clock(gather(files, "time", start, start + DAY, None))

    def candles(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Delivery:
        """Candles that open in [start, end), of the primary market when the files have two; see CandleFiles.read."""
        entries = self.of_candles.first(symbol, timeframe)
        if not entries:
            raise MissingData(
                f"no file entry gives {timeframe} candles of {symbol}: expected one of kind ohlcv, found "
                f"{len(self.entries)} other entries; declare one in the settings."
            )
        return self.of_candles.read(entries, start, end)

    def second_candles(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Delivery | None:
        """The other market's candles that open in [start, end), or None when no entry gives any."""
        entries = self.of_candles.second(symbol, timeframe)
        return self.of_candles.read(entries, start, end) if entries else None

    def second_market(self, symbol: str, timeframe: str) -> Market | None:
        """The market of `second_candles`, or None."""
        return _market_of(self.of_candles.second(symbol, timeframe))

    def funding(self, symbol: str, start: datetime, end: datetime) -> pl.DataFrame | None:
        """Funding settled in [start, end), or None when no entry is of kind funding for the symbol."""
        entries = self._of_kind("funding", symbol)
        if not entries:
            return None
        parts = [
            (str(path), parse_funding(parquet_of(path), str(path), entry.where, self.now))
            for entry in entries
            for path in paths_of(entry, self.root)
        ]
        rows = together(parts)
        return rows.filter(pl.col("time").is_between(start, end, closed="left"))

    def fills(self, symbol: str, start: datetime, end: datetime) -> Delivery | None:
        """Fills by wallet in [start, end), or None when no entry is of kind fills for the symbol."""
        entries = self._of_kind("fills", symbol)
        return fills_of(entries, self.root, self.now, start, end) if entries else None

    def tick_days(self, market: Market) -> list[date]:
        """UTC days with trades of a market, ascending; scans each file once."""
        return self._days_of(market, "tardis_trades")

    def book_days(self, market: Market) -> list[date]:
        """UTC days with snapshots of a market, ascending; scans each file once."""
        return self._days_of(market, "tardis_book_snapshot_25", "tardis_book_snapshot_5")

    def has_candles(self, symbol: str, timeframe: str) -> bool:
        """Whether an entry gives candles of this symbol and timeframe."""
        return bool(self.of_candles.first(symbol, timeframe))

    def has_funding(self, symbol: str) -> bool:
        """Whether an entry gives funding of this symbol."""
        return bool(self._of_kind("funding", symbol))

    def has_fills(self, symbol: str) -> bool:
        """Whether an entry gives fills by wallet of this symbol."""
        return bool(self._of_kind("fills", symbol))

    def candle_market(self, symbol: str, timeframe: str) -> Market | None:
        """The market of the candles' entry, or None when it names none."""
        return _market_of(self.of_candles.first(symbol, timeframe))

    def check(self) -> None:
        """See Source: every entry matches a file, and none of them is empty."""
        for entry in self.entries:
            for path in paths_of(entry, self.root):
                if path.stat().st_size == 0:
                    raise BadData(
                        f"file {path} is empty: expected {entry.kind} rows; get it again or delete it."
                    )

    def describe(self) -> dict[str, Any]:
        """Each entry with its number of files, and the files of the same folders that no entry claims."""
        return listing(self.entries, self.root)

    def _of_kind(self, kind: str, symbol: str) -> list[FileEntry]:
        return [entry for entry in self.entries if entry.kind == kind and entry.traded == symbol]

    def _tick_paths(self, market: Market, kind: str) -> list[Path]:
        entries = [entry for entry in self.entries if entry.kind == kind and entry.market == str(market)]
        return sorted({path for entry in entries for path in paths_of(entry, self.root)})

    def _days_of(self, market: Market, *kinds: str) -> list[date]:
        found = self.index.days([path for kind in kinds for path in self._tick_paths(market, kind)])
        return sorted({day for days in found.values() for day in days})

    def _of_day(
        self, market: Market, day: date, kind: str, read: Callable[[Path, date], Cut]
    ) -> dict[str, Parsed]:
        """The rows of a day in each file that holds any, by path."""
        paths = self._tick_paths(market, kind)
        days = self.index.days([path for path in paths if near(path, day)])
        holding = [path for path, found in days.items() if day in found]
        if not holding:
            raise MissingData(
                f"files have no {kind} of {market} on {day}: expected a file that holds the day, found "
                f"{len(paths)} files of other days; add the file or leave the day out."
            )
        files = {str(path): self._pieces.of(kind, path, day, read) for path in holding}
        labels = {parsed.label: name for name, parsed in files.items() if parsed.label}
        if len(labels) > 1:
            raise BadData(
                f"files of {market} on {day} are of {len(labels)} markets: expected one, found "
                f"{'; '.join(f'{label} in {name}' for label, name in sorted(labels.items()))}; narrow the "
                "pattern."
            )
        return files

    def _trades_of(self, path: Path, day: date) -> Cut:
        """A file of trades, whole before it is cut: an outlier is judged by its neighbours."""
        parsed = parse_trades(read_chunks(path), str(path), window_of(path, self.now))
        refuse_hopeless(parsed, str(path))
        check_trades(parsed.rows, str(path))
        return cut([without_far_trades(parsed, str(path))], day, ["time"])

    def _book_of(self, path: Path, day: date, levels: int) -> Cut:
        layout = layout_of(f"book_snapshot_{levels}")
        found = cut(stream(read_chunks(path), layout, str(path), window_of(path, self.now)), day, BEST)
        refuse_hopeless(found.whole, str(path))
        check_order_book(found.whole.rows, str(path))
        return found


def _market_of(entries: Sequence[FileEntry]) -> Market | None:
    named = [entry.market for entry in entries if entry.market]
    return Market.parse(named[0]) if named else None
