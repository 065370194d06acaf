"""The registry: torn writes, kills, races, tampering and links never show a bad pointer."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from pipelines.errors import BadBundle, BadData, MissingData, NotPromotable, UnknownName
from pipelines.promotion.pointer import Pointer
from resources.registry import Registry

ROOT = Path(__file__).resolve().parents[2]
SLOT = "boosted_trees/BTC-USD/1m"
A, B, C = "a" * 64, "b" * 64, "c" * 64
FILES = {"bundle.json": b"{}", "model.txt": b"tree\n" * 1000}


def pointer(sha256: str = A) -> Pointer:
    return Pointer(
        generation=1,
        bundle=f"bundles/{sha256}",
        sha256=sha256,
        feature_columns=("rsi_14",),
        meta_classifier="model.txt",
        calibrator="",
        training_meta={"note": "x" * 20_000},
        schema_hash=C,
        mlflow_run_id="",
        verdicts=({"gate": "G1", "passed": True},),
        promoted_at="2026-03-01T00:00:00+00:00",
        previous=None,
    )


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """A registry with bundles A and B."""
    made = Registry(tmp_path / "registry")
    for sha256 in (A, B):
        made.save(FILES | {"model.txt": sha256.encode()}, sha256)
    return made


def slot_file(registry: Registry, *parts: str) -> Path:
    return registry.root.joinpath("promoted", *SLOT.split("/"), *parts)


def test_a_bundle_comes_back_as_it_was_and_saving_again_changes_nothing(registry: Registry) -> None:
    folder = registry.save(FILES, C)
    before = {p.name: p.stat().st_ino for p in folder.iterdir()}
    assert registry.save(FILES, C) == folder
    assert {p.name: p.stat().st_ino for p in folder.iterdir()} == before
    assert registry.load(C) == FILES


@pytest.mark.parametrize("harm", ["flip", "truncate", "extra", "missing", "manifest", "link"])
def test_a_damaged_bundle_is_refused_whatever_the_damage(registry: Registry, harm: str) -> None:
    folder = registry.save(FILES, C)
    model = folder / "model.txt"
    if harm == "flip":
        model.write_bytes(b"X" + FILES["model.txt"][1:])
    elif harm == "truncate":
        model.write_bytes(FILES["model.txt"][:-1])
    elif harm == "extra":
        (folder / "more.txt").write_bytes(b"")
    elif harm == "missing":
        model.unlink()
    elif harm == "manifest":
        (folder / "MANIFEST.json").unlink()
    else:
        model.rename(folder.parent / "elsewhere")
        model.symlink_to(folder.parent / "elsewhere")
    with pytest.raises(BadBundle):
        registry.load(C)
    with pytest.raises(BadBundle):
        registry.promote(SLOT, pointer(C))
    assert registry.read(SLOT).pointer is None


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a..b", "MANIFEST.json", "a\n", "a\x00"])
def test_file_names_that_could_leave_the_folder_are_refused(registry: Registry, name: str) -> None:
    with pytest.raises(BadBundle, match="not allowed"):
        registry.save({**FILES, name: b""}, C)
    assert not (registry.root / "bundles" / C).exists()


def test_addresses_and_slots_that_are_none_are_refused(registry: Registry) -> None:
    for address in ("", "..", "A" * 64, A + "\n"):
        with pytest.raises(BadBundle):
            registry.load(address)
    for slot in ("..", "a/../../b", "/etc"):
        with pytest.raises(UnknownName):
            registry.read(slot)


def test_links_on_the_way_are_refused(registry: Registry, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (registry.root / "promoted").mkdir(exist_ok=True)
    (registry.root / "promoted" / "boosted_trees").symlink_to(outside)
    with pytest.raises(BadBundle, match="symbolic link"):
        registry.promote(SLOT, pointer())
    assert list(outside.iterdir()) == []


def test_promotions_number_themselves_keep_the_former_and_roll_back(registry: Registry) -> None:
    assert registry.read(SLOT) == (None, ())
    first = registry.promote(SLOT, pointer(A), expected=0)
    second = registry.promote(SLOT, pointer(B), expected=1)
    assert (first.generation, second.generation, second.previous) == (1, 2, A)
    assert registry.read(SLOT) == (second, ())
    assert slot_file(registry, "backup", A, "model.txt").read_bytes() == A.encode()
    third = registry.rollback(SLOT, "2026-03-02T00:00:00+00:00")
    assert (third.generation, third.sha256, third.previous) == (3, A, B)
    assert registry.read(SLOT) == (third, ())
    assert len(list(slot_file(registry, "generations").iterdir())) == 3


def test_rolling_back_needs_something_to_roll_back_to(registry: Registry) -> None:
    with pytest.raises(MissingData, match="no pointer"):
        registry.rollback(SLOT, "2026-03-02T00:00:00+00:00")
    registry.promote(SLOT, pointer())
    with pytest.raises(NotPromotable, match="cannot be rolled back"):
        registry.rollback(SLOT, "2026-03-02T00:00:00+00:00")


def test_a_promotion_against_an_old_champion_is_refused(registry: Registry) -> None:
    registry.promote(SLOT, pointer(A), expected=0)
    with pytest.raises(NotPromotable, match="expected generation 0, found 1"):
        registry.promote(SLOT, pointer(B), expected=0)
    assert registry.read(SLOT).pointer.sha256 == A


def test_any_torn_latest_falls_back_to_the_newest_generation_and_says_so(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    registry.promote(SLOT, pointer(A))
    second = registry.promote(SLOT, pointer(B))
    latest = slot_file(registry, "LATEST.json")
    whole = latest.read_bytes()
    for cut in (0, 1, 2, len(whole) // 2, len(whole) - 2):
        latest.write_bytes(whole[:cut])
        found = registry.read(SLOT)
        assert found.pointer == second
        assert "generation 2 is used" in found.notes[0]
        assert "generation 2 is used" in caplog.text
        caplog.clear()
    latest.write_bytes(slot_file(registry, "generations", "1.json").read_bytes())  # an old one replayed
    assert registry.read(SLOT).pointer == second
    latest.unlink()
    assert registry.read(SLOT).pointer == second


def test_a_torn_newest_generation_is_read_from_latest_when_that_is_the_same(registry: Registry) -> None:
    registry.promote(SLOT, pointer(A))
    second = registry.promote(SLOT, pointer(B))
    torn = slot_file(registry, "generations", "2.json")
    whole = torn.read_bytes()
    for cut in (0, 1, len(whole) // 2, len(whole) - 2):
        torn.write_bytes(whole[:cut])
        found = registry.read(SLOT)
        assert found.pointer == second
        assert "generations/2.json is not a pointer" in found.notes[0]
        assert found.notes[1] == "LATEST.json names generation 2; generation 2 is used."
    torn.unlink()
    assert registry.read(SLOT).pointer == second
    repaired = registry.promote(SLOT, pointer(B))
    assert (repaired.generation, repaired.previous) == (3, A)
    assert registry.read(SLOT) == (repaired, ())


def test_a_withdrawn_model_never_comes_back_because_the_newest_record_is_damaged(registry: Registry) -> None:
    """B replaced A. Whatever happens to the record of B, or to B, A is not what the slot points to."""
    registry.promote(SLOT, pointer(A))
    first = slot_file(registry, "LATEST.json").read_bytes()
    registry.promote(SLOT, pointer(B))
    torn, latest = slot_file(registry, "generations", "2.json"), slot_file(registry, "LATEST.json")
    second = latest.read_bytes()
    torn.write_bytes(b"{")
    for content in (first, b"{", second.replace(b'"generation": 2', b'"generation": 1')):
        latest.write_bytes(content)
        found = registry.read(SLOT)
        assert found.pointer is None
        assert "generations/2.json is not a pointer" in found.notes[0]
        assert "nothing is used" in found.notes[1]
    latest.unlink()
    assert registry.read(SLOT).pointer is None
    third = registry.promote(SLOT, pointer(A), expected=2)
    assert (third.generation, third.previous) == (3, None)  # a number is never used twice
    assert registry.read(SLOT) == (third, ())


def test_a_damaged_bundle_is_not_replaced_by_the_one_before_except_by_rolling_back(
    registry: Registry,
) -> None:
    registry.promote(SLOT, pointer(A))
    registry.promote(SLOT, pointer(B))
    (registry.root / "bundles" / B / "model.txt").write_bytes(b"swapped")
    found = registry.read(SLOT)
    assert found.pointer is None
    assert "damaged" in found.notes[0]
    back = registry.rollback(SLOT, "2026-03-02T00:00:00+00:00")
    assert (back.generation, back.sha256, back.previous) == (3, A, B)
    assert registry.read(SLOT) == (back, ())


def test_a_copied_record_does_not_become_a_newer_one(registry: Registry) -> None:
    registry.promote(SLOT, pointer(A))
    copied = slot_file(registry, "generations", "9.json")
    copied.write_bytes(slot_file(registry, "generations", "1.json").read_bytes())
    found = registry.read(SLOT)
    assert found.pointer is None
    assert "generation 9 of boosted_trees/BTC-USD/1m calls itself 1" in found.notes[0]


def test_promoting_the_same_bundle_again_changes_nothing_and_leaves_the_way_back(registry: Registry) -> None:
    registry.promote(SLOT, pointer(A))
    second = registry.promote(SLOT, pointer(B))
    again = replace(pointer(B), promoted_at="2026-03-08T00:00:00+00:00")
    assert [registry.promote(SLOT, again, expected=2) for _ in range(3)] == [second] * 3
    assert registry.newest(SLOT) == 2
    slot_file(registry, "LATEST.json").unlink()
    assert registry.promote(SLOT, again) == second
    assert registry.read(SLOT) == (second, ())  # a lost cache is written again
    assert registry.rollback(SLOT, "2026-03-09T00:00:00+00:00").sha256 == A


RACE = """
import os, sys
sys.path[:0] = [{root!r}, {here!r}]
from dataclasses import replace
from pathlib import Path
from test_registry import A, B, SLOT, NotPromotable, Registry, pointer
registry, won = Registry(Path(sys.argv[1])), []
for turn in range(int(sys.argv[2])):
    mine = replace(pointer(A if turn % 2 else B), mlflow_run_id=f"{{os.getpid()}}-{{turn}}")
    try:
        made = registry.promote(SLOT, mine)
    except NotPromotable:
        continue
    if made.mlflow_run_id == mine.mlflow_run_id:  # else the bundle was there already
        won.append(made.generation)
    seen = registry.read(SLOT).pointer
    assert seen is not None and (not won or seen.generation >= won[-1])
print(*won)
"""


def promoters(registry: Registry, count: int, turns: int) -> list[subprocess.Popen[str]]:
    script = RACE.format(root=str(ROOT), here=str(Path(__file__).parent))
    command = [sys.executable, "-c", script, str(registry.root), str(turns)]
    return [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for _ in range(count)
    ]


def test_of_racing_promoters_exactly_one_wins_each_generation(registry: Registry) -> None:
    racing = promoters(registry, 4, 25)
    won = [int(word) for process in racing for word in process.communicate()[0].split()]
    assert all(process.returncode == 0 for process in racing)
    assert sorted(won) == list(range(1, len(won) + 1))
    assert len(won) >= 10
    found = registry.read(SLOT)
    assert found.pointer.generation == len(won)
    assert found.notes == ()


def test_killed_promoters_leave_a_valid_pointer_that_never_goes_back(registry: Registry) -> None:
    """12 promoters killed -9 at random moments of their work; every read between is whole and not older."""
    rng = np.random.default_rng(2)
    registry.promote(SLOT, pointer())
    newest = 1
    for _ in range(12):
        [process] = promoters(registry, 1, 10_000)
        while process.poll() is None and registry.read(SLOT).pointer.generation == newest:
            pass  # until it has started to promote
        try:
            process.wait(timeout=float(rng.uniform(0.0, 0.03)))
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        seen = registry.read(SLOT).pointer
        assert seen.generation >= newest
        newest = seen.generation
    after = registry.promote(SLOT, pointer(B))
    assert registry.read(SLOT) == (after, ())
    json.loads(slot_file(registry, "LATEST.json").read_bytes())


def test_opening_sweeps_temporaries_older_than_a_day_only(registry: Registry) -> None:
    now = datetime.now(UTC)
    ages = {"old": timedelta(hours=25), "young": timedelta(hours=23)}
    for name, age in ages.items():
        folder = registry.root / "bundles" / f"{A}.tmp-1-{name}"
        folder.mkdir()
        (folder / "model.txt").write_bytes(b"half")
        stamp = (now - age).timestamp()
        os.utime(folder, (stamp, stamp))
    assert Registry(registry.root).swept == 1
    left = [path.name for path in (registry.root / "bundles").glob("*.tmp-*")]
    assert left == [f"{A}.tmp-1-young"]
    assert registry.load(A)


def test_scorecards_are_kept_by_content_and_one_is_current(registry: Registry) -> None:
    assert registry.load_scorecard(SLOT) is None
    first = registry.save_scorecard(SLOT, b'{"n": 1}')
    second = registry.save_scorecard(SLOT, b'{"n": 2}')
    assert registry.load_scorecard(SLOT) == b'{"n": 2}'
    assert registry.load_scorecard(SLOT, first) == b'{"n": 1}'
    path = registry.root.joinpath("scorecards", *SLOT.split("/"), f"{second}.json")
    path.write_bytes(b'{"n": 3}')
    with pytest.raises(BadData, match="damaged"):
        registry.load_scorecard(SLOT)
