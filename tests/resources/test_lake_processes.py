"""The lake under several processes: concurrent writers, the race to create a table, kill -9 in a write."""

import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from resources.lake import Lake

REPOSITORY = Path(__file__).resolve().parents[2]
WRITER = """
import sys
from datetime import UTC, date, datetime, timedelta
import polars as pl
from resources.lake import Lake
root, market, rounds, rows = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
lake = Lake(root)
print("ready", flush=True)
sys.stdin.readline()
for number in range(rounds):
    day = date(2026, 3, 1) + timedelta(days=number % 28)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    frame = pl.DataFrame({
        "time": [start + timedelta(microseconds=i) for i in range(rows)],
        "price": [float(number)] * rows,
    })
    print(lake.replace("trades", frame, {"market": market, "date": day}).version, flush=True)
"""


def start_writer(root: Path, market: str, rounds: int, rows: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root), market, str(rounds), str(rows)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"POLARS_MAX_THREADS": "1", "PATH": ""},
    )


def go(writer: "subprocess.Popen[str]") -> None:
    assert writer.stdout is not None
    assert writer.stdin is not None
    assert writer.stdout.readline() == "ready\n"
    writer.stdin.write("\n")
    writer.stdin.flush()


@pytest.mark.parametrize("attempt", range(2))
def test_processes_that_race_to_create_a_table_and_fill_it_all_succeed(tmp_path: Path, attempt: int) -> None:
    root = tmp_path / str(attempt)
    writers = {market: start_writer(root, market, 6, 10) for market in ("a.B-C", "d.E-F", "g.H-I")}
    for writer in writers.values():
        go(writer)
    versions = [line for writer in writers.values() for line in writer.communicate(timeout=120)[0].split()]
    assert all(writer.returncode == 0 for writer in writers.values())
    assert len(set(versions)) == len(versions) == 18  # each receipt names its own commit
    for market in writers:
        assert Lake(root).dates("trades", market) == [date(2026, 3, day) for day in range(1, 7)]
        assert Lake(root).row_count("trades", {"market": market}) == 60


def test_two_writers_of_one_partition_leave_one_of_their_contents(tmp_path: Path) -> None:
    writers = [start_writer(tmp_path, "a.B-C", 5, rows) for rows in (7, 11)]
    for writer in writers:
        go(writer)
    for writer in writers:
        writer.communicate(timeout=120)
    assert [writer.returncode for writer in writers] == [0, 0]
    heights = pl.Series(
        [Lake(tmp_path).row_count("trades", {"date": date(2026, 3, day)}) for day in range(1, 6)]
    )
    assert heights.is_in([7, 11]).all()


def test_a_killed_writer_leaves_a_readable_table(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for delay in (0.0, 0.01, 0.03, 0.08):
        writer = start_writer(tmp_path, "a.B-C", 10_000, 20_000)
        go(writer)
        assert writer.stdout is not None
        writer.stdout.readline()  # one commit is in
        time.sleep(delay)
        writer.kill()
        writer.wait()
        writer.communicate()
        for part in lake.partitions("trades"):
            rows = lake.read("trades", part)
            assert rows.height == 20_000
            assert rows["price"].n_unique() == 1
    assert lake.fingerprint("trades", {"market": "a.B-C"}).rows >= 20_000
