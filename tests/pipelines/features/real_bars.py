"""Real bars, read as the assets read them: candles of every kind of minute file, and minutes made of recorded ticks."""

import gzip
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from pipelines.market.bars import from_candles, one_minute
from pipelines.market.file_entry import FileEntry
from pipelines.market.minute_bars import Hearing, heard_minutes, minute_bars
from pipelines.market.native.trade_archives import parse_freqtrade_trades
from pipelines.market.schemas import CANDLES, ORDER_BOOK, TRADES
from pipelines.market.symbols import Market
from pipelines.market.trade_ids import RUNNING
from resources.sources import FilesSource

NOW = datetime(2026, 11, 1, tzinfo=UTC)
EVER = (datetime(2015, 1, 1, tzinfo=UTC), NOW)
DAY = timedelta(days=1)
COINS = ("BTC", "ETH", "SOL", "XRP", "DOGE", "AVAX", "LINK", "HYPE")


def _entries() -> dict[str, FileEntry]:
    found = []
    for coin in COINS[:3]:
        path = f"ohlcv_1m/binance_usdm_{coin}USDT_1m.parquet"
        found.append(FileEntry(path, "ohlcv", f"binance.{coin}-USDT", timeframe="1m"))
    for timeframe, coins in {"1m": COINS[:3], "5m": COINS, "1h": COINS}.items():
        for coin in coins:
            path = f"ohlcv_{timeframe}/hyperliquid_{coin}_{timeframe}.parquet"
            market = f"hyperliquid.{coin}-USDC"
            found.append(FileEntry(path, "ohlcv", market, timeframe=timeframe, last_is_open=True))
    for coin in ("BTC", "ETH", "LTC", "XRP"):
        path = f"unlicensed/bitfinex_1m/bitfinex_{coin}USD_1m_2018H1.parquet"
        found.append(FileEntry(path, "ohlcv", f"bitfinex.{coin}-USD", timeframe="1m"))
    for share in ("AAPL", "META", "SPY"):
        path = f"unlicensed/us_equities_yahoo/{share}_1m.csv.gz"
        found.append(FileEntry(path, "ohlcv", symbol=f"{share}-USD", timeframe="1m", calendar="XNYS"))
    return {Path(entry.glob).name.split(".")[0]: entry for entry in found}


ENTRIES = _entries()
"""Candle files by name."""


def candle_bars(folder: Path, name: str) -> pl.DataFrame:
    """BARS of one candle file."""
    entry = ENTRIES[name]
    source = FilesSource([entry], folder, NOW)
    return from_candles(source.candles(entry.traded, str(entry.timeframe), *EVER).frame, str(entry.timeframe))


def funding_of(folder: Path, coin: str) -> pl.DataFrame:
    """FUNDING of a coin of Hyperliquid."""
    entry = FileEntry("funding/hyperliquid_funding.parquet", "funding", symbol=f"{coin}-USDC", where=coin)
    found = FilesSource([entry], folder, NOW).funding(f"{coin}-USDC", *EVER)
    assert found is not None
    return found


def recorded_ticks(folder: Path, symbol: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Trades and book of eight minutes of Binance futures around midnight of 2024-07-19."""
    market = Market.parse(f"binance-futures.{symbol[:-4]}-USDT")
    stem = "tardis_format_derived/binance-futures_{}_2024-07-19_" + symbol + ".csv.gz"
    kinds = {"trades": "tardis_trades", "book_snapshot_25": "tardis_book_snapshot_25"}
    entries = [FileEntry(stem.format(file), kind, str(market)) for file, kind in kinds.items()]
    source, days = FilesSource(entries, folder, NOW), (date(2024, 7, 18), date(2024, 7, 19))
    trades = pl.concat([source.trades(market, day).frame for day in days]).select(list(TRADES))
    return trades, pl.concat([source.order_book(market, day).frame for day in days]).select(list(ORDER_BOOK))


def tick_bars(trades: pl.DataFrame, book: pl.DataFrame) -> pl.DataFrame:
    """BARS of those ticks; the recorder's clock runs 1.52 s behind, so it is ignored."""
    days = sorted({*trades["time"].dt.date().unique(), *book["time"].dt.date().unique()})
    minutes = [minute_bars(trades, book, day, check_local_time=False) for day in days]
    return one_minute(pl.concat(minutes), pl.DataFrame(schema=CANDLES))


def trade_bars(trades: pl.DataFrame) -> pl.DataFrame:
    """BARS of all days of trades without a book, whose ids go on by one."""
    no_book = pl.DataFrame(schema=ORDER_BOOK)
    first, last = trades["time"].min(), trades["time"].max()
    assert isinstance(first, datetime)
    assert isinstance(last, datetime)
    days = [first.date() + DAY * k for k in range((last.date() - first.date()).days + 1)]
    minutes = [
        heard_minutes(trades, no_book, day, Hearing(RUNNING), check_local_time=False)[0] for day in days
    ]
    return one_minute(pl.concat(minutes), pl.DataFrame(schema=CANDLES))


def xrp_eth_trades(folder: Path) -> pl.DataFrame:
    """Two and a half days of XRP/ETH on Binance."""
    path = folder / "trades/binance_spot_XRPETH_trades.json.gz"
    trades = parse_freqtrade_trades(gzip.decompress(path.read_bytes()), path.name, EVER).rows
    return trades.select(list(TRADES))
