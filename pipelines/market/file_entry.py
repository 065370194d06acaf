"""How settings declare the user's own market data files. Reading them is resources/sources/files.py."""

from dataclasses import dataclass

from pipelines.errors import BadSettings
from pipelines.market.calendars import ALWAYS, calendar_of
from pipelines.market.symbols import Market, check_symbol
from pipelines.market.timeframes import minutes_of

TICK_KINDS = ("tardis_trades", "tardis_book_snapshot_5", "tardis_book_snapshot_25")
KINDS = (*TICK_KINDS, "ohlcv", "funding", "fills")
LAYOUTS = ("lean_equity", "lean_crypto", "kraken_ohlcvt")
TIMESTAMP_UNITS = ("s", "ms", "us", "ns")


@dataclass(frozen=True)
class FileEntry:
    """One kind of file of one market or symbol; raises BadSettings for what cannot mean anything."""

    glob: str
    """Pattern of the files, relative to the data folder or absolute; `**` is allowed."""
    kind: str
    """One of KINDS."""
    market: str | None = None
    """`venue.SYMBOL`; required for ticks, names the venue of candles."""
    symbol: str | None = None
    """Our symbol; the market's when left out."""
    timeframe: str | None = None
    """Length of the candles; `ohlcv` only."""
    timestamp_unit: str | None = None
    """Unit of whole-number candle times: s, ms, us or ns; by their size when left out."""
    where: str | None = None
    """Funding: the value of column `coin` or `symbol` that means this symbol. Fills: the venue's name of it."""
    last_is_open: bool = False
    """`ohlcv` only: each file's last candle may still have been open when it was saved, so it is set aside."""
    layout: str | None = None
    """`ohlcv` only: one of LAYOUTS, whose files have no header; columns are found by name when left out."""
    calendar: str = ALWAYS
    """`ohlcv` only: when the market is open (`XNYS`); candles outside its regular session are set aside."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise self._bad(f"has kind {self.kind!r}: expected one of {', '.join(KINDS)}")
        if self.market is not None:
            Market.parse(self.market)
        if self.kind in TICK_KINDS and self.market is None:
            raise self._bad(f"of kind {self.kind} names no market: expected venue.SYMBOL")
        if self.symbol is None and self.market is None:
            raise self._bad("names neither symbol nor market: expected one of them")
        if self.symbol is not None:
            check_symbol(self.symbol)
            if self.market is not None and Market.parse(self.market).symbol != self.symbol:
                raise self._bad(f"names symbol {self.symbol} and market {self.market}: expected one symbol")
        self._check_candle_keys()
        if self.timestamp_unit not in (None, *TIMESTAMP_UNITS):
            raise self._bad(
                f"has timestamp_unit {self.timestamp_unit!r}: expected one of {', '.join(TIMESTAMP_UNITS)}"
            )

    def _check_candle_keys(self) -> None:
        if (self.kind == "ohlcv") != (self.timeframe is not None):
            raise self._bad(
                f"of kind {self.kind} has timeframe {self.timeframe}: expected one only for ohlcv"
            )
        if self.timeframe is not None:
            minutes_of(self.timeframe)
        if self.last_is_open and self.kind != "ohlcv":
            raise self._bad(f"of kind {self.kind} has last_is_open: expected it only for ohlcv")
        if self.layout not in (None, *LAYOUTS):
            raise self._bad(f"has layout {self.layout!r}: expected one of {', '.join(LAYOUTS)}")
        if self.kind != "ohlcv" and (self.layout is not None or self.calendar != ALWAYS):
            raise self._bad(f"of kind {self.kind} has a layout or calendar: expected them only for ohlcv")
        if self.timeframe is not None:
            calendar_of(self.calendar).require(self.timeframe)

    @property
    def traded(self) -> str:
        """The symbol, given by itself or through the market."""
        return self.symbol or Market.parse(str(self.market)).symbol

    def _bad(self, what: str) -> BadSettings:
        return BadSettings(f"file entry {self.glob!r} {what}; correct it in the settings.")
