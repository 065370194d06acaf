"""The stored certificates say what the README claims; `make certify` and `make scale` renew them."""

import json
from collections import Counter
from pathlib import Path

CERTIFICATE = Path(__file__).parent / "certificates" / "no_edge.json"


def test_twenty_markets_without_an_edge_promote_nothing() -> None:
    certificate = json.loads(CERTIFICATE.read_text())
    candidates = certificate["candidates"]
    assert certificate["edge"] == 0
    assert Counter(line["seed"] for line in candidates) == dict.fromkeys(range(1, 21), 4)
    assert [line for line in candidates if line["promotable"] or not line["refused_by"]] == []


def test_no_minute_model_shows_direction_skill_at_one_percent() -> None:
    """LightGBM's one-sided 99 % bound of skill on direction, on each of the twenty fixed seeds and both symbols."""
    candidates = json.loads(CERTIFICATE.read_text())["candidates"]
    minutes = [line for line in candidates if line["partition"].endswith("|1m")]
    assert len(minutes) == 40
    assert [line for line in minutes if line["direction_skill_lower"] > 0] == []


def test_two_years_of_minutes_of_118_symbols_stay_below_four_gigabytes() -> None:
    """What `make scale` found, run through in one process: nothing was skipped."""
    printed = json.loads((CERTIFICATE.parent / "scale.json").read_text())
    assert printed["rows"] == printed["expected"] == 118 * 730 * 24 * 60
    assert printed["breadth"] == 730 * 24 * 60 - 1  # the first minute has no return
    assert printed["as_a_cold_build"]
    assert printed["skipped"] == 0
    assert printed["peak_gib"] < printed["limit_gib"] == 4.0
