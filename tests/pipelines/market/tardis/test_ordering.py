"""Exchange times never fall in the order of arrival, and a removed level does not come back."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipelines.market.schemas import ORDER_BOOK
from pipelines.market.tardis.ordering import AHEAD, Ordering

START = datetime(2026, 3, 1, tzinfo=UTC)
MS = timedelta(milliseconds=1)


def book(times: list[int], locals_: list[int] | None = None) -> pl.DataFrame:
    """One state a moment (milliseconds after START), with its number as the best bid; a local time 5 ms later."""
    local = locals_ if locals_ is not None else [max(times[: n + 1]) + 5 for n in range(len(times))]
    frame = pl.DataFrame(
        {
            "time": [START + MS * at for at in times],
            "local_time": [START + MS * at for at in local],
            "bid_price_1": [float(n) for n in range(len(times))],
        },
        schema={name: ORDER_BOOK[name] for name in ("time", "local_time", "bid_price_1")},
    )
    none = [
        pl.lit(None, dtype).alias(name) for name, dtype in ORDER_BOOK.items() if name not in frame.columns
    ]
    return frame.with_columns(none).select(list(ORDER_BOOK))


TIMES = st.lists(st.integers(0, 2_000), max_size=30)


@given(TIMES, st.lists(st.integers(0, 30), max_size=4))
def test_times_never_fall_and_rise_only_to_the_latest_one_however_the_rows_are_cut(
    times: list[int], cuts: list[int]
) -> None:
    rows, ordering = book(times), Ordering()
    edges = sorted({0, *(min(cut, len(times)) for cut in cuts), len(times)})
    stamped = pl.concat([rows.clear(), *(ordering.stamped(rows[a:b]) for a, b in pairwise(edges))])
    expected = [START + MS * max(times[: n + 1]) for n in range(len(times))]
    assert stamped["time"].to_list() == expected
    assert stamped.drop("time").equals(rows.drop("time"))


@given(TIMES)
def test_times_that_do_not_fall_stay(times: list[int]) -> None:
    rows = book(sorted(times))
    assert Ordering().stamped(rows).equals(rows)


def test_a_stamp_far_ahead_of_the_recorders_clock_moves_no_other_state() -> None:
    far = AHEAD // MS + 100
    rows = book([0, far, 10, 20], [5, 6, 15, 25])
    stamped = Ordering().stamped(rows)
    assert [(time - START) // MS for time in stamped["time"]] == [0, 0, 10, 20]


def test_a_recorder_that_is_minutes_behind_judges_nothing() -> None:
    behind = AHEAD // MS * 3
    rows = book([behind, behind + 10, behind + 5], [0, 10, 20])
    assert Ordering().stamped(rows).equals(rows)
