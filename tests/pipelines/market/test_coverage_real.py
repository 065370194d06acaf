"""coverage on real files: the unknown minutes are those that the data's README counts, in its longest runs."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from pipelines.market.assembly import assemble
from pipelines.market.coverage import adds_up, coverage, longest_unknown, missing_spans, totals, unknown_share
from pipelines.market.schemas import EVIDENCE, MINUTE_BARS, UTC_US

SPAN = (datetime(2018, 1, 1, tzinfo=UTC), datetime(2018, 7, 1, tzinfo=UTC))
SAID = pl.DataFrame(schema=EVIDENCE)


@pytest.mark.real
@pytest.mark.parametrize(
    ("symbol", "missing", "longest"),
    [("BTCUSD", 859, 67), ("ETHUSD", 2461, 83), ("LTCUSD", 20975, 181), ("XRPUSD", 10375, 181)],
)
def test_the_missing_minutes_of_bitfinex_are_unknown_and_nothing_else(
    real_data: Path, symbol: str, missing: int, longest: int
) -> None:
    path = real_data / "unlicensed" / "bitfinex_1m" / f"bitfinex_{symbol}_1m_2018H1.parquet"
    candles = pl.read_parquet(path).with_columns(pl.col("open_time").cast(UTC_US))
    bars = assemble(pl.DataFrame(schema=MINUTE_BARS), candles, candles, "1m")
    ledger = coverage(SPAN, bars, SAID, "1m")
    assert totals(ledger) == {
        "present": 181 * 1440 - missing, "verified-empty": 0, "unknown": missing, "venue-down": 0,
    }  # fmt: skip
    assert longest_unknown(ledger, 1)["bars"].to_list() == [longest]
    assert unknown_share(ledger).unknown == missing
    assert adds_up(ledger, bars, 181 * 1440) == ()
    asked = missing_spans(SPAN, candles, SAID, "1m")
    assert sum((end - start).total_seconds() for start, end in asked) == 60 * missing
