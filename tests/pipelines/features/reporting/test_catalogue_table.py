"""The catalogue as a table: nothing that is declared is missing, and no formula breaks the table."""

import re

import pytest

from pipelines.features import catalogue
from pipelines.features.reporting.catalogue_table import (
    SHOWN,
    catalogue_markdown,
    catalogue_rows,
    formula_of,
    lookback_of,
    markdown,
    source_of,
)
from pipelines.market.timeframes import minutes_of


def cells(line: str) -> list[str]:
    """Cells of a Markdown row: an escaped bar is text."""
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_every_declared_feature_has_its_line_with_what_it_declares() -> None:
    head, rule, *lines = catalogue_markdown(catalogue()).split("\n")
    names = cells(head)
    assert names[:5] == ["feature", "group", "unit", "encoding", "formula"]
    assert len(cells(rule)) == len(names)
    assert len(lines) == len(catalogue()) >= 67
    for one, line in zip(catalogue(), lines, strict=True):
        told = dict(zip(names, cells(line), strict=True))
        assert told["feature"] == f"`{one.name}`"
        assert (told["group"], told["unit"], told["encoding"]) == (one.group, one.unit, one.encoding)
        assert [told[f"bars at {name}"] for name in SHOWN] == [lookback_of(one, n) for n in SHOWN]


@pytest.mark.parametrize("one", catalogue(), ids=lambda one: one.name)
def test_every_declaration_says_its_formula_and_its_source(one: object) -> None:
    assert formula_of(one)  # type: ignore[arg-type]
    assert source_of(one)  # type: ignore[arg-type]
    assert "\n" not in source_of(one)  # type: ignore[arg-type]


def test_what_a_feature_needs_is_said() -> None:
    needs = {row["feature"].strip("`"): row["needs"] for row in catalogue_rows(catalogue())}
    assert [needs[name] for name in ("rsi_14", "microprice", "funding_rate")] == [
        "candles",
        "ticks",
        "funding",
    ]


def test_inputs_are_told_with_when_they_are_known_and_how_longer_bars_are_made() -> None:
    told = {row["feature"].strip("`"): row for row in catalogue_rows(catalogue())}
    shown = [
        tuple(told[name][column] for column in ("inputs", "known", "longer bars"))
        for name in ("spread_pct", "large_trade_ratio", "funding_rate", "hour_rsi_14", "is_weekend")
    ]
    assert shown == [
        ("high, low, close", "at its close + 3 s", "own bars"),
        ("trades, large_trades", "at its close + 3 s", "trades"),
        ("rate, period_hours", "at its recorded stamp", "own bars"),
        ("close", "at the hour's close + 3 s", "own bars"),
        ("its open time", "at its close + 3 s", "own bars"),
    ]


def test_the_lookback_is_in_bars_of_the_timeframe_and_a_dash_where_there_is_none() -> None:
    by_name = {one.name: one for one in catalogue()}
    assert lookback_of(by_name["spread_volatility"], "1m") == "11"  # minutes, whatever the timeframe
    assert lookback_of(by_name["spread_volatility"], "1h") == "1"
    short = [one for one in catalogue() if not one.exists(minutes_of("1h"))]
    assert {lookback_of(one, "1h") for one in short} <= {"–"}


def test_bars_and_tags_in_a_formula_stay_text() -> None:
    table = markdown([{"a": "|r_t| > 3", "b": "<script>"}])
    assert table.split("\n")[2] == "| \\|r_t\\| > 3 | &lt;script> |"
    assert cells(table.split("\n")[2])[0] == "|r_t| > 3"


def test_no_rows_are_said_to_be_nothing() -> None:
    assert markdown([]) == "nothing"
