"""The law of the spool: killed at any moment, a backfill goes on where it was and gives the same table."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from pipelines.market.schemas import CANDLES
from tests.resources.venues.fetching import MINUTE, START, data_of, day_of
from tests.resources.venues.kill_backfill import backfill, content
from tests.venue import Venue

BARS, PAGES, KILLS = 19_500, 66, 50


class Nursery:
    """The process that starts backfills; each of them is killed or ends."""

    def __init__(self, url: str) -> None:
        command = [
            sys.executable,
            "-m",
            "tests.resources.venues.kill_backfill",
            url,
            START.isoformat(),
            str(BARS),
        ]
        root = Path(__file__).resolve().parents[3]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout

    def start(self, folder: Path) -> int:
        """The id of a new backfill."""
        print(folder, file=self._to, flush=True)
        return int(self._from.readline())

    def end(self) -> int:
        """The exit code of the last one."""
        return int(self._from.readline())

    def close(self) -> None:
        self._to.close()
        self._from.close()
        assert self._process.wait(10) == 0


def _kill_somewhere(child: int, server: Venue, chance: random.Random) -> None:
    """SIGKILL at a random moment, or a random moment after a few more pages were asked for; or it ends before."""
    pages = len(server.of_kind("candles")) + chance.randint(1, 6)
    end = time.monotonic() + (chance.uniform(0.0, 0.6) if chance.random() < 0.3 else 5.0)
    while len(server.of_kind("candles")) < pages and time.monotonic() < end and _runs(child):
        time.sleep(0.001)
    time.sleep(chance.uniform(0.0, 0.02))
    if _runs(child):
        os.kill(child, signal.SIGKILL)


def _runs(child: int) -> bool:
    """Whether a process is there and not yet waited for; a zombie is waited for at once by its parent."""
    try:
        os.kill(child, 0)
    except ProcessLookupError:
        return False
    return True


def test_fifty_kills_lose_nothing_and_refetch_a_page_each_at_most(tmp_path: Path) -> None:
    chance = random.Random(20261121)
    candles = day_of(BARS)
    now = START + (BARS + 1) * MINUTE + timedelta(seconds=5)
    kills = rounds = 0
    with Venue(data_of(candles), now=now) as server, closing(Nursery(server.url)) as nursery:
        backfill(server.url, tmp_path / "whole", START, BARS)
        asked = Counter(seen.query["start"] for seen in server.of_kind("candles"))
        assert len(asked) == PAGES
        assert set(asked.values()) == {1}
        want = content(tmp_path / "whole")
        assert want.select(*CANDLES).equals(candles.select(*CANDLES).cast(dict(CANDLES)))
        while kills < KILLS:
            folder, here = tmp_path / f"round{rounds}", 0
            server.clear()
            while True:
                child = nursery.start(folder)
                if kills < KILLS:
                    _kill_somewhere(child, server, chance)
                if (code := nursery.end()) == 0:
                    break
                assert code == -signal.SIGKILL
                kills, here = kills + 1, here + 1
            again = Counter(seen.query["start"] for seen in server.of_kind("candles"))
            assert set(again) == set(asked)
            assert sum(again.values()) - PAGES <= here
            assert content(folder).equals(want)
            pages = folder / "lake" / "_pages"
            assert not list(pages.rglob("*.page"))
            assert len(list(pages.rglob("*.part"))) <= here, (
                "one that was being written when its process was killed"
            )
            rounds += 1
    assert kills >= KILLS
    assert rounds >= 2, "a single round would have been killed before its first pages only"
