"""When a recorder's clock may judge lateness: it runs neither behind the exchange nor far ahead of it."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from pipelines.market.quality import QualityLimits
from pipelines.market.recorder_clock import CLOCK_SECONDS, median_delay, trusts_local_time
from pipelines.market.schemas import TRADES

START = datetime(2026, 3, 2, tzinfo=UTC)


def trades(*delays: float | None) -> pl.DataFrame:
    rows = [
        (START, None if delay is None else START + timedelta(seconds=delay), n, 1, 100.0, 1.0)
        for n, delay in enumerate(delays)
    ]
    return pl.DataFrame(rows, schema=TRADES, orient="row")


@pytest.mark.parametrize(
    ("delays", "trusted"),
    [
        ((0.1, 0.2, 90.0), True),
        ((0.0,), True),
        ((2.0,), True),
        ((2.000001,), False),
        ((5.0, 5.0, 0.1), False),
        ((-0.001,), False),
        ((-1.52, -1.5), False),
        ((None, 0.3), True),
        ((None, None), True),
        ((), True),
    ],
)
def test_the_median_tells(delays: tuple[float | None, ...], trusted: bool) -> None:
    assert trusts_local_time(trades(*delays)) is trusted
    assert trusts_local_time(trades(0.1), trades(*delays)) is trusted


def test_the_limit_is_that_of_the_finding_and_may_be_another() -> None:
    assert QualityLimits().clock_seconds == CLOCK_SECONDS
    assert trusts_local_time(trades(5.0), most=6.0)
    assert not trusts_local_time(trades(-0.1), most=6.0)
    assert median_delay(trades(5.0, 5.0, 9.0)) == 5.0
