"""What the road says: why values are null, how verdicts read, which refusals are results."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from pipelines.errors import NotEnoughEvidence
from pipelines.evaluation.null_reasons import null_reasons
from pipelines.evaluation.report_data import data_section
from pipelines.features import compute, feature_set
from pipelines.market.bars import one_minute
from pipelines.market.schemas import BARS, CANDLES, MINUTE_BARS
from pipelines.models.evidence import require_every_class
from schedules.verdict_lines import details, headline, print_verdicts, tally

START = datetime(2025, 1, 1, tzinfo=UTC)


def minutes(count: int, skip: tuple[int, ...] = ()) -> pl.DataFrame:
    """1 m BARS made of candles at 100, without those minutes."""
    opens = [START + timedelta(minutes=minute) for minute in range(count) if minute not in skip]
    flat = {name: [100.0] * len(opens) for name in ("open", "high", "low", "close", "volume")}
    candles = pl.DataFrame({"open_time": opens, **flat}, schema=CANDLES)
    return one_minute(pl.DataFrame(schema=MINUTE_BARS), candles)


def said(bars: pl.DataFrame) -> dict[str, str]:
    """Reason by column."""
    features = compute(bars, "1m", feature_set("v5").names)
    return {name: row["reason"] for row in null_reasons(features, bars, "1m") for name in row["columns"]}


@pytest.mark.parametrize("skip", [(), (5,), (100, 101)])
def test_a_column_has_a_reason_exactly_when_it_has_a_null(skip: tuple[int, ...]) -> None:
    bars = minutes(200, skip)
    features = compute(bars, "1m", feature_set("v5").names)
    rows = null_reasons(features, bars, "1m")
    named = [name for row in rows for name in row["columns"]]
    assert sorted(named) == sorted(n for n in feature_set("v5").names if features[n].null_count())
    assert len(named) == len(set(named))
    assert all(row["reason"] and row["rows"] == bars.height for row in rows)


def test_a_run_that_is_too_short_is_told_with_both_lengths() -> None:
    """200 minutes, the 101st missing: runs of 100 and 99; macd needs 276, sma_50 only warms up."""
    reasons = said(minutes(200, (100,)))
    assert reasons["macd"] == "needs 276 minutes in a row, the longest run has 100"
    assert reasons["sma_50"].startswith("warm-up")
    assert reasons["microprice"] == "needs ticks; every bar here comes from candles"
    assert "close" not in reasons


def test_no_bars_have_no_reasons() -> None:
    nothing = pl.DataFrame(schema=BARS)
    assert null_reasons(compute(nothing, "1m"), nothing, "1m") == []


def test_the_data_section_escapes_and_says_everywhere() -> None:
    bars = minutes(30)
    table = {
        "symbol": "A<B", "timeframe": "1m", "rows": 30, "first": "a", "last": "b", "gaps": 1, "missing": 3,
        "longest_gap": 3, "origins": {"candle": 30}, "features": "v4", "funding": "none",
        "nulls": null_reasons(compute(bars, "1m"), bars, "1m"),
    }  # fmt: skip
    page = data_section([table], [{"subject": "x", "note": "<b>"}])
    assert "A&lt;B" in page
    assert "&lt;b&gt;" in page
    assert "1 (3 bars unknown, longest 3)" in page
    assert "everywhere" in page
    assert data_section([], []) == ""


@pytest.mark.parametrize("lopsided", [[97, 2, 1], [5, 45, 50], [9, 10, 81]])
def test_lopsided_classes_are_a_refusal_with_the_shares(lopsided: list[int]) -> None:
    classes = np.repeat([0, 1, 2], lopsided)
    with pytest.raises(NotEnoughEvidence) as refusal:
        require_every_class(classes, "fixed", "fold 0")
    for share in lopsided:
        assert f"{share:.1f} %" in str(refusal.value)
    assert "in fold 0" in str(refusal.value)
    require_every_class(np.repeat([0, 1, 2], [10, 80, 10]), "fixed", "fold 0")


def verdict(gate: str, passed: bool, required: bool = True) -> dict[str, Any]:
    return {
        "gate": gate,
        "title": f"Title {gate}",
        "passed": passed,
        "required": required,
        "sentence": f"Why {gate}.",
    }


def record(slot: str = "boosted_trees/BTC-USD/1m", **more: Any) -> dict[str, Any]:
    card = {
        "n": 1200,
        "n_eff": 40.0,
        "start": "2025-01-01T00",
        "end": "2025-02-01T00",
        "symbols": ["BTC-USD"],
    }
    found = [verdict("G1", False), verdict("G3", True), verdict("guide", False, False)]
    return {"slot": slot, "scorecard": card, "verdicts": found, "promotable": False, **more}


def test_a_refusal_names_each_failing_gate_and_the_passing_ones_in_one_line() -> None:
    assert [line.plain for line in details(record())] == [
        "fails G1 Title G1: Why G1.",
        "fails (advisory) guide Title guide: Why guide.",
        "passes G3 Title G3",
    ]
    assert headline(record()).plain.startswith("boosted_trees/BTC-USD/1m  refused  1,200 forecasts worth 40")


def test_each_outcome_has_its_words_and_the_count_adds_up() -> None:
    unfitted = record(scorecard=None, candidate={"refused": "not enough evidence: n_eff 3 of 30."})
    promoted, waiting = record(promotable=True, generation=4), record(promotable=True)
    assert "PROMOTED as generation 4" in headline(promoted).plain
    assert "promotable, not promoted" in headline(waiting).plain
    assert [line.plain for line in details(unfitted)] == ["not enough evidence: n_eff 3 of 30."]
    assert tally([record(), unfitted, promoted, waiting]) == (
        "4 slots judged: 1 promoted, 1 refused by a gate, 1 without enough data for a model, "
        "1 promotable and not promoted"
    )


def test_no_line_is_wider_than_the_terminal_and_no_word_is_lost() -> None:
    sentence = " ".join(f"word{number}" for number in range(60))
    one = record()
    one["verdicts"][0]["sentence"] = sentence
    console = Console(width=100, record=True, file=None, quiet=False)
    with console.capture() as captured:
        print_verdicts(console, [one])
    lines = captured.get().splitlines()
    assert max(map(len, lines)) <= 100
    assert all(f"word{number}" in captured.get() for number in range(60))
