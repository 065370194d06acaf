"""The trial ledger: counts different bundles, shows every change, loses nothing to a kill."""

import fcntl
import json
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest

from pipelines.errors import BadBundle, BadData
from resources.registry import Registry
from resources.registry.trials import Anchor

SLOT = "timing/seq300"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
A, B, C = (letter * 64 for letter in "abc")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path)


def fitted(registry: Registry, bundle: str) -> Anchor:
    """A fit that was recorded and became the candidate."""
    anchor = registry.record_trial(SLOT, bundle, data="d", code="c", at=NOON)
    registry.save_candidate(SLOT, {"bundle": bundle, "mlflow_run_id": "run", **anchor.to_json()})
    return anchor


def ledger(registry: Registry) -> Path:
    return registry.root / "trials" / "timing" / "seq300.jsonl"


def test_it_counts_bundles_and_not_fits(registry: Registry) -> None:
    assert registry.trials(SLOT) == 0
    counts = []
    for bundle in (A, A, B, A, C):
        fitted(registry, bundle)
        counts.append(registry.trials(SLOT))
    assert counts == [1, 1, 2, 2, 3]
    assert registry.trials("timing/seq500") == 0
    lines = [json.loads(line) for line in ledger(registry).read_text().splitlines()]
    assert [line["bundle"] for line in lines] == [A, A, B, A, C]
    assert lines[0] == {"at": NOON.isoformat(), "bundle": A, "code": "c", "data": "d", "previous": "0" * 64}


@pytest.mark.parametrize("line", range(3))
def test_a_changed_line_is_seen_wherever_it_is(registry: Registry, line: int) -> None:
    for bundle in (A, B, C):
        fitted(registry, bundle)
    lines = ledger(registry).read_text().splitlines()
    lines[line] = lines[line].replace('"data": "d"', '"data": "e"')
    ledger(registry).write_text("\n".join(lines) + "\n")
    with pytest.raises(BadData, match="the ledger was changed"):
        registry.trials(SLOT)


def test_a_line_left_out_is_seen(registry: Registry) -> None:
    for bundle in (A, B, C):
        fitted(registry, bundle)
    whole = ledger(registry).read_text().splitlines(keepends=True)
    for kept in ([whole[0], whole[2]], [whole[1], whole[2]], [whole[2]]):
        ledger(registry).write_text("".join(kept))
        with pytest.raises(BadData, match="must follow a line"):
            registry.trials(SLOT)
        with pytest.raises(BadData, match="must follow a line"):
            registry.record_trial(SLOT, A, data="d", code="c", at=NOON)
    ledger(registry).write_text("".join(whole[:2]))
    with pytest.raises(BadData, match="at least 3 trials, found 2: the ledger was cut short"):
        registry.trials(SLOT)
    ledger(registry).unlink()
    with pytest.raises(BadData, match="at least 3 trials, found 0"):
        registry.trials(SLOT)


def test_a_candidate_without_a_trial_is_not_judged(registry: Registry) -> None:
    registry.save_candidate(SLOT, {"bundle": A, "mlflow_run_id": "run"})
    with pytest.raises(BadData, match="without a trial on record"):
        registry.trials(SLOT)


def test_a_kill_loses_no_trial(registry: Registry) -> None:
    """Killed after the ledger and before the candidate: the trial counts. Killed inside a line: it never was one."""
    fitted(registry, A)
    registry.record_trial(SLOT, B, data="d", code="c", at=NOON)
    assert registry.trials(SLOT) == 2
    with ledger(registry).open("a") as file:
        file.write('{"at": "2026-')
    assert registry.trials(SLOT) == 2
    fitted(registry, C)
    assert registry.trials(SLOT) == 3
    assert len(ledger(registry).read_text().splitlines()) == 3


def test_a_second_writer_waits_for_the_first(registry: Registry) -> None:
    """Otherwise both would follow the same line, and the chain would be broken by two honest fits."""
    fitted(registry, A)
    second = Thread(target=fitted, args=(registry, B))
    with ledger(registry).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        second.start()
        second.join(0.3)
        assert second.is_alive()
        assert ledger(registry).read_bytes().count(b"\n") == 1
    second.join()
    assert registry.trials(SLOT) == 2


def test_a_ledger_behind_a_link_is_refused(registry: Registry, tmp_path: Path) -> None:
    fitted(registry, A)
    moved = tmp_path / "elsewhere.jsonl"
    ledger(registry).rename(moved)
    ledger(registry).symlink_to(moved)
    with pytest.raises(BadBundle, match="symbolic link"):
        registry.record_trial(SLOT, B, data="d", code="c", at=NOON)
