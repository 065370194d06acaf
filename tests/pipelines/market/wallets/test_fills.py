"""Reading fills: whose side a code is, what is counted, what is dropped, what is set aside."""

import gzip
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.market.rows import EARLIEST
from pipelines.market.schemas import FILLS
from pipelines.market.wallets import ParsedFills, cohort_state, parse_fill_lines, parse_user_fills

NOW = datetime(2026, 11, 21, tzinfo=UTC)
WINDOW = (EARLIEST, NOW)
RECORDED = "exchange_responses/hyperliquid_recorded/get_user_fills.json"


def fill(**changed: Any) -> dict[str, Any]:
    whole = {"coin": "BTC", "px": "60000.5", "sz": "0.01", "side": "B", "time": 1764540180952}
    return {**whole, "startPosition": "0.0", "dir": "Open Long", "hash": "0x1", "tid": 7, **changed}


def read(*sent: Any) -> ParsedFills:
    found = parse_user_fills(sent, "0xABC", "test", WINDOW)
    assert found.sent == len(sent)
    return found


def recorded(data: Path) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = json.loads((data / RECORDED).read_text(), parse_float=str)[0]
    return answer


def test_a_means_sold_and_b_means_bought() -> None:
    rows = read(fill(side="A", tid=1), fill(side="B", tid=2)).rows
    assert dict(rows.select("id", "side").rows()) == {1: -1, 2: 1}
    assert rows.schema == pl.Schema(FILLS)
    assert rows["address"].unique().to_list() == ["0xabc"]


@pytest.mark.real
def test_recorded_positions_prove_what_the_side_codes_mean(real_data: Path) -> None:
    """Each fill names the position before it: the one after it is that plus side × size, with A = −1 only.

    The earlier system read A as bought: with its signs not one of the recorded positions follows from another.
    """
    answer = recorded(real_data)["response"]

    def follows(sign: Mapping[str, int]) -> int:
        after: dict[str, Decimal] = {}
        explained = 0
        for each in reversed(answer):  # the newest stands first
            explained += after.get(each["coin"]) == Decimal(each["startPosition"])
            after[each["coin"]] = Decimal(each["startPosition"]) + sign[each["side"]] * Decimal(each["sz"])
        return explained

    assert follows({"A": -1, "B": 1}) > 200
    assert follows({"A": 1, "B": -1}) == 0
    parsed = parse_user_fills(answer, "0x1", "recorded", WINDOW).rows
    directions = {"Open Short": -1, "Close Long": -1, "Open Long": 1, "Close Short": 1}
    told = sorted(directions[each["dir"]] for each in answer if each["dir"] in directions)
    assert abs(parsed["side"].sum() - sum(told)) <= len(answer) - len(told)


@pytest.mark.real
def test_the_recorded_answer_of_2023_has_500_fills_of_one_wallet_without_ids(real_data: Path) -> None:
    answer = recorded(real_data)
    found = parse_user_fills(answer["response"], answer["request"]["user"], RECORDED, WINDOW)
    assert found.rows.height == found.sent == 500
    assert found.rows["id"].null_count() == 500
    assert found.rows["time"].is_sorted()


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "rows", "repeats", "wallets"),
    [("fills_5m_2025-12-01", 1094, 105, 15), ("fills_12h_2025-12-02", 2236, 209, 8)],
)
def test_real_files_have_the_rows_repeats_and_wallets_of_their_readme(
    real_data: Path, name: str, rows: int, repeats: int, wallets: int
) -> None:
    with gzip.open(real_data / "unlicensed/hyperliquid_fills" / f"{name}.jsonl.gz", "rt") as lines:
        found = parse_fill_lines(lines, name, WINDOW)
    assert found.rows.height == found.sent == rows
    assert found.lookalikes == repeats
    assert f"{repeats} fills without a trade id equal another in every field and were kept" in found.notes[0]
    assert cohort_state(found.rows) == (
        wallets,
        0,
        f"{wallets} wallets, 0 eligible: no cohort can be formed; expected at least 10",
    )


def test_a_repeated_trade_id_is_dropped_and_counted_and_a_contradicted_one_quarantined() -> None:
    found = read(fill(), fill(), fill(sz="0.02"))
    assert found.rows.height == 1
    assert found.repeats == 1
    assert found.quarantine.select("line", "reason").rows() == [
        (3, "repeats the tid of fill 1 with other values")
    ]
    assert "1 fills came again" in found.notes[0]


def test_a_wallet_that_trades_with_itself_has_both_sides_of_one_trade() -> None:
    assert read(fill(side="A"), fill(side="B")).rows["side"].sum() == 0


def test_fills_without_an_id_are_kept_and_counted() -> None:
    bare = fill()
    del bare["tid"]
    found = read(bare, bare, bare, fill(tid=0))
    assert found.rows.height == 4
    assert found.lookalikes == 3


def test_the_order_of_arrival_leaves_no_trace() -> None:
    sent = [fill(tid=k, sz=f"0.{k % 3 + 1}", time=1764540180952 + k % 2) for k in range(1, 20)]
    assert read(*sent).rows.equals(read(*reversed(sent)).rows)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"px": "NaN"}, "price is not"),
        ({"px": "-1"}, "price is not"),
        ({"sz": "1e308"}, "size is not"),
        ({"sz": "0"}, "size is not"),
        ({"side": "buy"}, "side is neither"),
        ({"side": None}, "side is neither"),
        ({"time": "soon"}, "timestamp is not in"),
        ({"time": int((NOW + timedelta(days=1)).timestamp() * 1000)}, "timestamp is not in"),
        ({"coin": ""}, "names no coin"),
        ({"tid": "x"}, "tid is not"),
        ({"px": "123456789.12345678"}, "more than 15 significant digits"),
    ],
)
def test_a_broken_fill_is_quarantined_with_its_reason(changed: dict[str, Any], reason: str) -> None:
    found = read(fill(tid=1), fill(**{"tid": 2, **changed}))
    assert found.rows.height == 1
    assert reason in found.quarantine["reason"][0]


@pytest.mark.parametrize("sent", [None, 3, "text", ["list"]])
def test_what_is_no_fill_is_quarantined(sent: Any) -> None:
    assert read(sent).quarantine["reason"].to_list() == ["is no fill"]


def test_lines_that_are_no_json_are_quarantined() -> None:
    line = json.dumps(
        {"ts": 1764540180952, "address": "0xA", "coin": "BTC", "side": "sell", "price": 1.5, "size": 2}
    )
    found = parse_fill_lines([line, "{", "[]", ""], "test", WINDOW)
    assert found.rows.select("address", "side", "price", "size").rows() == [("0xa", -1, 1.5, 2.0)]
    assert found.quarantine["line"].to_list() == [2, 3, 4]


PARSERS: list[Callable[[], ParsedFills]] = [
    lambda: parse_user_fills([], "0x1", "test", WINDOW),
    lambda: parse_fill_lines([], "test", WINDOW),
]


@pytest.mark.parametrize("parse", PARSERS)
def test_no_fills_are_an_empty_table(parse: Callable[[], ParsedFills]) -> None:
    assert parse().rows.schema == pl.Schema(FILLS)
    assert cohort_state(parse().rows)[2].startswith("0 wallets, 0 eligible")
