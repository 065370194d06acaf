"""Tick files of any length for the benchmark, in the archive's layout; the same ones every time."""

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

FIRST = 1_772_323_200_000_000  # 2026-03-01 00:00 UTC
TILE = 100_000
Make = Callable[[int, np.random.Generator], pl.DataFrame]


def write(path: Path, rows: int, make: Make) -> Path:
    """A gzip of `rows` rows, made TILE rows at a time."""
    rng = np.random.default_rng(7)
    with gzip.open(path, "wb", compresslevel=6) as file:
        for start in range(0, rows, TILE):
            text = io.BytesIO()
            make(start, rng)[: rows - start].write_csv(text, include_header=start == 0)
            file.write(text.getvalue())
    return path


def _stamped(start: int, columns: dict[str, object], step: int = 86, rows_per_stamp: int = 1) -> pl.DataFrame:
    moment = FIRST + (np.arange(start, start + TILE) // rows_per_stamp) * step * rows_per_stamp
    head = {"exchange": ["binance-futures"] * TILE, "symbol": ["BTCUSDT"] * TILE}
    return pl.DataFrame({**head, "timestamp": moment, "local_timestamp": moment + 1234, **columns})


def trades(start: int, rng: np.random.Generator) -> pl.DataFrame:
    """A price that walks by ticks of 0.1."""
    return _stamped(
        start,
        {
            "id": np.arange(start, start + TILE) + 42_377_944,
            "side": np.where(rng.random(TILE) < 0.5, "buy", "sell"),
            "price": np.round(60_000 + np.cumsum(rng.integers(-2, 3, TILE)) / 10, 1),
            "amount": np.round(rng.exponential(0.2, TILE) + 0.001, 3),
        },
    )


def snapshots(start: int, rng: np.random.Generator) -> pl.DataFrame:
    """Ladders of 25 levels a side around a price that walks."""
    middle = np.round(60_000 + np.cumsum(rng.integers(-2, 3, TILE)) / 10, 1)
    columns: dict[str, object] = {}
    for level in range(25):
        for side, sign in (("asks", 1), ("bids", -1)):
            columns[f"{side}[{level}].price"] = np.round(middle + sign * (0.1 + level * 0.3), 1)
            columns[f"{side}[{level}].amount"] = np.round(rng.exponential(1.0, TILE) + 0.001, 3)
    return _stamped(start, columns)


def updates(rows_per_stamp: int) -> Make:
    """Levels that come and go, most of them far from the best; one snapshot at the start."""

    def make(start: int, rng: np.random.Generator) -> pl.DataFrame:
        bid = rng.random(TILE) < 0.5
        away = 1 + rng.geometric(0.02, TILE)
        amount = np.where(rng.random(TILE) < 0.35, 0.0, np.round(rng.exponential(1.0, TILE) + 0.001, 3))
        snapshot = np.arange(start, start + TILE) < 2_000
        return _stamped(
            start,
            {
                "is_snapshot": np.where(snapshot, "true", "false"),
                "side": np.where(bid, "bid", "ask"),
                "price": np.round(60_000 + np.where(bid, -away, away) / 10, 1),
                "amount": np.where(snapshot, 1.0, amount),
            },
            rows_per_stamp=rows_per_stamp,
        )

    return make
