"""A folder that has never been seen: which files the venue can serve, and as what.

Names are hints (`coinbase_BTC-USD_1m.parquet`, `binance_usdm_BTCUSDT_1m.parquet`, `hyperliquid_BTC_5m.parquet`);
the columns and the spacing of the bars decide. A file whose venue is none of the four is served by all four.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from tests.venue.captures import exchange_of
from tests.venue.data import ANY, EXCHANGES, VenueData
from tests.venue.names import TARDIS_FILE, split_symbol
from tests.venue.tables import PRICES, SECONDS

FRAME = re.compile(r"^\d+[mhdw]$")
STOCK_WORDS = ("equity", "equities", "stock", "stocks")
COMMON_SPACING = {60: "1m", 180: "3m", 300: "5m", 900: "15m", 1800: "30m", 3600: "1h", 7200: "2h", 14400: "4h",
                  21600: "6h", 43200: "12h", 86400: "1d", 604800: "1w"}  # fmt: skip


@dataclass
class _Found:
    candles: dict[tuple[str, str, str], list[pl.DataFrame]] = field(default_factory=dict)
    stocks: dict[tuple[str, str], list[pl.DataFrame]] = field(default_factory=dict)
    funding: dict[str, pl.DataFrame] = field(default_factory=dict)


def read_folder(folder: Path, *, derive_trades: bool = True) -> VenueData:
    """Everything servable under a folder; raises ValueError when there is nothing."""
    found = _Found()
    for path in sorted(folder.rglob("*.parquet")):
        _parquet(path, found)
    tardis = [path for path in sorted(folder.rglob("*.csv.gz")) if TARDIS_FILE.fullmatch(path.name)]
    captures = list(_captures(sorted([*folder.rglob("*.gz"), *folder.rglob("*.jsonl.zst")])))
    if not (found.candles or found.stocks or found.funding or tardis or captures):
        raise ValueError(
            f"{folder} holds nothing to serve: expected OHLCV or funding Parquet, Tardis CSV.gz or captures"
        )
    return VenueData(
        candles={key: _joined(frames) for key, frames in found.candles.items()},
        stocks={key: _joined(frames) for key, frames in found.stocks.items()},
        funding=found.funding,
        tardis_files=tardis,
        captures=captures,
        derive_trades=derive_trades,
    )


def _joined(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Several files of one market and timeframe; of a bar that stands in several the first is kept."""
    return pl.concat(frames).unique("open_time", keep="first", maintain_order=True)


def _captures(paths: Iterable[Path]) -> Iterable[Path]:
    for path in paths:
        if not path.name.endswith(".csv.gz"):
            try:
                exchange_of(path.name)
            except ValueError:
                continue
            yield path


def _parquet(path: Path, found: _Found) -> None:
    names = pl.read_parquet_schema(path)
    if {"open_time", *PRICES} <= set(names):
        frame = pl.read_parquet(path).select(_utc("open_time"), *PRICES)
        venue, symbol, timeframe = about_candles(path, frame)
        if venue == "stocks":
            found.stocks.setdefault((symbol, timeframe), []).append(frame)
        else:
            found.candles.setdefault((venue, symbol, timeframe), []).append(frame)
    elif {"time", "funding_rate"} <= set(names):
        _funding(pl.read_parquet(path), found)


def _utc(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Datetime("us", "UTC"))


def _funding(frame: pl.DataFrame, found: _Found) -> None:
    name = next((name for name in ("coin", "symbol") if name in frame.columns), None)
    groups = frame.partition_by(name, as_dict=True).items() if name else [(("BTC",), frame)]
    for (text,), part in groups:
        coin = str(text) if name == "coin" else split_symbol(str(text)).partition("-")[0]
        if name == "coin" or coin not in found.funding:  # Hyperliquid's own rates before another venue's
            found.funding[coin] = part.with_columns(_utc("time"))


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
