"""The real candle files parse to the row counts of their README through FilesSource."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.market.file_entry import FileEntry
from resources.sources import FilesSource

NOW = datetime(2026, 11, 1, tzinfo=UTC)
EVER = (datetime(2015, 1, 1, tzinfo=UTC), NOW)
BINANCE = {"BTC": 73139, "ETH": 73140, "SOL": 73141}
HYPERLIQUID = {
    "BTC": {"1m": 6808, "5m": 38531, "1h": 7793},
    "ETH": {"1m": 6806, "5m": 38531, "1h": 7793},
    "SOL": {"1m": 7056, "5m": 38529, "1h": 7793},
    "XRP": {"5m": 38412, "1h": 7784},
    "DOGE": {"5m": 38473, "1h": 7789},
    "AVAX": {"5m": 38528, "1h": 7793},
    "LINK": {"5m": 38416, "1h": 7784},
    "HYPE": {"5m": 38455, "1h": 5588},
}
SILENT = {"BTC": 15, "ETH": 14, "SOL": 17, "XRP": 16, "DOGE": 16, "AVAX": 17, "LINK": 17, "HYPE": 17}
"""Five-minute bars without a trade."""
BITFINEX = {"BTC": (259781, 859), "ETH": (258179, 2461), "LTC": (239665, 20975), "XRP": (250265, 10375)}
"""Rows, and minutes without one from 2018-01-01 00:00 to 2018-06-30 23:59."""
pytestmark = pytest.mark.real


def count(folder: Path, entry: FileEntry) -> tuple[int, int, int]:
    """Rows accepted, rows sent, and rows without volume."""
    delivery = FilesSource([entry], folder, NOW).candles(entry.traded, str(entry.timeframe), *EVER)
    assert delivery.frame["open_time"].is_sorted()
    return delivery.frame.height, delivery.sent, int((delivery.frame["volume"] == 0).sum())


@pytest.mark.parametrize(("coin", "rows"), BINANCE.items())
def test_binance(real_data: Path, coin: str, rows: int) -> None:
    path = f"ohlcv_1m/binance_usdm_{coin}USDT_1m.parquet"
    assert count(real_data, FileEntry(path, "ohlcv", f"binance.{coin}-USDT", timeframe="1m")) == (
        rows,
        rows,
        0,
    )


@pytest.mark.parametrize(
    ("coin", "timeframe", "rows"),
    [(coin, timeframe, rows) for coin, counts in HYPERLIQUID.items() for timeframe, rows in counts.items()],
)
def test_hyperliquid(real_data: Path, coin: str, timeframe: str, rows: int) -> None:
    path = f"ohlcv_{timeframe}/hyperliquid_{coin}_{timeframe}.parquet"
    entry = FileEntry(path, "ohlcv", f"hyperliquid.{coin}-USDC", timeframe=timeframe)
    silent = SILENT[coin] if timeframe == "5m" else 0
    assert count(real_data, entry) == (rows, rows, silent)
    open_last = FileEntry(path, "ohlcv", f"hyperliquid.{coin}-USDC", timeframe=timeframe, last_is_open=True)
    assert count(real_data, open_last)[:2] == (rows - 1, rows)


@pytest.mark.parametrize(("coin", "figures"), BITFINEX.items())
def test_bitfinex(real_data: Path, coin: str, figures: tuple[int, int]) -> None:
    path = f"unlicensed/bitfinex_1m/bitfinex_{coin}USD_1m_2018H1.parquet"
    rows, sent, silent = count(real_data, FileEntry(path, "ohlcv", f"bitfinex.{coin}-USD", timeframe="1m"))
    assert (rows, sent, silent) == (figures[0], figures[0], 0)
    assert 181 * 1440 - rows == figures[1]


@pytest.mark.parametrize(
    ("timeframe", "name", "rows", "missing"), [("5m", "5", 25901, 19), ("1h", "60", 2160, 0)]
)
def test_the_archive_of_kraken(real_data: Path, timeframe: str, name: str, rows: int, missing: int) -> None:
    path = f"unlicensed/kraken_ohlcvt/kraken_XBTUSD_{name}.csv.gz"
    entry = FileEntry(path, "ohlcv", "kraken.BTC-USD", timeframe=timeframe, layout="kraken_ohlcvt")
    assert count(real_data, entry)[:2] == (rows, rows)
    assert 90 * 24 * 60 // int(name) - rows == missing


@pytest.mark.parametrize(
    ("name", "rows", "wallets", "alike"),
    [("fills_5m_2025-12-01", 1094, 15, 105), ("fills_12h_2025-12-02", 2236, 8, 209)],
)
def test_fills_by_wallet(real_data: Path, name: str, rows: int, wallets: int, alike: int) -> None:
    path = f"unlicensed/hyperliquid_fills/{name}.jsonl.gz"
    delivery = FilesSource([FileEntry(path, "fills", "hyperliquid.BTC-USDC")], real_data, NOW).fills(
        "BTC-USDC", *EVER
    )
    assert delivery is not None
    assert (delivery.frame.height, delivery.sent, delivery.duplicates) == (rows, rows, 0)
    assert delivery.frame["address"].n_unique() == wallets
    assert delivery.notes[0].startswith(f"{name}.jsonl.gz: {alike} fills without a trade id equal another")
