"""The whole report of markets in which something was planted, as numbers, sentences and a page."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines.errors import NotEnoughEvidence
from pipelines.features import feature_set
from pipelines.features.reporting.measured import INDEPENDENT, Labelled, Measured, measure, sample
from pipelines.features.reporting.page import page, table_markdown
from pipelines.features.reporting.values import encoded
from pipelines.features.reporting.words import sentences
from pipelines.sequences.labels import labels
from tests.pipelines.models.conftest import market  # noqa: F401  (a fixture)

V4 = feature_set("v4").names
HOURS, HORIZON = 2_400, 6  # 2026-01-01 to 2026-04-11


class Cells(HTMLParser):
    """Ids of the rows of the page, and the words of its cells."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr" and dict(attrs).get("id"):
            self.rows.append(str(dict(attrs)["id"]))


def labelled(bars: pl.DataFrame, horizon: int = HORIZON) -> Labelled:
    found = labels(bars, "1h", horizon).filter(pl.col("label").is_not_null())
    return Labelled(found.select("open_time", "label"), horizon)


@pytest.fixture(scope="module")
def tables(market: Callable[..., Any]) -> tuple[pl.DataFrame, pl.DataFrame]:  # noqa: F811
    """Volume foretells the next hours (see the fixture); the features are v4."""
    features, bars = market(HOURS, edge=0.5)
    return features, bars


@pytest.fixture(scope="module")
def plain(tables: tuple[pl.DataFrame, pl.DataFrame]) -> Measured:
    features, bars = tables
    return measure(features, labelled(bars), "1h")


def row(found: Measured, name: str) -> dict[str, Any]:
    return found.table.row(by_predicate=pl.col("name") == name, named=True)


def test_the_table_is_what_a_plain_count_gives(
    plain: Measured, tables: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    assert plain.names == list(V4)
    assert row(plain, "macd")["nulls"] == 275 / HOURS
    assert row(plain, "open")["nulls"] == 0.0
    assert row(plain, "close")["shape"] == "constant"
    assert row(plain, "rsi_14")["month"] == "2026-04"
    assert plain.rows == HOURS
    assert plain.entropy == pytest.approx(np.log2(3), abs=0.05)


def test_volume_that_foretells_is_above_the_floor_and_the_weekday_is_not(plain: Measured) -> None:
    assert row(plain, "volume_ratio")["bits"] > 3 * row(plain, "volume_ratio")["floor"]
    assert row(plain, "is_weekend")["bits"] <= row(plain, "is_weekend")["floor"]


def test_what_was_planted_is_said(tables: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    """rsi_14 without a value, spread_pct ten times as wide in April, bb_width half missing in April."""
    features, bars = tables
    april = pl.col("open_time").dt.month() == 4
    planted = features.with_columns(
        rsi_14=pl.lit(None, pl.Float64),
        spread_pct=pl.when(april).then(pl.col("spread_pct") * 10).otherwise("spread_pct"),
        bb_width=pl.when(april & (pl.int_range(pl.len()) % 2 == 0)).then(None).otherwise("bb_width"),
    )
    found = measure(planted, labelled(bars), "1h")
    said = sentences(found)
    assert "Without any value: `rsi_14`." in said
    assert "More nulls in 2026-04 than before: `bb_width` 50.0%." in said
    drifted = next(one for one in said if one.startswith("Drift of 2026-04 against the month before: "))
    much = re.search(r"moved much \(PSI > 0\.25\): ([^;]*)", drifted)
    assert much is not None
    assert much[1].startswith("`spread_pct` ")
    assert row(found, "spread_pct")["psi"] > 1.0
    assert row(found, "spread")["psi"] < 0.25  # untouched
    assert row(found, "rsi_14") | {"month": ""} == {
        "name": "rsi_14", "nulls": 1.0, "bits": None, "floor": None, "shape": "no value", "month": "",
        "nulls_newest": 1.0, "psi": None, "psi_worst": None, "psi_worst_month": None,
    }  # fmt: skip


def test_few_labels_say_nothing_of_importance(tables: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    features, bars = tables
    few = labelled(bars)
    few = Labelled(few.rows.head(INDEPENDENT * (HORIZON + 1) - 1), HORIZON)
    found = measure(features, few, "1h")
    assert found.table["bits"].null_count() == len(V4)
    said = "Importance: nothing is said, there are about 99 independent labels, expected at least 100."
    assert sentences(found)[-1] == said
    assert (
        "mutual information"
        not in page(found, "Features", "").split("<main>")[1].lower().split("<h2>drift")[1]
    )


def test_one_month_says_nothing_of_drift(tables: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    features, bars = tables
    found = measure(features.head(700), labelled(bars), "1h")
    assert any(one.startswith("Drift of 2026-01: nothing is said") for one in sentences(found))


def test_a_column_of_a_feature_that_was_removed_is_passed_over(
    tables: tuple[pl.DataFrame, pl.DataFrame],
) -> None:
    """A lake's table keeps the column of a feature that nobody declares any more."""
    features, bars = tables
    old = features.with_columns(no_longer_declared=pl.lit(1.0))
    assert measure(old, labelled(bars), "1h").names == measure(features, labelled(bars), "1h").names


def test_a_table_without_rows_is_refused(tables: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    features, bars = tables
    with pytest.raises(NotEnoughEvidence, match="the feature table has no row, expected at least one"):
        measure(features.head(0), labelled(bars), "1h")


def test_the_page_has_every_feature_and_needs_no_network(plain: Measured) -> None:
    text = page(plain, "Features of <A> 1h", "", "made now")
    cells = Cells()
    cells.feed(text.split("<main>")[1])
    assert cells.rows == list(V4)
    body = text.split("<main>")[1]
    assert "<h1>Features of &lt;A&gt; 1h</h1><p>made now</p>" in body
    assert not re.search(r"(src|href)=['\"]?(https?:)?//", text.split("<script>")[0] + body)
    for plot in ("drift", "correlation", "importance"):
        assert body.count(f'id="{plot}"') == 1
    for one in sentences(plain):
        assert one.split("`")[0].replace("<", "&lt;").replace(">", "&gt;") in body


def test_the_table_of_the_ui_has_every_feature_and_its_numbers(plain: Measured) -> None:
    head, _, *lines = table_markdown(plain).split("\n")
    assert head.startswith("| feature | distribution | nulls | nulls 2026-04 | drift 2026-04 |")
    assert [line.split("`")[1] for line in lines] == list(V4)
    assert " 11.46% " in next(line for line in lines if "`macd_signal`" in line)


def test_the_same_table_gives_the_same_page(
    plain: Measured, tables: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    features, bars = tables
    assert page(plain, "a", "") == page(measure(features, labelled(bars), "1h"), "a", "")


def test_a_sample_is_in_order_without_repeats_and_a_short_table_is_whole() -> None:
    rows = pl.DataFrame({"open_time": np.arange(50_000)})
    drawn = sample(rows)["open_time"]
    assert len(drawn) == drawn.n_unique() == 20_000
    assert drawn.is_sorted()
    assert sample(rows.head(20_000)).equals(rows.head(20_000))


def test_rounding_dust_is_no_variance(tables: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    """x·n/n is not always x: what the encoding makes 1 ± 1 ulp is one value."""
    features, _ = tables
    dusty = features.with_columns(open=pl.col("close") * (1 + pl.int_range(pl.len()) % 3 * 1e-16))
    assert not encoded(dusty, ["open"]).any()
