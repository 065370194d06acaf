"""Slots, pointer records and the promotion rule: round trips, refusals, each failing gate by name."""

import json
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import BadBundle, NotPromotable, UnknownName
from pipelines.promotion.pointer import Pointer, check_slot, parse, rolled_back, slot_of
from pipelines.promotion.policy import demand

A, B = "a" * 64, "b" * 64


@dataclass(frozen=True)
class Given:
    gate: str
    passed: bool
    value: float | None = 0.1
    threshold: float = 0.0


def pointer(**changes: object) -> Pointer:
    made = Pointer(
        generation=1,
        bundle=f"bundles/{A}",
        sha256=A,
        feature_columns=("rsi_14", "atr_14"),
        meta_classifier="model.txt",
        calibrator="vector scaling",
        training_meta={"rows": 3},
        schema_hash="c" * 64,
        mlflow_run_id="",
        verdicts=({"gate": "G1", "passed": True},),
        promoted_at="2026-03-01T00:00:00+00:00",
        previous=None,
    )
    return replace(made, **changes)


@given(st.integers(1, 10**9), st.sampled_from([None, B]), st.lists(st.text(max_size=5), max_size=4))
def test_a_pointer_survives_the_round_trip(generation: int, previous: str | None, columns: list[str]) -> None:
    made = pointer(generation=generation, previous=previous, feature_columns=tuple(columns))
    assert parse(made.to_json(), "LATEST.json") == made


@given(st.data())
def test_no_torn_prefix_is_a_pointer(data: st.DataObject) -> None:
    text = pointer().to_json()
    cut = data.draw(st.integers(0, len(text) - 2))  # the last byte is only the newline
    with pytest.raises(BadBundle, match=r"LATEST\.json is not a pointer"):
        parse(text[:cut], "LATEST.json")


@pytest.mark.parametrize(
    "change",
    [
        {"generation": 0},
        {"generation": True},
        {"generation": "1"},
        {"sha256": "../x"},
        {"bundle": f"bundles/{B}"},
        {"previous": "x"},
        {"surprise": 1},
        {"sha256": None},
    ],
)
def test_a_record_with_a_wrong_field_is_refused(change: dict) -> None:
    record = json.loads(pointer().to_json()) | change
    with pytest.raises(BadBundle):
        parse(json.dumps(record).encode(), "LATEST.json")
    del record["verdicts"]
    with pytest.raises(BadBundle):
        parse(json.dumps(record).encode(), "LATEST.json")


def test_slots_are_recipe_and_partition() -> None:
    assert slot_of("boosted_trees", "BTC-USD|1m") == "boosted_trees/BTC-USD/1m"
    assert slot_of("timing", "seq300") == "timing/seq300"
    assert slot_of("transformer") == "transformer"


@pytest.mark.parametrize(
    "bad",
    ["", "..", "a/../b", "/a", "a//b", "a/b/", "a\\b", "a b", "a\n", "x/generations", "a/b/c/d/e", "a.tmp-1"],
)
def test_a_slot_cannot_leave_its_folder(bad: str) -> None:
    with pytest.raises(UnknownName):
        check_slot(bad)


def test_a_roll_back_is_a_new_generation_of_the_old_bundle() -> None:
    first = pointer()
    second = pointer(sha256=B, bundle=f"bundles/{B}").succeeding(first, 2)
    assert second.previous == A
    third = rolled_back(second, first, "2026-03-02T00:00:00+00:00")
    assert (third.generation, third.sha256, third.previous) == (3, A, B)
    assert third.promoted_at == "2026-03-02T00:00:00+00:00"


def test_the_same_bundle_written_once_more_keeps_what_it_can_be_rolled_back_to() -> None:
    second = pointer(sha256=B, bundle=f"bundles/{B}").succeeding(pointer(), 2)
    assert second.succeeding(second, 3).previous == A
    assert pointer().succeeding(None, 1).previous is None


def test_all_required_gates_passed_for_this_bundle_promote_and_advisory_ones_do_not_matter() -> None:
    demand(A, A, [Given("G1", True), Given("G3", True), Given("guide_v5", False)], ["G1", "G3"])


@given(
    st.sets(st.sampled_from(["G1", "G3", "G6", "G10"])), st.sets(st.sampled_from(["G1", "G3", "G6", "G10"]))
)
def test_each_gate_that_fails_or_is_missing_is_named(failing: set, missing: set) -> None:
    names = ["G1", "G3", "G6", "G10"]
    given_verdicts = [Given(n, n not in failing, 0.25, 0.5) for n in names if n not in missing]
    blocked = failing | missing
    if not blocked:
        return demand(A, A, given_verdicts, names)
    with pytest.raises(NotPromotable) as refused:
        demand(A, A, given_verdicts, names)
    text = str(refused.value)
    for name in names:
        assert (f"{name} gave no verdict" in text) == (name in missing)
        assert (f"{name} failed with 0.25 against 0.5" in text) == (name in failing - missing)
    return None


@pytest.mark.parametrize("passed", [1, "true", None])
def test_only_true_is_a_pass(passed: object) -> None:
    with pytest.raises(NotPromotable, match="G1 failed with no figure"):
        demand(A, A, [Given("G1", passed, None)], ["G1"])


def test_a_contradicting_second_verdict_blocks() -> None:
    with pytest.raises(NotPromotable, match="G1 failed"):
        demand(A, A, [Given("G1", True), Given("G1", False)], ["G1"])


def test_verdicts_of_another_bundle_or_no_requirement_promote_nothing() -> None:
    for judged in (B, ""):
        with pytest.raises(NotPromotable, match="another bundle"):
            demand(A, judged, [Given("G1", True)], ["G1"])
    with pytest.raises(NotPromotable, match="without proof"):
        demand(A, A, [Given("G1", True)], [])
