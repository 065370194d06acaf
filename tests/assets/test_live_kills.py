"""A live feature process that is killed again and again goes on with the bits of the batch, and repairs nothing.

Its state is the bars in the lake; what it has told is a file of lines, of which a kill may leave half a one. SIGKILL
comes at a random moment, while it starts, reads, computes or writes. Restarts at 200 rows: test_live_features.py.
"""

import multiprocessing
import os
import random
import struct
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.features import compute, feature_set
from pipelines.features.continued import continued, reach
from resources.lake import Lake
from tests.pipelines.features import makers

KEYS = {"symbol": "BTC-USD", "timeframe": "1m"}
NAMES = list(feature_set("v5").names)
ROWS, FIRST, KILLS, LIVES = 1_700, 700, 50, 4
LINE = struct.Struct(
    f"<{1 + len(NAMES)}d"
)  # open time in microseconds, which a double holds, and features; null is NaN


def told(path: Path) -> list[tuple[float, ...]]:
    """The whole lines of the file."""
    raw = path.read_bytes() if path.exists() else b""
    return [LINE.unpack_from(raw, at) for at in range(0, len(raw) - LINE.size + 1, LINE.size)]


def live(root: Path, path: Path) -> None:
    """From the first bar that was not told on, bar by bar: read what is within reach, compute one row, write it."""
    lake = Lake(root)
    whole = len(told(path))
    with path.open("ab") as file:
        file.truncate(whole * LINE.size)
        for opened in lake.read("bars", KEYS, columns=["open_time"])["open_time"][FIRST + whole :]:
            past = lake.read("bars", KEYS, opened - reach(NAMES, "1m"), opened)
            new = lake.read("bars", KEYS, opened, opened + timedelta(minutes=1))
            row = continued(past, new, "1m", NAMES)
            file.write(LINE.pack(*_numbers(row)))
            file.flush()
            os.fsync(file.fileno())


def _numbers(row: pl.DataFrame) -> list[float]:
    (values,) = row.with_columns(pl.col("open_time").to_physical()).fill_null(float("nan")).iter_rows()
    return list(values)


@pytest.mark.parametrize("seed", range(LIVES))
def test_two_hundred_kills_change_no_bit(tmp_path: Path, seed: int) -> None:
    bars = makers.bars(ROWS, seed=seed, gaps=(900, 1_203))
    root, path = tmp_path / "lake", tmp_path / "told.bin"
    Lake(root).replace_months("bars", bars, KEYS)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["pipelines.features.engine", "resources.lake", __name__])
    chance, restarted = random.Random(seed), []
    for _ in range(KILLS):
        child = processes.Process(target=live, args=(root, path))
        before = len(told(path))
        child.start()
        deadline, wait = time.monotonic() + 60, chance.choice((0.0, 0.0, 0.02, 0.1))
        more = chance.randrange(0, 5)
        while len(told(path)) < before + more and time.monotonic() < deadline and child.is_alive():
            time.sleep(0.005)
        time.sleep(wait)
        child.kill()
        child.join()
        assert child.exitcode == -9
        restarted.append(len(told(path)))
        if len(restarted) % 10 == 0:  # a kill in the middle of a write, which a short line seldom meets
            with path.open("ab") as file:
                file.write(b"\x01" * (LINE.size // 2))
    assert len(set(restarted)) > KILLS // 2, "it went on between the kills"
    rows = told(path)
    expected = compute(bars, "1m", NAMES).slice(FIRST, len(rows))
    lines = np.array(rows)
    assert len(rows) >= 75
    assert lines[:, 0].astype(np.int64).tolist() == expected["open_time"].to_physical().to_list()
    for place, name in enumerate(NAMES):
        assert np.array_equal(lines[:, place + 1], expected[name].to_numpy(), equal_nan=True), name
