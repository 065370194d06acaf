"""Buy and hold, by hand."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from pipelines.errors import MissingData
from pipelines.evaluation.baselines import buy_and_hold

START = datetime(2024, 1, 1, tzinfo=UTC)


def bars(first_day: int, opens: list[float], closes: list[float]) -> pl.DataFrame:
    times = [START + timedelta(days=first_day, hours=12 * k) for k in range(len(opens))]
    return pl.DataFrame({"open_time": times, "open": opens, "close": closes})


def test_equal_parts_from_each_first_open() -> None:
    held = buy_and_hold(
        {"A": bars(0, [10, 11, 12, 13], [11, 12, 13, 15]), "B": bars(1, [100], [50])},
        START,
        START + timedelta(days=2),
    )
    assert held["growth"].to_list() == pytest.approx([(1.2 + 1) / 2, (1.5 + 0.5) / 2])


def test_only_the_span_counts() -> None:
    held = buy_and_hold(
        {"A": bars(0, [10, 11, 12, 13], [11, 12, 13, 15])},
        START + timedelta(days=1),
        START + timedelta(days=9),
    )
    assert held["growth"].to_list() == pytest.approx([15 / 12])
    with pytest.raises(MissingData):
        buy_and_hold({"A": bars(0, [10], [11])}, START + timedelta(days=5), START + timedelta(days=9))
