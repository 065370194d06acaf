"""Features that come a day or a bar at a time are those of one cold build, to the last bit, through the real lake."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from assets.feature_months import made_now, wanted
from assets.increments import made_from, outdated, remember, stale
from assets.pinned import pinned
from pipelines.errors import BadData
from pipelines.features import compute, feature_set
from pipelines.features.continued import continued, reach
from pipelines.market.schemas import FUNDING
from resources.lake import Lake
from tests.assets.world import World
from tests.pipelines.features.test_laws import makers

KEYS = {"symbol": "BTC-USD", "timeframe": "1m"}
NAMES = feature_set("v5").names
SETS = ("v5", "meta12", "intraday12")
STORED = wanted("1m", SETS, ())  # also those that remember thirty days
START = datetime(2024, 1, 1, tzinfo=UTC)
ROWS, RESTARTS = 100_000, 200  # 69 days: January, February and the first days of March


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    whole: pl.DataFrame = makers.bars(ROWS, seed=11, gaps=(40_000, 60_001))
    return whole


def materialise(lake: Lake, world: World, keys: Mapping[str, str] = KEYS) -> tuple[int, tuple[str, ...]]:
    """What the asset does, without its checks: rows made, and months rewritten."""
    made = made_now(lake, world.settings, keys)
    receipt = lake.replace_months("features", made.frame, keys, since=made.stale.since)
    remember(lake, keys, made.stale, receipt)
    return made.frame.height, receipt.changed


def test_a_session_killed_at_200_random_rows_goes_on_with_the_same_bits(
    tmp_path_factory: pytest.TempPathFactory, bars: pl.DataFrame
) -> None:
    """Nothing survives a restart but the lake: a new handle reads the bars within reach, and the next bar comes."""
    root = tmp_path_factory.mktemp("lake")
    Lake(root).replace_months("bars", bars, KEYS)
    whole = compute(bars, "1m", NAMES)
    for row in np.random.default_rng(3).choice(np.arange(1, ROWS), RESTARTS, replace=False).tolist():
        opened = bars["open_time"][row]
        past = Lake(root).read("bars", KEYS, opened - reach(NAMES, "1m"), opened)
        made = continued(past, bars.slice(row, 1), "1m", NAMES)
        assert made.equals(whole.slice(row, 1)), f"row {row}"


def test_day_by_day_is_the_cold_build_and_costs_its_month(world: World, bars: pl.DataFrame) -> None:
    lake = world.lake
    at = bars["open_time"][0] + timedelta(days=57)  # 27 February
    lake.replace_months("bars", bars.filter(pl.col("open_time") < at), KEYS)
    rows, changed = materialise(lake, world)
    assert (rows, changed) == (lake.row_count("bars", KEYS), ("month=2024-01", "month=2024-02"))
    for day in range(1, 6):
        now = bars.filter(pl.col("open_time") < at + timedelta(days=day))
        lake.replace_months("bars", now, KEYS)
        rows, changed = materialise(lake, world)
        month = f"{now['open_time'][-1]:%Y-%m}"
        assert changed == (f"month={month}",)
        assert rows == now.filter(pl.col("open_time").dt.strftime("%Y-%m") == month).height
    assert lake.read("features", KEYS).equals(compute(now, "1m", STORED))


def test_what_is_made_again_and_what_is_not(world: World, bars: pl.DataFrame) -> None:
    """Nothing changed: the newest month. A price of January: everything after it. A killed run: as if it never was."""
    lake = world.lake
    lake.replace_months("bars", bars, KEYS)
    materialise(lake, world)
    newest = bars.filter(pl.col("open_time").dt.month() == 3).height
    assert materialise(lake, world) == (newest, ())
    last_of_january = bars.filter(pl.col("open_time").dt.month() == 1)["open_time"][-1]
    repaired = bars.with_columns(
        close=pl.when(pl.col("open_time") == last_of_january).then(pl.col("close") * 1.01).otherwise("close")
    )
    lake.replace_months("bars", repaired, KEYS)
    made = made_now(lake, world.settings, KEYS)  # … and killed here: nothing was written
    assert made.stale.since == bars["open_time"][0]
    # one price reaches 275 bars into February; March is as it was
    assert materialise(lake, world) == (ROWS, ("month=2024-01", "month=2024-02"))
    assert lake.read("features", KEYS).equals(compute(repaired, "1m", STORED))
    lake.replace("features_made_from", made_from(lake, KEYS).head(1), KEYS)  # killed before it was remembered
    assert materialise(lake, world)[1] == ()


def test_another_formula_makes_every_month_again(
    world: World, bars: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = world.lake
    lake.replace_months("bars", bars, KEYS)
    materialise(lake, world)
    monkeypatch.setattr("assets.increments.formulas", lambda: "another formula")
    assert materialise(lake, world) == (ROWS, ())


def test_months_without_bars_lose_their_features(world: World, bars: pl.DataFrame) -> None:
    lake = world.lake
    lake.replace_months("bars", bars, KEYS)
    materialise(lake, world)
    for part in (
        bars.filter(pl.col("open_time").dt.month() < 3),
        bars.filter(pl.col("open_time").dt.month() == 2),
    ):
        lake.replace_months("bars", part, KEYS)
        materialise(lake, world)
        assert lake.read("features", KEYS).equals(compute(part, "1m", STORED))


def test_features_that_somebody_changed_are_made_again(world: World, bars: pl.DataFrame) -> None:
    lake = world.lake
    lake.replace_months("bars", bars, KEYS)
    materialise(lake, world)
    lake.replace_months("features", lake.read("features", KEYS).with_columns(rsi_14=pl.lit(50.0)), KEYS)
    materialise(lake, world)
    assert lake.read("features", KEYS).equals(compute(bars, "1m", STORED))


def test_bars_that_change_while_features_are_made_are_not_what_they_were_made_of(
    world: World, bars: pl.DataFrame
) -> None:
    """The run read the old bars: it says so, nothing trains on the pair, and the next run makes them again."""
    lake = world.lake
    lake.replace_months("bars", bars, KEYS)
    made = made_now(lake, world.settings, KEYS)
    dearer = bars.with_columns(pl.col("open", "high", "low", "close") * 2)
    lake.replace_months("bars", dearer, KEYS)
    remember(
        lake, KEYS, made.stale, lake.replace_months("features", made.frame, KEYS, since=made.stale.since)
    )
    assert outdated(lake, KEYS) == ["2024-01", "2024-02", "2024-03"]
    materialise(lake, world)
    assert outdated(lake, KEYS) == []
    assert lake.read("features", KEYS)["close"].equals(dearer["close"])


def test_two_runs_at_once_leave_nothing_that_is_believed_wrongly(world: World, bars: pl.DataFrame) -> None:
    """The older run commits between the two steps of the newer one; and a month of bars goes in the meantime."""
    lake = world.lake
    lake.replace_months("bars", bars, KEYS)
    materialise(lake, world)
    lake.replace_months("bars", bars.with_columns(pl.col("close") * 1.5, high=pl.col("high") * 1.5), KEYS)
    first = made_now(lake, world.settings, KEYS)
    lake.replace_months("bars", bars.filter(pl.col("open_time").dt.month() < 3), KEYS)
    second = made_now(lake, world.settings, KEYS)
    one = lake.replace_months("features", first.frame, KEYS, since=first.stale.since)
    two = lake.replace_months("features", second.frame, KEYS, since=second.stale.since)
    remember(lake, KEYS, second.stale, two)
    remember(lake, KEYS, first.stale, one)
    assert outdated(lake, KEYS)
    materialise(lake, world)
    assert outdated(lake, KEYS) == []
    kept = bars.filter(pl.col("open_time").dt.month() < 3)
    assert lake.read("features", KEYS).equals(compute(kept, "1m", STORED))


def test_a_rate_that_is_stamped_just_after_midnight_belongs_to_the_month_before_too(world: World) -> None:
    """The last bar of January waits three seconds: what is stamped 00:00:00.5 is known to it, also a run later."""
    lake, hours = world.lake, {"symbol": "BTC-USD", "timeframe": "1h"}
    bars = makers.bars(1_000, "1h", seed=2)
    lake.replace_months("bars", bars, hours)
    stamps = [datetime(2024, 1, 31, hour, tzinfo=UTC) for hour in (20, 21, 22, 23)]
    late = datetime(2024, 2, 1, 0, 0, 0, 500_000, tzinfo=UTC)
    rates = pl.DataFrame(
        {"time": [*stamps, late], "rate": [1e-5, 2e-5, 3e-5, 4e-5, 5e-5], "period_hours": 1.0}
    )
    for known in (rates.head(4), rates):
        lake.replace_months(
            "funding", known.with_columns(pl.col("time").cast(FUNDING["time"])), {"symbol": "BTC-USD"}
        )
        materialise(lake, world, hours)
    at = lake.read("features", hours).filter(pl.col("open_time") == datetime(2024, 1, 31, 23, tzinfo=UTC))
    assert at["funding_rate"].to_list() == pytest.approx([0.5])


def test_features_of_older_formulas_are_not_trained_on(
    world: World, bars: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.lake.replace_months("bars", bars.head(3_000), KEYS)
    materialise(world.lake, world)
    assert pinned(world.lake, KEYS, "always").features.height == 3_000
    monkeypatch.setattr("assets.increments.formulas", lambda: "another formula")
    with pytest.raises(
        BadData, match=r"by the formulas as they are, found others, .* in 2024-01; materialize"
    ):
        pinned(world.lake, KEYS, "always")


def test_another_calendar_is_another_input(world: World, bars: pl.DataFrame) -> None:
    lake = world.lake
    lake.replace_months("bars", bars, KEYS)
    materialise(lake, world)
    told = stale(lake, KEYS, STORED, {"sessions": (None, "open")})
    sessions = pl.DataFrame({"open": [START], "close": [START + timedelta(hours=8)]})
    other = stale(lake, KEYS, STORED, {"sessions": (sessions, "open")})
    assert (told.since.month, other.since) == (3, START)
