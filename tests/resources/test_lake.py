"""Laws of the lake: what is written comes back, only changes are written, hashes name content."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.errors import BadData, MissingData
from pipelines.market.schemas import TRADES, UTC_US
from resources.lake import Lake
from resources.lake.content import canonical, content_hash

START = datetime(2025, 1, 30, tzinfo=UTC)
KEYS = {"symbol": "BTC-USD", "timeframe": "1h"}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def hours(count: int, start: datetime = START, value: float = 0.0) -> pl.DataFrame:
    times = [start + timedelta(hours=hour) for hour in range(count)]
    return pl.DataFrame({"open_time": times, "close": [value + i for i in range(count)]}).with_columns(
        pl.col("open_time").cast(UTC_US)
    )


def trades(day: date, count: int = 3) -> pl.DataFrame:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    rows = [
        (start + timedelta(microseconds=7 * i + 1), None, 10 - i, 1 if i % 2 else -1, 0.1 + i, 1e-8)
        for i in range(count)
    ]
    return pl.DataFrame(rows, schema=TRADES, orient="row")


values = st.one_of(st.none(), st.floats(), st.sampled_from([0.0, -0.0, float("nan"), 5e-324, 1e308]))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 90 * 86400 * 10**6),
            values,
            st.one_of(st.none(), st.text(max_size=4)),
            st.one_of(st.none(), st.booleans()),
            st.one_of(st.none(), st.integers(-128, 127)),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_what_is_written_comes_back_with_the_hash_of_the_receipt(
    rows: list[tuple[object, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    schema = {"open_time": UTC_US, "x": pl.Float64, "text": pl.String, "flag": pl.Boolean, "side": pl.Int8}
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        pl.from_epoch(pl.col("open_time").to_physical() + 1_700_000_000_000_000, time_unit="us")
        .dt.replace_time_zone("UTC")
        .alias("open_time")
    )
    receipt = lake.replace_months("t", frame, KEYS)
    back = lake.read("t", KEYS)
    assert content_hash(back) == content_hash(canonical(frame, "t"))
    assert back.schema == frame.schema
    assert receipt.rows == back.height == lake.row_count("t", KEYS)
    assert (receipt.first, receipt.last) == (back["open_time"][0], back["open_time"][-1])
    again = lake.replace_months("t", back.sample(fraction=1.0, shuffle=True, seed=1).sort("open_time"), KEYS)
    if frame["open_time"].is_unique().all():  # ties keep their given order, which the shuffle lost
        assert again.changed == ()
        assert (again.sha256, again.version) == (receipt.sha256, receipt.version)


def test_replacing_one_partition_leaves_every_other_as_it_was(lake: Lake) -> None:
    days = [date(2026, 3, 1), date(2026, 3, 2)]
    for market in ("coinbase.BTC-USD", "kraken.BTC-USD"):
        lake.replace_many("trades", {day: trades(day) for day in days}, {"market": market})
    before = lake.read("trades", {"market": "kraken.BTC-USD"})
    receipt = lake.replace("trades", trades(days[1], 5), {"market": "coinbase.BTC-USD", "date": days[1]})
    assert receipt.changed == ("date=2026-03-02",)
    assert receipt.rows == 5
    assert lake.read("trades", {"market": "kraken.BTC-USD"}).equals(before)
    assert lake.read("trades", {"market": "coinbase.BTC-USD", "date": days[0]}).height == 3
    assert lake.dates("trades", "coinbase.BTC-USD") == days
    assert lake.read("trades", {"market": "coinbase.BTC-USD"})["time"].is_sorted()


def test_a_range_of_days_is_one_commit(lake: Lake) -> None:
    days = [date(2026, 2, 27) + timedelta(days=i) for i in range(4)]
    first = lake.replace_many("trades", {day: trades(day) for day in days}, {"market": "a.B-C"})
    frames = {day: trades(day, 4) for day in days[1:]} | {days[0]: trades(days[0])}
    second = lake.replace_many("trades", frames, {"market": "a.B-C"})
    assert second.version == first.version + 1
    assert second.changed == tuple(f"date={day}" for day in days[1:])
    assert second.rows == 15


def test_only_months_whose_content_changed_are_written(lake: Lake) -> None:
    first = lake.replace_months("bars", hours(80), KEYS)
    assert first.changed == ("month=2025-01", "month=2025-02")
    longer = lake.replace_months("bars", hours(100), KEYS)
    assert longer.changed == ("month=2025-02",)
    assert lake.replace_months("bars", hours(100), KEYS).changed == ()
    assert lake.version("bars") == longer.version
    tail = hours(120).filter(pl.col("open_time") >= datetime(2025, 2, 1, tzinfo=UTC))
    grown = lake.replace_months("bars", tail, KEYS, since=datetime(2025, 2, 3, tzinfo=UTC))
    assert (grown.changed, grown.rows) == (("month=2025-02",), 120)
    assert grown.sha256 == lake.replace_months("bars", hours(120), KEYS).sha256  # cold build = increments
    shorter = lake.replace_months("bars", hours(48), KEYS)
    assert (shorter.changed, shorter.rows) == (("month=2025-02",), 48)


def test_an_old_version_still_reads_and_still_has_its_fingerprint(lake: Lake) -> None:
    first = lake.replace_months("bars", hours(30), KEYS)
    lake.replace_months("bars", hours(30, value=5.0), KEYS)
    assert lake.read("bars", KEYS, version=first.version)["close"][0] == 0.0
    assert lake.read("bars", KEYS)["close"][0] == 5.0
    old = lake.fingerprint("bars", KEYS, version=first.version)
    assert (old.sha256, old.rows, old.first) == (first.sha256, first.rows, first.first)
    assert lake.fingerprint("bars", KEYS).sha256 != first.sha256


@given(st.integers(-5, 110), st.integers(-5, 110))
@settings(max_examples=25, deadline=None)
def test_a_span_read_is_the_filter_of_a_whole_read(
    bars_lake: tuple[Lake, pl.DataFrame], start: int, length: int
) -> None:
    lake, frame = bars_lake
    low, high = START + timedelta(hours=start), START + timedelta(hours=start + length)
    expected = frame.filter((pl.col("open_time") >= low) & (pl.col("open_time") < high))
    assert lake.read("bars", KEYS, start=low, end=high).equals(expected)
    assert lake.read("bars", KEYS, low, high, columns=["close"]).equals(expected.select("close"))
    east = timezone(timedelta(hours=9))
    assert lake.read("bars", KEYS, low.astimezone(east), high.astimezone(east)).equals(expected)


@pytest.fixture(scope="module")
def bars_lake(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, pl.DataFrame]:
    lake = Lake(tmp_path_factory.mktemp("bars"))
    lake.replace_months("bars", hours(100), KEYS)
    return lake, hours(100)


def test_keys_left_open_come_back_as_columns(lake: Lake) -> None:
    lake.replace_months("bars", hours(2), KEYS)
    lake.replace_months("bars", hours(3), {"symbol": "ETH-USD", "timeframe": "1h"})
    both = lake.read("bars", {"timeframe": "1h"})
    assert both.columns == ["open_time", "close", "symbol"]
    assert sorted(both["symbol"].to_list()) == ["BTC-USD"] * 2 + ["ETH-USD"] * 3
    assert both["open_time"].is_sorted()


def test_a_new_column_joins_the_table_and_is_null_elsewhere(lake: Lake) -> None:
    lake.replace_months("bars", hours(2), KEYS)
    lake.replace_months("bars", hours(2).with_columns(extra=1.5), {"symbol": "ETH-USD", "timeframe": "1h"})
    assert lake.read("bars", KEYS)["extra"].to_list() == [None, None]
    with pytest.raises(BadData, match="has type String: expected Float64"):
        lake.replace_months("bars", hours(2).with_columns(close=pl.lit("text")), KEYS)


def test_a_table_without_time_keeps_its_row_order(lake: Lake) -> None:
    rows = pl.DataFrame({"file": ["b", "a"], "line": [2, 1], "reason": ["x", "y"], "text": ["1", "2"]})
    keys = {"market": "a.B-C", "date": "2026-03-01"}
    lake.replace("quarantine", rows, keys)
    assert lake.read("quarantine", keys).equals(rows)
    gone = lake.replace("quarantine", rows.head(0), keys)
    assert (gone.rows, gone.changed, lake.exists("quarantine", keys)) == (0, ("date=2026-03-01",), False)
    empty = lake.replace("never", rows.head(0), keys)
    assert (empty.rows, lake.partitions("never"), lake.dates("never", "a.B-C")) == (0, [], [])


def test_what_is_missing_is_named_with_the_command_that_makes_it(lake: Lake) -> None:
    assert not lake.exists("trades", {"market": "a.B-C"})
    assert lake.version("trades") is None
    with pytest.raises(
        MissingData, match=r"'trades' has nothing for market=a.B-C.*--partition '2026-03-01\|a.B-C'"
    ):
        lake.read("trades", {"market": "a.B-C", "date": date(2026, 3, 1)})
    with pytest.raises(MissingData, match="materialised"):
        lake.fingerprint("trades", {"market": "a.B-C"})


@pytest.mark.parametrize(
    ("frame", "keys", "sentence"),
    [
        (hours(1).with_columns(pl.col("open_time").dt.replace_time_zone(None)), KEYS, "time-zone-aware"),
        (hours(1).with_columns(x=pl.lit(None)), KEYS, "has type Null"),
        (hours(1).drop("open_time"), KEYS, "have no time"),
        (hours(1), {"symbol": "A/B", "timeframe": "1h"}, "cannot name a folder"),
        (hours(1), {"symbol": "A'B", "timeframe": "1h"}, "cannot name a folder"),
        (hours(1).with_columns(symbol=pl.lit("ETH-USD")), KEYS, "differs from its partition"),
    ],
)
def test_what_the_lake_cannot_keep_is_refused(
    lake: Lake, frame: pl.DataFrame, keys: dict[str, str], sentence: str
) -> None:
    with pytest.raises(BadData, match=sentence):
        lake.replace_months("bars", frame, keys)
    assert lake.version("bars") is None


def test_rows_outside_their_day_are_refused(lake: Lake) -> None:
    with pytest.raises(BadData, match="expected rows of that UTC day"):
        lake.replace("trades", trades(date(2026, 3, 1)), {"market": "a.B-C", "date": "2026-03-02"})


def test_hash_of_a_known_frame_is_the_one_worked_out_by_hand() -> None:
    import hashlib
    import struct

    frame = pl.DataFrame({"b": [1.0, None], "a": ["x", "yz"]})
    by_hand = hashlib.sha256(
        b"rows=2|a:text" + struct.pack("<2I", 1, 2) + b"xyz|b:f64nulls\x00\x01" + struct.pack("<2d", 1.0, 0.0)
    ).hexdigest()
    assert content_hash(frame) == by_hand
