"""The queue that processes share: clocks that are set, files that are torn, waves of one incident."""

import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from resources.venues.classify import Kind
from resources.venues.gate import LINES, Gate
from tests.resources.venues.scripted import START

SECOND = timedelta(seconds=1)


def test_a_second_gate_sees_what_the_first_wrote(tmp_path: Path) -> None:
    one, two = Gate(tmp_path, "kraken"), Gate(tmp_path, "kraken")
    one.block(START, START, Kind.LIMITED, "is rate-limiting us", 30)
    turn = two.take(START + 10 * SECOND, 1.0, 5.0)
    assert turn.wait == pytest.approx(20)
    assert turn.incident is not None
    assert Gate(tmp_path, "coinbase").take(START, 1.0, 5.0).incident is None, (
        "one venue's incident is its own"
    )


def test_slots_are_never_closer_than_their_spacing(tmp_path: Path) -> None:
    gate = Gate(tmp_path, "kraken")
    waits = [gate.take(START, 0.25, 5.0).wait for _ in range(8)]
    assert waits == pytest.approx([0.25 * k for k in range(8)])
    assert gate.take(START + 60 * SECOND, 0.25, 5.0).wait == 0, "what was not used is not saved up"


def test_side_by_side_answers_are_one_wave(tmp_path: Path) -> None:
    """Ten workers get a 429 for requests that were all under way: one incident of one wave, the longest wait counts."""
    gate = Gate(tmp_path, "kraken")
    for worker in range(10):
        found = gate.block(START + worker * SECOND, START - SECOND, Kind.LIMITED, "is rate-limiting us", 20)
    assert found.waves == 1
    assert found.until == pytest.approx((START + 29 * SECOND).timestamp())
    again = gate.block(START + 40 * SECOND, START + 39 * SECOND, Kind.LIMITED, "is rate-limiting us", 20)
    assert again.waves == 2
    assert again.since == found.since


def test_an_answer_to_an_older_request_does_not_end_an_incident(tmp_path: Path) -> None:
    gate = Gate(tmp_path, "kraken")
    gate.block(START, START, Kind.LIMITED, "is rate-limiting us", 30)
    assert gate.over(START + 2 * SECOND, START - 5 * SECOND) is None
    assert gate.incident(START + 2 * SECOND) is not None
    ended = gate.over(START + 32 * SECOND, START + 31 * SECOND)
    assert ended is not None
    assert ended.since == START.timestamp()
    assert gate.incident(START + 33 * SECOND) is None


def test_a_lighter_incident_does_not_replace_a_heavier_one(tmp_path: Path) -> None:
    gate = Gate(tmp_path, "kraken")
    gate.block(START, START, Kind.BANNED, "has banned this address", 900)
    gate.block(START + SECOND, START, Kind.LIMITED, "is rate-limiting us", 2)
    gate.block(START + SECOND, START, Kind.AGAIN, "answered HTTP 500", 0)
    found = gate.incident(START + 60 * SECOND)
    assert found is not None
    assert found.kind is Kind.BANNED


def test_one_caller_probes_and_the_others_wait_for_it(tmp_path: Path) -> None:
    gate = Gate(tmp_path, "kraken")
    gate.block(START, START, Kind.DOWN, "in maintenance", 60)
    later = START + 61 * SECOND
    turns = [gate.take(later, 0.1, 5.0) for _ in range(5)]
    assert [turn.probing for turn in turns] == [True, False, False, False, False]
    assert all(turn.incident is not None for turn in turns[1:])
    assert gate.take(later + 6 * SECOND, 0.1, 5.0).probing, "a prober that died is replaced"


def test_an_incident_has_five_sentences_for_everybody_together(tmp_path: Path) -> None:
    gate = Gate(tmp_path, "kraken")
    assert not gate.may_tell(START), "nothing to tell"
    gate.block(START, START, Kind.LIMITED, "is rate-limiting us", 30)
    said: list[bool] = []
    workers = [threading.Thread(target=lambda: said.append(gate.may_tell(START))) for _ in range(40)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(said) == LINES - 1
    assert gate.may_tell(START, last=True)
    assert not gate.may_tell(START, last=True)


def test_a_wall_clock_set_back_does_not_lengthen_a_wait(tmp_path: Path) -> None:
    gate = Gate(tmp_path, "kraken")
    gate.block(START, START, Kind.LIMITED, "is rate-limiting us", 30)
    back = START - timedelta(hours=5)
    assert gate.take(back, 1.0, 5.0).wait <= 30
    calm = Gate(tmp_path, "coinbase")
    calm.take(START, 1.0, 5.0)
    assert calm.take(back, 1.0, 5.0).wait <= 1.0, "the distance to the slot before, and no more"


@pytest.mark.parametrize(
    "torn",
    [
        b"", b"{", b"[]", b'{"next_slot": "x", "failures": 0, "incident": null}', b"null",
        b'{"next_slot": NaN, "failures": 0, "incident": null, "written": 0, "tick": 0}',
        b'{"next_slot": 0, "failures": 0, "incident": {"kind": "down"}, "written": 0, "tick": 0}',
        b'{"next_slot": 0, "failures": 0, "incident": {"kind": "down", "reason": "x", "since": 0, "set_at": 0, '
        b'"until": Infinity}, "written": 0, "tick": 0}',
    ],
)  # fmt: skip
def test_a_torn_file_is_a_fresh_start(tmp_path: Path, torn: bytes) -> None:
    gate = Gate(tmp_path, "kraken")
    gate.failed(START)
    (tmp_path / "kraken.json").write_bytes(torn)
    assert gate.take(START, 1.0, 5.0).wait == 0
    assert gate.failed(START) == 1


@pytest.mark.parametrize(
    ("kind", "hours"), [(Kind.AGAIN, 1), (Kind.DOWN, 1), (Kind.LIMITED, 24), (Kind.BANNED, 24)]
)
@pytest.mark.parametrize("until", [1e20, 253402300799.0, START.timestamp() + 3_600_000])
def test_a_file_of_an_older_version_shuts_nobody_out(
    tmp_path: Path, kind: Kind, hours: int, until: float
) -> None:
    at = START.timestamp()
    met = {
        "kind": kind,
        "reason": "in maintenance",
        "since": at,
        "set_at": at,
        "until": until,
        "waves": 1,
        "told": 1,
    }
    kept = {"next_slot": until, "failures": 0, "incident": met, "written": at, "tick": 0.0}
    (tmp_path / "kraken.json").write_text(json.dumps(kept))
    gate = Gate(tmp_path, "kraken")
    turn = gate.take(START + 1800 * SECOND, 1.0, 5.0)
    assert turn.incident is not None
    assert (turn.wait, turn.incident.longer) == (pytest.approx(hours * 3600 - 1800), True)
    then = gate.take(START + (hours * 3600 + 1) * SECOND, 1.0, 5.0)
    assert (then.wait, then.incident) == (0, None)


def test_a_queue_of_an_older_version_is_no_longer_than_an_hour(tmp_path: Path) -> None:
    kept = {"next_slot": 1e20, "failures": 0, "incident": None, "written": START.timestamp(), "tick": 0.0}
    (tmp_path / "kraken.json").write_text(json.dumps(kept))
    assert Gate(tmp_path, "kraken").take(START, 1.0, 5.0).wait <= 3600


def test_failures_are_counted_until_an_answer(tmp_path: Path) -> None:
    gate = Gate(tmp_path, "kraken")
    assert [gate.failed(START) for _ in range(3)] == [1, 2, 3]
    gate.over(START + SECOND, START)
    assert gate.failed(START) == 1


@pytest.mark.parametrize("step", [11_520, 60, -60, -11_520])
def test_a_wait_follows_the_monotonic_clock_whichever_way_the_wall_clock_is_set(
    tmp_path: Path, step: int
) -> None:
    ticks = [1000.0]
    one, two = (Gate(tmp_path, "kraken", lambda: ticks[0]) for _ in range(2))
    one.block(START, START, Kind.LIMITED, "is rate-limiting us", 30)
    ticks[0] += 10.0
    now = START + (10 + step) * SECOND
    turn = two.take(now, 1.0, 5.0)
    assert turn.wait == pytest.approx(20)
    assert turn.incident is not None
    ticks[0] += 20.5
    assert two.take(now + 20.5 * SECOND, 1.0, 5.0).incident is None


def test_a_machine_that_started_anew_has_another_monotonic_clock(tmp_path: Path) -> None:
    Gate(tmp_path, "kraken", lambda: 90_000.0).block(START, START, Kind.LIMITED, "is rate-limiting us", 30)
    anew = Gate(tmp_path, "kraken", lambda: 12.0)
    assert anew.take(START + 10 * SECOND, 1.0, 5.0).wait == pytest.approx(20)
    assert anew.take(START - 3600 * SECOND, 1.0, 5.0).wait <= 30
