"""A materialisation of `candles` that is killed at any moment goes on where it was and ends in the same tables.

As a module, `python -m tests.assets.test_backfill_kills`, it is the process that is killed: it imports everything
once, and for each line that names a folder and settings it forks a child that materialises through the definitions.
"""

import os
import random
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from resources.lake import Lake
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS, KILLS = 4, 8
MINUTE = timedelta(minutes=1)
KEYS = {"symbol": "BTC-USD", "timeframe": "1m"}
TABLES = ("candles", "candle_evidence")
UNIVERSE = """
[universe]
start = 2026-03-01
end = 2026-03-05
timeframes = ["1m", "1h"]
windows = []
[[universe.symbols]]
symbol = "BTC-USD"
primary = "coinbase.BTC-USD"
"""


class Nursery:
    """The process that starts materialisations; each of them is killed or ends."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.assets.test_backfill_kills"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[2],
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout

    def start(self, folder: Path) -> int:
        """The id of a new materialisation in a folder that holds its settings."""
        print(folder, file=self._to, flush=True)
        return int(self._from.readline())

    def end(self) -> int:
        """The exit code of the last one."""
        return int(self._from.readline())

    def close(self) -> None:
        self._to.close()
        self._from.close()
        assert self._process.wait(10) == 0


def runs(child: int) -> bool:
    """Whether a process is still there."""
    try:
        os.kill(child, 0)
    except ProcessLookupError:
        return False
    return True


def kill_somewhere(child: int, venue: Venue, folder: Path, chance: random.Random) -> None:
    """SIGKILL after a few more pages, or as soon as a table is being written, or at any moment."""
    how = chance.choice(["pages", "pages", "table", "moment"])
    pages = len(venue.of_kind("candles")) + chance.randint(1, 8)
    table = folder / "world" / "lake" / chance.choice([*TABLES, "quarantine"])
    end = time.monotonic() + (chance.uniform(0.1, 2.0) if how == "moment" else 20.0)
    while time.monotonic() < end and runs(child):
        if how == "pages" and len(venue.of_kind("candles")) >= pages:
            break
        if how == "table" and table.exists():
            break
        time.sleep(0.001)
    time.sleep(chance.uniform(0.0, 0.02))
    if runs(child):
        os.kill(child, signal.SIGKILL)


def content(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """The rows of the tables, without the moments of receipt, which no two runs share."""
    lake = Lake(folder / "world" / "lake")
    found = {table: lake.read(table, KEYS).drop("seen_at").unique(maintain_order=True) for table in TABLES}
    found["quarantine"] = lake.read("quarantine", {"refused_for": "candles", "part": "BTC-USD.1m"}).select(
        "reason", "text"
    )
    return {table: frame.rows() for table, frame in found.items()}


def served() -> pl.DataFrame:
    """Four days of minutes: three of them quiet, and one whose high is below its low."""
    candles = synthetic_candles(START, DAYS * 1440)
    quiet = pl.col("open_time").is_in([START + k * MINUTE for k in (100, 101, 4000)])
    wrong = pl.col("open_time") == START + 2000 * MINUTE
    return candles.filter(~quiet).with_columns(high=pl.when(wrong).then("low").otherwise("high") - wrong)


def prepared(folder: Path, venue: Venue) -> Path:
    folder.mkdir()
    (folder / "universe.toml").write_text(UNIVERSE + venue.source_settings())
    return folder


def asked(venue: Venue) -> Counter[tuple[str, str]]:
    """How often each page was asked for."""
    return Counter((seen.query["start"], seen.query["end"]) for seen in venue.of_kind("candles"))


def test_eight_kills_of_a_materialisation_lose_nothing(tmp_path: Path) -> None:
    chance = random.Random(20261121)
    data = VenueData(candles={("coinbase", "BTC-USD", "1m"): served()})
    now = START + timedelta(days=DAYS, seconds=30)
    kills = rounds = 0
    with Venue(data, now=now) as venue, closing(Nursery()) as nursery:
        nursery.start(prepared(tmp_path / "whole", venue))
        assert nursery.end() == 0
        plan, want = asked(venue), content(tmp_path / "whole")
        assert len(want["candles"]) == DAYS * 1440 - 4
        assert {row[2] for row in want["candle_evidence"]} == {"verified-empty", "unknown"}
        assert len(want["quarantine"]) >= 1
        while kills < KILLS:
            folder, here = prepared(tmp_path / f"round{rounds}", venue), 0
            venue.clear()
            while True:
                child = nursery.start(folder)
                if kills < KILLS:
                    kill_somewhere(child, venue, folder, chance)
                if (code := nursery.end()) == 0:
                    break
                assert code == -signal.SIGKILL
                kills, here = kills + 1, here + 1
            again = asked(venue)
            assert set(plan) <= set(again)
            assert all(again[page] <= plan[page] + here for page in plan), (again - plan, here)
            refetched = sum(again[page] - plan[page] for page in plan)
            assert refetched <= here, "a kill costs the page under way, no more"
            assert content(folder) == want
            assert not list((folder / "world").rglob("*.page"))
            left = list((folder / "world").rglob("*.page.*.part"))
            assert len(left) <= here, (
                "one that was being written when its process was killed, gone in an hour"
            )
            rounds += 1
    assert kills >= KILLS


def materialise(folder: Path) -> None:
    """One run of `ingest_candles` through the real definitions; what fails is shown and is an exit code."""
    import dagster as dg

    from tests.assets.world import REST, World, why

    with dg.DagsterInstance.ephemeral() as instance:
        world = World(folder, instance, (folder / "universe.toml").read_text() + REST)
        run = world.run("ingest_candles", "BTC-USD|1m")
        if not run.success:
            raise SystemExit(why(run))


def main() -> None:
    """Children on request, until the lines end."""
    import ccxt  # noqa: F401  (the slow imports come before the first child)
    import httpx  # noqa: F401

    import tests.assets.world  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                materialise(Path(line.strip()))
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
