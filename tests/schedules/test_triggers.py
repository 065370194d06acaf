"""The weekly schedules, the paper schedule and the gate sensor: every partition once, every scorecard once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from pipelines.models.recipes import RECIPES
from pipelines.settings import parse
from schedules import gate_sensor, paper
from tests.assets.world import World, toml

MONDAY = datetime(2026, 3, 2, 3, tzinfo=UTC)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture
def world(tmp_path: Path, instance: dg.DagsterInstance) -> World:
    return World(tmp_path, instance, toml(("BTC-USD", "ETH-USD")))


def requested(world: World, schedule: str, at: datetime) -> list[dg.RunRequest]:
    """Run requests of a schedule of the research location on one tick."""
    found = world.research.resolve_schedule_def(schedule)
    context = dg.build_schedule_context(
        instance=world.instance,
        scheduled_execution_time=at,
        repository_def=world.research.get_repository_def(),
    )
    return list(found.evaluate_tick(context).run_requests or ())


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_weekly_schedule_asks_once_for_every_partition(world: World, recipe: str) -> None:
    first, again = (requested(world, f"weekly_{recipe}", MONDAY) for _ in range(2))
    job = world.research.resolve_job_def(f"retrain_{recipe}")
    assert job.partitions_def is not None
    assert sorted(str(r.partition_key) for r in first) == sorted(job.partitions_def.get_partition_keys())
    keys = [r.run_key for r in first]
    assert None not in keys
    assert len(set(keys)) == len(keys) > 1
    assert [r.run_key for r in again] == keys  # a key that was seen before launches nothing
    later = requested(world, f"weekly_{recipe}", MONDAY + timedelta(days=7))
    assert not {r.run_key for r in later} & set(keys)


def test_only_sessions_that_follow_are_launched_every_minute(tmp_path: Path) -> None:
    minute = datetime(2026, 3, 2, 3, 17, tzinfo=UTC)
    replaying = toml()
    following = replaying.replace('name = "main"', 'name = "main"\nmode = "follow"')
    found = []
    for text in (replaying, following):
        defs = paper.build_defs(parse(text, {}, "test"), root=tmp_path)
        context = dg.build_schedule_context(
            scheduled_execution_time=minute, repository_def=defs.get_repository_def()
        )
        found.append(defs.resolve_schedule_def("follow_bars").evaluate_tick(context))
    assert found[0].run_requests in (None, [])
    assert "every session in the settings replays" in str(found[0].skip_message)
    assert [(r.run_key, r.partition_key) for r in found[1].run_requests or ()] == [
        ("main/2026-03-02T03:17", "main")
    ]


HERE = gate_sensor.Here(
    dg.MultiPartitionsDefinition(
        {
            "symbol": dg.StaticPartitionsDefinition(["BTC-USD", "ETH-USD"]),
            "timeframe": dg.StaticPartitionsDefinition(["1m", "1h"]),
        }
    ),
    "world",
)


class Gate:
    """The gate sensor of boosted trees, with its cursor kept between evaluations."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.cursor: str | None = None

    def evaluate(self) -> dg.SensorResult:
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        result = gate_sensor.evaluate(context, "boosted_trees", HERE)
        self.cursor = result.cursor
        return result

    def judged(self, partition: str, sha256: str, promotable: bool, world: str = "world") -> None:
        """A scorecard is materialised."""
        self.instance.report_runless_asset_event(
            dg.AssetMaterialization(
                dg.AssetKey(["scorecard", "boosted_trees"]),
                partition=partition,
                metadata={
                    "scorecard_sha256": sha256,
                    "world": world,
                    "promotable": promotable,
                    "reasons": f"G1: why {sha256}",
                },
            )
        )


def keys(result: dg.SensorResult) -> list[tuple[str | None, str | None]]:
    return [(r.run_key, r.partition_key) for r in result.run_requests or ()]


def test_four_scorecards_between_two_ticks_are_four_evaluations(
    instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two of one partition: the newest event alone would lose one. Each refusal is one log line with its reasons."""
    gate = Gate(instance)
    assert keys(gate.evaluate()) == []
    gate.judged("BTC-USD|1m", "aa", True)
    gate.judged("ETH-USD|1m", "bb", False)
    gate.judged("BTC-USD|1m", "cc", True)
    gate.judged("BTC-USD|1h", "dd", False)
    result = gate.evaluate()
    assert keys(result) == [("aa", "BTC-USD|1m"), ("cc", "BTC-USD|1m")]
    logged = [line.split(" - ")[-1] for line in capfd.readouterr().err.splitlines()]
    assert logged == [
        "boosted_trees ETH-USD|1m is not promoted: G1: why bb",
        "boosted_trees BTC-USD|1h is not promoted: G1: why dd",
    ]
    second = gate.evaluate()
    assert keys(second) == []
    assert str(second.skip_reason.skip_message) == "no new scorecard"


def test_only_refusals_say_so(instance: dg.DagsterInstance) -> None:
    gate = Gate(instance)
    gate.judged("ETH-USD|1m", "bb", False)
    result = gate.evaluate()
    assert keys(result) == []
    assert result.skip_reason.skip_message == "1 new scorecards evaluated, none promotable"


def test_what_is_not_ours_is_passed_over_and_said(
    instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    gate = Gate(instance)
    gate.judged("DOGE-USD|1m", "aa", True)
    gate.judged("BTC-USD|1m", "bb", True, world="worlds/other")
    gate.judged("ETH-USD|1m", "cc", True)
    assert keys(gate.evaluate()) == [("cc", "ETH-USD|1m")]
    logged = [line.split(" - ")[-1] for line in capfd.readouterr().err.splitlines()]
    assert logged == [
        "boosted_trees DOGE-USD|1m is passed over: the settings have no such partition",
        "boosted_trees BTC-USD|1m is passed over: it belongs to world worlds/other, this is world",
    ]
    assert keys(gate.evaluate()) == []


@pytest.mark.parametrize(
    ("partition", "home"), [("DOGE-USD|1m", "world"), ("BTC-USD|1m", "worlds/other")], ids=["symbol", "world"]
)
def test_a_scorecard_of_another_world_does_not_stop_the_sensor(
    world: World, partition: str, home: str
) -> None:
    """Through the definition: a request for a partition it does not know fails the tick, and every later one."""
    gate = Gate(world.instance)
    gate.judged(partition, "aa", True, world=home)
    gate.judged("ETH-USD|1m", "bb", True)
    context = dg.build_sensor_context(
        instance=world.instance, repository_def=world.research.get_repository_def()
    )
    told = world.research.resolve_sensor_def("gate_boosted_trees").evaluate_tick(context)
    assert [r.run_key for r in told.run_requests or ()] == ["bb"]


def test_more_than_a_page_is_evaluated_page_by_page(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_sensor, "PAGE", 3)
    gate = Gate(instance)
    for number in range(7):
        gate.judged("BTC-USD|1m", f"{number:02}", True)
    pages = [[key for key, _ in keys(gate.evaluate())] for _ in range(4)]
    assert pages == [["00", "01", "02"], ["03", "04", "05"], ["06"], []]


def test_a_scorecard_of_another_recipe_is_not_ours(instance: dg.DagsterInstance) -> None:
    gate = Gate(instance)
    instance.report_runless_asset_event(
        dg.AssetMaterialization(
            dg.AssetKey(["scorecard", "timing"]),
            partition="seq300",
            metadata={"scorecard_sha256": "ee", "promotable": True, "reasons": ""},
        )
    )
    assert keys(gate.evaluate()) == []


def test_a_real_scorecard_carries_what_the_gate_reads(world: World) -> None:
    """The sensor through its definition, on a scorecard that the asset itself made: refused, so nothing is launched."""
    assert world.run("ingest_candles", "BTC-USD|1m").success
    assert world.run("build_bars_and_features", "BTC-USD|1m").success
    assert world.run("retrain_boosted_trees", "BTC-USD|1m").success
    sensor = world.research.resolve_sensor_def("gate_boosted_trees")
    context = dg.build_sensor_context(
        instance=world.instance, repository_def=world.research.get_repository_def()
    )
    told = sensor.evaluate_tick(context)
    assert told.run_requests in (None, [])
    assert told.skip_message == "1 new scorecards evaluated, none promotable"
    assert int(str(told.cursor)) > 0
