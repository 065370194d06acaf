"""What starts by itself, tick by tick on the real definitions: each change once, and never past a failed check.

The events of the inputs come from doubles that compute nothing; the assets themselves have their own tests.
"""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from pipelines.errors import BadData
from schedules import research
from tests.assets.world import SILENT, UNIVERSE, World, toml

DERIVED = ("minute_bars", "bars", "data_quality", "breadth", "features", "feature_report", "sequences")
CHECK_OF = {"bars": "is_consistent", "data_quality": "gaps", "features": "is_finite"}
BTC, ETH = "BTC-USD", "ETH-USD"


class Automation:
    """The automation sensor's evaluations, with its cursor kept between ticks."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cursor = None
        self.breadth: set[str] = (
            set()
        )  # timeframes whose breadth the last tick requested: told apart, as it follows all
        assert self.tick() == set()  # an empty world starts nothing

    def tick(self) -> set[str]:
        """`asset partition` of everything requested on this tick."""
        result = dg.evaluate_automation_conditions(
            self.world.research,
            self.world.instance,
            cursor=self.cursor,
            asset_selection=dg.AssetSelection.all(),
        )
        self.cursor = result.cursor
        found = {
            f"{name} {p}" for name in DERIVED for p in result.get_requested_partitions(dg.AssetKey(name))
        }
        assert len(found) == result.total_requested  # nothing but the derived assets starts by itself
        self.breadth = {one.split()[1] for one in found if one.startswith("breadth")}
        return {one for one in found if not one.startswith("breadth")}

    def arrives(self, asset: str, *partitions: str, passed: bool = True) -> None:
        """A materialisation of each partition, by a run with the outcome of its blocking check if it has one."""
        for partition in partitions:
            if asset in CHECK_OF:
                run = dg.materialize(
                    [double(self.world.research, asset, passed)],
                    partition_key=partition,
                    instance=self.world.instance,
                    run_config=SILENT,
                    raise_on_error=False,
                )
                assert run.success is passed
            else:
                event = dg.AssetMaterialization(asset, partition=partition)
                self.world.instance.report_runless_asset_event(event)

    def bars(self, *partitions: str) -> set[str]:
        """Sound bars arrive, their quality is asked for by itself and is found good; what else was requested."""
        self.arrives("bars", *partitions)
        requested = self.tick()
        assert requested >= {f"data_quality {partition}" for partition in partitions}
        self.arrives("data_quality", *partitions)
        return requested - {f"data_quality {partition}" for partition in partitions}


def double(defs: dg.Definitions, asset: str, passed: bool) -> dg.AssetsDefinition:
    """An asset of that name, partitions and blocking check that computes nothing; refused, it is not materialised."""
    partitions = defs.resolve_asset_graph().get(dg.AssetKey(asset)).partitions_def
    check = dg.AssetCheckSpec(CHECK_OF[asset], asset=asset, blocking=True, partitions_def=partitions)

    @dg.asset(name=asset, partitions_def=partitions, check_specs=[check])
    def made() -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
        if not passed:
            yield dg.AssetCheckResult(passed=False)
            raise BadData("refused")
        yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])

    return made


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def four_days() -> str:
    return UNIVERSE.replace("end = 2026-01-04", "end = 2026-01-05")


@pytest.fixture
def world(tmp_path: Path, instance: dg.DagsterInstance) -> World:
    return World(tmp_path, instance, toml((BTC, ETH), universe=four_days()))


@pytest.fixture
def automation(world: World) -> Automation:
    return Automation(world)


def test_sound_bars_release_their_features_once_and_no_funding_is_needed(automation: Automation) -> None:
    automation.bars(f"{BTC}|1m")
    assert automation.tick() == {f"features {BTC}|1m"}
    assert automation.tick() == set()
    automation.arrives("features", f"{BTC}|1m")
    assert automation.tick() == {f"sequences {BTC}|seq300", f"feature_report {BTC}|1m"}
    assert automation.tick() == set()


def test_a_blocking_finding_holds_the_features_until_it_is_gone(automation: Automation) -> None:
    automation.arrives("bars", f"{BTC}|1m")
    assert automation.tick() == {f"data_quality {BTC}|1m"}
    automation.arrives("data_quality", f"{BTC}|1m", passed=False)
    automation.arrives("funding", BTC)
    assert automation.tick() == set()
    automation.arrives("data_quality", f"{BTC}|1m")
    assert automation.tick() == {f"features {BTC}|1m"}


def test_longer_bars_also_reach_the_features_of_shorter_ones(automation: Automation) -> None:
    automation.bars(f"{BTC}|1m", f"{BTC}|1h")
    assert automation.tick() == {f"features {BTC}|1h", f"features {BTC}|1m"}
    automation.arrives("features", f"{BTC}|1m", f"{BTC}|1h")
    automation.arrives("bars", f"{BTC}|1h")
    assert automation.tick() >= {f"data_quality {BTC}|1h"}
    automation.arrives("data_quality", f"{BTC}|1h")
    assert automation.tick() >= {f"features {BTC}|1h"}


def test_bars_that_change_again_release_their_features_again(automation: Automation) -> None:
    for _ in range(2):
        automation.bars(f"{BTC}|1m")
        assert automation.tick() == {f"features {BTC}|1m"}
        automation.arrives("features", f"{BTC}|1m")
        assert automation.tick() == {f"sequences {BTC}|seq300", f"feature_report {BTC}|1m"}
        automation.arrives("sequences", f"{BTC}|seq300")
        assert automation.tick() == set()


def test_the_report_waits_for_the_features_of_the_new_bars(automation: Automation) -> None:
    """It reads both. Bars that are newer than their features would be a red run."""
    for _ in range(2):
        assert automation.bars(f"{BTC}|1m") == set()
        assert automation.tick() == {f"features {BTC}|1m"}
        automation.arrives("features", f"{BTC}|1m")
        assert f"feature_report {BTC}|1m" in automation.tick()
        automation.arrives("feature_report", f"{BTC}|1m")
        assert automation.tick() == set()


def test_a_failed_check_releases_nothing_until_the_bars_are_repaired(automation: Automation) -> None:
    automation.arrives("bars", f"{BTC}|1m", passed=False)
    assert automation.tick() == set()
    assert automation.tick() == set()
    automation.bars(f"{BTC}|1m")
    assert automation.tick() == {f"features {BTC}|1m"}
    assert automation.tick() == set()


def test_sound_old_bars_are_held_when_new_ones_were_refused(automation: Automation) -> None:
    """The lake keeps the old bars; still nothing starts from them until their inputs are repaired."""
    automation.bars(f"{BTC}|1m")
    assert automation.tick() == {f"features {BTC}|1m"}
    automation.arrives("features", f"{BTC}|1m")
    automation.tick()
    automation.arrives("bars", f"{BTC}|1m", passed=False)
    automation.arrives("funding", BTC)
    assert automation.tick() == set()
    automation.bars(f"{BTC}|1m")
    assert automation.tick() == {f"features {BTC}|1m"}


def test_good_data_of_another_partition_does_not_release_bad_data(automation: Automation) -> None:
    """Features 1m also read bars 1h. Asking whether *all* checks passed finds the good hour and is content."""
    automation.arrives("bars", f"{BTC}|1m", passed=False)
    automation.bars(f"{BTC}|1h", f"{ETH}|1m", f"{ETH}|1h")
    assert automation.tick() == {f"features {BTC}|1h", f"features {ETH}|1m", f"features {ETH}|1h"}
    automation.bars(f"{ETH}|1m", f"{ETH}|1h")
    automation.arrives("funding", BTC)
    assert f"features {BTC}|1m" not in automation.tick() | automation.tick()


def test_features_that_are_not_finite_release_no_sequences(automation: Automation) -> None:
    automation.arrives("features", f"{BTC}|1m", passed=False)
    automation.arrives("features", f"{ETH}|1m", f"{BTC}|1h")
    assert automation.tick() == {
        *(f"sequences {ETH}|seq300", f"sequences {BTC}|seq500h"),
        *(f"feature_report {ETH}|1m", f"feature_report {BTC}|1h"),
    }


def test_funding_before_any_bars_starts_nothing(automation: Automation) -> None:
    """Features without bars would be a red run that says so."""
    automation.arrives("funding", BTC)
    assert automation.tick() == set()
    automation.bars(f"{BTC}|1m")
    assert automation.tick() == {f"features {BTC}|1m"}


def test_candles_alone_flow_to_bars_without_a_single_tick(automation: Automation) -> None:
    """Minute candles feed every timeframe, hourly ones their own. Features follow when the bars are there."""
    automation.arrives("candles", f"{BTC}|1m")
    assert automation.tick() == {f"bars {BTC}|1m", f"bars {BTC}|1h"}
    assert automation.tick() == set()
    automation.bars(f"{BTC}|1m", f"{BTC}|1h")
    assert automation.tick() == {f"features {BTC}|1m", f"features {BTC}|1h"}
    automation.arrives("candles", f"{ETH}|1h")
    assert automation.tick() == {f"bars {ETH}|1h"}


def test_half_of_the_days_of_minute_bars_flow(automation: Automation) -> None:
    """Two of four days: the other two may never come."""
    automation.arrives("minute_bars", *(f"2026-01-0{day}|synthetic.{BTC}" for day in (1, 3)))
    assert automation.tick() == {f"bars {BTC}|1m", f"bars {BTC}|1h"}
    assert automation.tick() == set()


def test_after_a_new_candle_the_features_wait_for_the_check_of_the_new_bars(automation: Automation) -> None:
    """The old bars had passed, and that counts for nothing: features are not requested beside the bars."""
    automation.bars(f"{BTC}|1m")
    automation.tick()
    automation.arrives("features", f"{BTC}|1m")
    automation.tick()
    automation.arrives("candles", f"{BTC}|1m")
    assert automation.tick() == {f"bars {BTC}|1m", f"bars {BTC}|1h"}
    automation.arrives("bars", f"{BTC}|1m", passed=False)
    assert automation.tick() == set()
    automation.bars(f"{BTC}|1m")
    assert automation.tick() == {f"features {BTC}|1m"}


def test_breadth_follows_the_verdict_on_any_symbol_and_features_of_all_follow_it(
    automation: Automation,
) -> None:
    """Never beside the bars or their judge, once a verdict, and whatever that says: bad bars are left out of it."""
    for _ in range(2):
        automation.bars(f"{BTC}|1m")
        assert automation.breadth == set(), "the bars are not judged yet"
        assert (automation.tick(), automation.breadth) == ({f"features {BTC}|1m"}, {"1m"})
        automation.arrives("features", f"{BTC}|1m")
        assert f"features {BTC}|1m" not in automation.tick()
        automation.arrives("breadth", "1m")
        assert (automation.tick(), automation.breadth) == ({f"features {BTC}|1m"}, set())
        automation.arrives("features", f"{BTC}|1m")
        automation.tick()
    automation.arrives("bars", f"{ETH}|1m")
    automation.tick()
    automation.arrives("data_quality", f"{ETH}|1m", passed=False)
    assert automation.tick() == set()


def test_a_verdict_between_two_ticks_is_not_lost(automation: Automation) -> None:
    """The judge is quicker than the sensor, round after round: features are requested on the tick after it, once."""
    for _ in range(3):
        automation.arrives("bars", f"{BTC}|1m")
        assert automation.tick() == {f"data_quality {BTC}|1m"}
        automation.arrives("data_quality", f"{BTC}|1m")
        assert (automation.tick(), automation.breadth) == ({f"features {BTC}|1m"}, {"1m"})
        automation.arrives("features", f"{BTC}|1m")
        assert automation.tick() >= {f"feature_report {BTC}|1m"}
        assert (automation.tick(), automation.breadth) == (set(), set())


@pytest.mark.parametrize("reason", [("funding", BTC), ("breadth", "1m")])
def test_a_reason_that_comes_with_new_bars_is_not_spent_beside_their_judge(
    automation: Automation, reason: tuple[str, str]
) -> None:
    """Features requested on that tick would be refused, and the verdict that lands before the next one be lost."""
    for _ in range(2):
        automation.arrives(*reason)
        automation.arrives("bars", f"{BTC}|1m")
        assert automation.tick() == {f"data_quality {BTC}|1m"}
        automation.arrives("data_quality", f"{BTC}|1m")
        assert automation.tick() == {f"features {BTC}|1m"}
        automation.arrives("features", f"{BTC}|1m")
        automation.tick()


def test_hours_release_the_minutes_that_read_them_and_wait_for_minutes_to_be_there(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    universe = four_days() + 'feature_sets = ["v5", "hours"]\n'
    automation = Automation(World(tmp_path, instance, toml((BTC, ETH), universe=universe)))
    automation.bars(f"{BTC}|1h")
    assert automation.tick() == {f"features {BTC}|1h"}, "there are no minutes yet"
    automation.arrives("features", f"{BTC}|1h")
    automation.tick()
    for _ in range(2):
        automation.bars(f"{BTC}|1m")
        assert automation.tick() == {f"features {BTC}|1m"}
        automation.arrives("features", f"{BTC}|1m")
        automation.tick()
        automation.bars(f"{BTC}|1h")
        assert automation.tick() == {f"features {BTC}|1h", f"features {BTC}|1m"}
        automation.arrives("features", f"{BTC}|1h", f"{BTC}|1m")
        automation.tick()
    automation.arrives("bars", f"{BTC}|1h")
    automation.tick()
    automation.arrives("data_quality", f"{BTC}|1h", passed=False)
    automation.arrives("funding", BTC)
    assert automation.tick() == set(), "an hour that was found bad holds the minutes that read it"


def days_of(symbol: str, *days: int) -> list[str]:
    return [f"2026-01-0{day}|synthetic.{symbol}" for day in days]


@pytest.mark.parametrize("asset", ["trades", "order_book"])
def test_a_day_that_is_read_again_makes_its_minute_bars_and_those_of_the_day_after_again(
    automation: Automation, asset: str
) -> None:
    """Day 3 begins with the last 61 minutes of day 2; neither is the newest day."""
    for each in ("trades", "order_book", "minute_bars"):
        automation.arrives(each, *days_of(BTC, 1, 2, 3, 4))
    assert automation.tick() == {f"bars {BTC}|1m", f"bars {BTC}|1h"}
    automation.arrives(asset, *days_of(BTC, 2))
    requested = {f"minute_bars {day}" for day in days_of(BTC, 2, 3)}
    assert {one for one in automation.tick() if one.startswith("minute_bars")} == requested
    automation.arrives("minute_bars", *days_of(BTC, 2, 3))
    assert automation.tick() == {f"bars {BTC}|1m", f"bars {BTC}|1h"}
    assert automation.tick() == set()


def test_days_that_are_read_for_the_first_time_leave_their_minute_bars_to_the_job(
    automation: Automation,
) -> None:
    """The day after the last read one has its day before and no ticks of its own: a run of it would be red."""
    automation.arrives("trades", *days_of(BTC, 1, 2))
    assert automation.tick() == set()


def test_a_range_of_one_run_is_not_requested_again(world: World) -> None:
    """Three days of four in one run: it made the minute bars itself, and there are none of the fourth."""
    automation = Automation(world)
    assert world.run("ingest_ticks", days_of(BTC, 1)[0], days_of(BTC, 3)[0]).success
    assert automation.tick() == {f"bars {BTC}|1m", f"bars {BTC}|1h"}
    assert world.run("ingest_ticks", days_of(BTC, 1)[0], days_of(BTC, 1)[0]).success
    assert {one for one in automation.tick() if one.startswith("minute_bars")} == {
        f"minute_bars {day}" for day in days_of(BTC, 2)
    }


def test_training_and_promotion_never_start_by_themselves(world: World) -> None:
    graph = world.research.resolve_asset_graph()
    conditioned = {
        k.to_user_string() for k in graph.materializable_asset_keys if graph.get(k).automation_condition
    }
    assert conditioned == set(DERIVED)


def test_the_sensor_that_evaluates_them_runs_from_the_start() -> None:
    (sensor,) = (
        s for s in research.defs.sensors or () if isinstance(s, dg.AutomationConditionSensorDefinition)
    )
    assert sensor.name == "automation"
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
