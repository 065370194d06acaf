"""The report stands alone, speaks in words, escapes what it is given, and is the same every time."""

import re
from typing import Any

import pytest

from pipelines.evaluation.report import promoted, report


def card(enough: bool = True) -> dict[str, Any]:
    figure = {"unit": "share", "lower": 0.37, "upper": 0.41, "level": 0.95, "baseline": 1 / 3, "value": 0.391}
    withheld = dict.fromkeys(("value", "lower", "upper", "level", "baseline"))
    return {
        "subject": {
            "recipe": "boosted_trees",
            "partition": "BTC-USD|1m",
            "bundle": "ab" * 32,
            "timeframe": "1m",
            "horizon": 15,
            "trials": 3,
        },
        "start": "2024-01-01T00:00:00+00:00",
        "end": "2024-02-01T00:00:00+00:00",
        "symbols": ["BTC-USD"],
        "n": 44640,
        "n_eff": 2790.0 if enough else 12.0,
        "class_shares": [0.3, 0.4, 0.3],
        "figures": [
            {
                "title": "balanced accuracy",
                "baseline_name": "any constant",
                **(figure if enough else {**figure, **withheld}),
            }
        ],
        "reliability": [{"class_name": "UP", "forecast": 0.3, "observed": 0.32, "weight": 1.0}] * enough,
        "equity": [{"day": "2024-01-01", "net": 1.01, "buy_and_hold": 0.99}] * enough,
    }


def verdict(passed: bool = True, required: bool = True, sentence: str = "It holds.") -> dict[str, Any]:
    return {"gate": "G1", "title": "Skill", "passed": passed, "required": required, "sentence": sentence}


def body(page: str) -> str:
    return page[page.index("<body>") :]


def test_the_page_needs_no_network() -> None:
    page = report([{"scorecard": card(), "verdicts": [verdict()]}])
    assert page.count("<!doctype html>") == 1
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)\s*=", page)
    assert page.count("plotly.js v") == 1  # the script is there, once


def test_the_same_evidence_is_the_same_page() -> None:
    entries = [{"scorecard": card(), "verdicts": [verdict()]}] * 2
    first = report(entries)
    assert first == report(entries)
    ids = re.findall(r'<div id="([^"]+)"', body(first))
    assert len(ids) == len(set(ids)) == 4


def test_verdicts_and_figures_are_said_beside_their_baseline() -> None:
    page = body(
        report([{"scorecard": card(), "verdicts": [verdict(), verdict(False, False, "Only shown.")]}])
    )
    assert "It holds." in page
    assert "Only shown." in page
    assert "advisory: decides nothing" in page
    assert "39.10 %" in page
    assert "33.33 %" in page
    assert "37.00 % … 41.00 % at 95 %" in page


def test_too_little_evidence_shows_no_figure() -> None:
    page = body(report([{"scorecard": card(enough=False), "verdicts": [verdict(False)]}]))
    assert "no figure or curve is shown" in page
    assert "39.10 %" not in page
    assert "growth0" not in page


def test_text_from_outside_is_escaped() -> None:
    evil = "<script>alert(1)</script>"
    page = report(
        [{"scorecard": card(), "verdicts": [verdict(sentence=evil)], "note": evil}],
        paper=[
            {
                "name": evil,
                "summary": {evil: evil},
                "equity": [{"time": "2024-01-01T00:00:00Z", "equity": 1.0}],
            }
        ],
        data_notes=[{"subject": evil, "note": evil}],
        title=evil,
        made=evil,
    )
    assert evil not in page


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], False),
        ([verdict(required=False)], False),
        ([verdict()], True),
        ([verdict(), verdict(False)], False),
    ],
)
def test_promotable_needs_every_required_verdict(verdicts: list[dict[str, Any]], expected: bool) -> None:
    entry = {"scorecard": card(), "verdicts": verdicts}
    assert promoted(entry) is expected
    assert (">promotable</span>" in body(report([entry]))) is expected
