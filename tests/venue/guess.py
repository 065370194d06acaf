"""A folder that has never been seen: which files the venue can serve, and as what; what it leaves out is told.

Names are hints (`coinbase_BTC-USD_1m.parquet`, `binance_usdm_BTCUSDT_1m.parquet`, `hyperliquid_BTC_5m.parquet`);
the columns and the spacing of the bars decide. A file whose venue is none of the four is served by all four. Opening
a file is guess_files.py.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from pipelines.market.symbols import SYMBOL
from pipelines.market.timeframes import MINUTES
from tests.venue.captures import Line, exchange_of
from tests.venue.data import ANY, EXCHANGES, VenueData
from tests.venue.guess_files import LeftOut, capture_lines, parquet_table, require_gzip, say
from tests.venue.names import TARDIS_FILE, split_symbol
from tests.venue.tables import PRICES, SECONDS

FRAME = re.compile(r"^\d+[mhdw]$")
STOCK_WORDS = ("equity", "equities", "stock", "stocks")
COMMON_SPACING = {60: "1m", 180: "3m", 300: "5m", 900: "15m", 1800: "30m", 3600: "1h", 7200: "2h", 14400: "4h",
                  21600: "6h", 43200: "12h", 86400: "1d", 604800: "1w"}  # fmt: skip
Parts = list[tuple[Path, pl.DataFrame]]


@dataclass
class _Found:
    candles: dict[tuple[str, str, str], Parts] = field(default_factory=dict)
    stocks: dict[tuple[str, str], Parts] = field(default_factory=dict)
    funding: dict[str, pl.DataFrame] = field(default_factory=dict)
    captures: dict[str, list[Line]] = field(default_factory=dict)
    tardis: list[Path] = field(default_factory=list)


def read_folder(folder: Path, *, derive_trades: bool = True, tell: Callable[[str], None] = say) -> VenueData:
    """Everything servable under a folder; `tell` gets a line for each file that is left out.

    Raises ValueError when there is nothing.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder: expected one with files to serve; correct --data.")
    found = _Found()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            _sort_in(path, found, tell)
        except LeftOut as reason:
            tell(f"{path} is left out: {reason}")
    if not any(vars(found).values()):
        raise ValueError(
            f"{folder} holds nothing to serve: expected OHLCV or funding Parquet, Tardis CSV.gz or captures; give "
            "another folder."
        )
    return VenueData(
        candles={key: _joined(" ".join(key), parts, tell) for key, parts in found.candles.items()},
        stocks={key: _joined(" ".join(key), parts, tell) for key, parts in found.stocks.items()},
        funding=found.funding,
        tardis_files=found.tardis,
        captures=found.captures,
        derive_trades=derive_trades,
    )


def _sort_in(path: Path, found: _Found, tell: Callable[[str], None]) -> None:
    """Put a file where it belongs, or nowhere when it is none of ours; raises LeftOut for one that cannot be served."""
    name = path.name
    if name.endswith(".parquet"):
        _parquet(path, found)
    elif TARDIS_FILE.fullmatch(name):
        found.tardis.append(path)
        try:
            require_gzip(path)
        except LeftOut as reason:
            tell(f"{path} is served as it is, though it is broken: {reason}")
    elif name.endswith((".gz", ".jsonl.zst")) and not name.endswith(".csv.gz"):
        try:
            exchange = exchange_of(name)
        except ValueError:
            return
        lines = capture_lines(path)
        found.captures.setdefault(exchange, []).extend(lines)


def _joined(what: str, parts: Parts, tell: Callable[[str], None]) -> pl.DataFrame:
    """Several files of one market and timeframe; of a bar that stands in several the first is kept."""
    frames = [frame.with_columns(pl.lit(str(path)).alias("#file")) for path, frame in parts]
    rows = pl.concat(frames, how="vertical_relaxed")
    disagree = rows.group_by("open_time").agg(pl.struct(PRICES).n_unique().alias("n")).filter(pl.col("n") > 1)
    if disagree.height:
        names = ", ".join(path.name for path, _ in parts)
        tell(
            f"{what}: {disagree.height} bars differ from one row to another in {names}: the first of each is served."
        )
    return rows.unique("open_time", keep="first", maintain_order=True).drop("#file")


def _parquet(path: Path, found: _Found) -> None:
    table = parquet_table(path, ({"open_time", *PRICES}, {"time", "funding_rate"}))
    if table is None:
        return
    if "funding_rate" in table.columns:
        _funding(table.with_columns(_utc("time")), found)
        return
    frame = table.select(_utc("open_time"), *PRICES)
    venue, symbol, timeframe = about_candles(path, frame)
    if timeframe not in MINUTES:
        raise LeftOut(f"its bars are of {timeframe}, expected one of {', '.join(MINUTES)}")
    _require_symbol(f"{symbol}-USD" if venue == "stocks" else symbol)
    if venue == "stocks":
        found.stocks.setdefault((symbol, timeframe), []).append((path, frame))
    else:
        found.candles.setdefault((venue, symbol, timeframe), []).append((path, frame))


def _require_symbol(symbol: str) -> None:
    if not SYMBOL.match(symbol):
        raise LeftOut(f"its name says {symbol!r}, expected a symbol like BTC-USD in it")


def _utc(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Datetime("us", "UTC"))


def _funding(frame: pl.DataFrame, found: _Found) -> None:
    name = next((name for name in ("coin", "symbol") if name in frame.columns), None)
    groups = frame.partition_by(name, as_dict=True).items() if name else [(("BTC",), frame)]
    for (text,), part in groups:
        coin = str(text) if name == "coin" else split_symbol(str(text)).partition("-")[0]
        _require_symbol(f"{coin}-USDC")
        if name == "coin" or coin not in found.funding:  # Hyperliquid's own rates before another venue's
            found.funding[coin] = part


def about_candles(path: Path, frame: pl.DataFrame) -> tuple[str, str, str]:
    """Venue (`any`, or `stocks` for shares), symbol and timeframe of a candle file."""
    words = path.name.removesuffix(".parquet").split("_")
    at = next((k for k, word in enumerate(words) if FRAME.match(word)), len(words))
    venue = words[0].lower() if words[0].lower() in EXCHANGES else ANY
    timeframe = spacing(frame) or (words[at] if at < len(words) else "1m")
    symbol = words[at - 1] if at else words[0]
    if any(word in str(path).lower() for word in STOCK_WORDS) and venue in (ANY, "alpaca"):
        return "stocks", symbol.upper(), timeframe
    return venue, split_symbol(symbol, "USDC" if venue == "hyperliquid" else "USD"), timeframe


def spacing(frame: pl.DataFrame) -> str | None:
    """The timeframe that the bars' most common distance says; None for fewer than two bars."""
    steps = frame["open_time"].sort().diff().drop_nulls().dt.total_seconds()
    steps = steps.filter(steps > 0)
    if steps.is_empty():
        return None
    seconds = int(steps.mode().min())  # type: ignore[arg-type]
    unit = next(unit for unit in ("d", "h", "m") if seconds % SECONDS[unit] == 0 or unit == "m")
    return COMMON_SPACING.get(seconds, f"{max(seconds // SECONDS[unit], 1)}{unit}")
