"""A day rebuilt from increments: what it needs of the files beside it, and that it holds itself alone."""

import gzip
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipelines.market.tardis import stream as streaming
from resources.venues import rebuilt_day as module
from resources.venues.rebuilt_day import rebuilt_day

DAY = date(2026, 3, 1)
SPAN = (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
NOW = datetime(2026, 9, 1, tzinfo=UTC)
HEAD = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount"
HOUR, END = 3600, 86400.0
Row = tuple[float, float, bool, str, float, float]


def written(folder: Path, day: date, rows: list[Row]) -> Path:
    """A file of a day; times are seconds after the midnight of DAY."""
    zero = int(SPAN[0].timestamp() * 1e6)
    lines = [
        f"x,Y,{zero + round(time * 1e6)},{zero + round(local * 1e6)},{str(snap).lower()},{side},{price},{amount}"
        for time, local, snap, side, price, amount in rows
    ]
    path = folder / f"x_incremental_book_L2_{day}_Y.csv.gz"
    path.write_bytes(gzip.compress("\n".join([HEAD, *lines, ""]).encode()))
    return path


def day_of(start: float, behind: float = 0.0, seconds: int = 100, every: float = 60) -> list[Row]:
    """A snapshot, then one change a minute; `behind`: how far the recorder's clock runs behind."""
    rows: list[Row] = [
        (start, start - behind, True, side, price, 1.0) for side, price in (("bid", 99), ("ask", 101))
    ]
    return rows + [
        (start + n * every, start + n * every - behind, False, "bid", 99.0, 1.0 + n)
        for n in range(1, seconds)
    ]


def three_days(folder: Path, behind: float) -> list[Path]:
    """Files cut by the recorder's clock, 24 hours each, with a state every 20 minutes."""
    rows = [day_of(offset * 86400 + behind, behind, 72, 1200) for offset in (-1, 0, 1)]
    return [written(folder, DAY + timedelta(days=n - 1), each) for n, each in enumerate(rows)]


def test_a_sound_day_needs_nothing_of_the_file_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = three_days(tmp_path, 0)
    read: list[str] = []
    monkeypatch.setattr(module, "stream", lambda *args: read.append(args[2]) or streaming.stream(*args))
    found = rebuilt_day(paths, SPAN, NOW)
    assert [Path(name).name for name in read] == [path.name for path in paths[1:]]
    assert found.frame.height == 72
    assert found.notes == ("books were rebuilt from 73 level updates",)


def test_a_recorder_that_runs_behind_has_the_days_first_states_in_the_file_before(tmp_path: Path) -> None:
    found = rebuilt_day(three_days(tmp_path, behind=3 * HOUR), SPAN, NOW)
    times = found.frame["time"]
    assert found.frame.filter(pl.col("bid_price_1").is_not_null()).height >= 72
    assert times.min() == SPAN[0]
    assert times.max() < SPAN[1]  # type: ignore[operator]
    assert times.is_sorted()


def test_of_the_file_after_the_first_minutes_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late state of the day is taken from it, and its reading ends soon after."""
    paths = three_days(tmp_path, 0)
    opening: list[Row] = [
        (END - 0.020, END + 0.005, True, "bid", 99.0, 1.0),
        (END - 0.020, END + 0.005, True, "ask", 101.0, 1.0),
        (END - 0.002, END + 0.010, False, "bid", 99.0, 7.5),
    ]
    paths[2] = written(tmp_path, DAY + timedelta(days=1), [*opening, *day_of(END, seconds=1400)[2:]])
    blocks: list[str] = []

    def small(chunks: object, layout: object, file: str, window: object) -> object:
        for part in streaming.stream(chunks, layout, file, window, size=2_000):  # type: ignore[arg-type]
            blocks.append(file)
            yield part

    monkeypatch.setattr(module, "stream", small)
    found = rebuilt_day(paths, SPAN, NOW)
    assert found.frame["bid_amount_1"][-1] == 7.5
    assert blocks.count(str(paths[2])) <= 3
    assert (
        len(
            list(
                streaming.stream(
                    [gzip.decompress(paths[2].read_bytes())], module.LAYOUT, "f", (SPAN[0], NOW), 2_000
                )
            )
        )
        > 20
    )


def test_crossed_states_and_notes_are_of_the_day_alone(tmp_path: Path) -> None:
    """Each file has a locked state, a removal of nothing and a lost row; two of the three days are not asked for."""
    paths = []
    for offset in (-1, 0, 1):
        start = offset * 86400.0
        extra: list[Row] = [
            (start + 70, start + 70, False, "bid", 101.0, 1.0),
            (start + 80, start + 80, False, "bid", 101.0, 0.0),
            (start + 90, start + 90, False, "bid", 55.0, 0.0),
            (start + 95, start + 95, False, "bid", 99.0, -1.0),
        ]
        paths.append(
            written(
                tmp_path, DAY + timedelta(days=offset), sorted([*day_of(start), *extra], key=lambda r: r[1])
            )
        )
    before = written(
        tmp_path, DAY - timedelta(days=1), [*day_of(-86400.0), (5.0, -1.0, False, "bid", 99.0, 3.0)]
    )
    assert before == paths[0]
    found = rebuilt_day(paths, SPAN, NOW)
    assert found.crossed == 1
    assert found.quarantine.height == 1
    assert found.notes[0] == "books were rebuilt from 105 level updates"
    assert "1 crossed or locked book states were left out" in found.notes
    assert "1 removals named a level that was not in the book" in found.notes
    assert [note for note in found.notes if "invalid" in note] == [
        "book invalid 2026-03-01 00:01:30–2026-03-02 00:00:00: line 8 is quarantined"
    ]


def test_a_file_before_that_cannot_be_looked_through_is_a_note(tmp_path: Path) -> None:
    paths = three_days(tmp_path, 0)
    paths[0].write_bytes(gzip.compress(b"a,b\n1,2\n"))
    found = rebuilt_day(paths, SPAN, NOW)
    assert found.frame.height == 72
    assert found.notes[-1].startswith(
        "events of 2026-03-01 that were recorded on 2026-02-28 are missing: file"
    )
