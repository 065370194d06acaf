"""Both code locations: light to import, complete, and nothing owned twice. Dagster itself checks none of this."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from pipelines.market.quality import BLOCKING, TELLING
from pipelines.settings import Settings, parse
from schedules import paper, research

REPOSITORY = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "mlflow", "sklearn", "lightgbm", "ccxt", "optuna", "numba", "pyarrow")
FIVE = ("pipelines", "resources", "assets", "jobs", "schedules")
LOOK = "import sys, json; import schedules.{}; print(json.dumps(sorted(sys.modules)))"


@pytest.mark.parametrize("location", ["research", "paper"])
def test_a_location_loads_without_the_heavy_libraries(location: str) -> None:
    """Every step of a run in a process of its own pays for what its location imports."""
    said = subprocess.run(
        [sys.executable, "-c", LOOK.format(location)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    loaded = set(json.loads(said.stdout))
    assert "dagster" in loaded
    assert sorted(loaded & set(HEAVY)) == []


@pytest.mark.parametrize("package", FIVE)
def test_the_five_packages_are_ours(package: str) -> None:
    """The names are generic: a dependency that ships a stray `resources` would win on the path."""
    assert (
        Path(str(importlib.import_module(package).__file__)).resolve() == REPOSITORY / package / "__init__.py"
    )


@pytest.fixture(scope="module", params=["settings.toml", "settings.real.toml"])
def settings(request: pytest.FixtureRequest) -> Settings:
    return parse((REPOSITORY / request.param).read_text(), {}, request.param)


Locations = dict[str, dg.Definitions]


@pytest.fixture(scope="module")
def locations(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Locations:
    root = tmp_path_factory.mktemp("locations")
    return {
        "research": research.build_defs(settings, root=root),
        "paper": paper.build_defs(settings, root=root),
    }


def keys(defs: dg.Definitions) -> set[dg.AssetKey]:
    return set(defs.resolve_asset_graph().materializable_asset_keys)


def test_both_locations_are_loadable(locations: Locations) -> None:
    for defs in locations.values():
        dg.Definitions.validate_loadable(defs)


def test_what_the_module_loads_is_what_build_defs_makes(locations: Locations) -> None:
    assert keys(research.defs) == keys(locations["research"])
    assert keys(paper.defs) == keys(locations["paper"])


def test_no_asset_is_owned_twice(locations: Locations) -> None:
    assert keys(locations["research"]).isdisjoint(keys(locations["paper"]))


def test_every_upstream_key_is_made_by_one_of_the_locations(locations: Locations) -> None:
    made = set().union(*map(keys, locations.values()))
    graphs = [defs.resolve_asset_graph() for defs in locations.values()]
    needed = {
        parent
        for graph in graphs
        for key in made & graph.get_all_asset_keys()
        for parent in graph.get(key).parent_keys
    }
    assert needed
    assert sorted(str(key) for key in needed - made) == []


def test_the_design_s_assets_are_there(locations: Locations) -> None:
    ours = {key.to_user_string() for key in keys(locations["research"])}
    market = {"trades", "order_book", "minute_bars", "candles", "funding", "bars", "features", "sequences"}
    models = {
        f"{stage}{recipe}"
        for stage in ("", "scorecard/", "promoted/")
        for recipe in ("boosted_trees", "timing")
    }
    assert market | models <= ours
    assert {key.to_user_string() for key in keys(locations["paper"])} == {"paper_session"}


def test_every_asset_says_what_and_whose_it_is(locations: Locations) -> None:
    bare = []
    for defs in locations.values():
        graph = defs.resolve_asset_graph()
        for key in graph.materializable_asset_keys:
            node = graph.get(key)
            for what in ("description", "owners", "kinds", "group_name", "partitions_def"):
                if not getattr(node, what) or node.group_name == "default":
                    bare.append(f"{key.to_user_string()}: {what}")
    assert bare == []


def test_every_check_of_a_partitioned_asset_is_partitioned(locations: Locations) -> None:
    """Without it the check is asset-wide, and one good partition releases another's bad data."""
    for defs in locations.values():
        graph = defs.resolve_asset_graph()
        for key in graph.asset_check_keys:
            assert graph.get(key).partitions_def == graph.get(key.asset_key).partitions_def, key


def test_data_checks_block_and_gates_do_not(locations: Locations) -> None:
    graph = locations["research"].resolve_asset_graph()
    blocking = {str(key.name): graph.get(key).blocking for key in graph.asset_check_keys}
    data = dict.fromkeys(("is_consistent", "adds_up", "is_finite", "is_causal", *BLOCKING), True)
    assert blocking == {**data, **dict.fromkeys(TELLING, False), "is_promotable": False}


def test_every_job_selects_something_and_says_what_it_does(locations: Locations) -> None:
    """An empty selection loads without complaint."""
    for defs in locations.values():
        named = [job for job in defs.jobs or () if not job.name.startswith("__")]
        assert named
        for job in named:
            resolved = defs.resolve_job_def(job.name)
            assert resolved.asset_layer.selected_asset_keys, job.name
            assert resolved.partitions_def is not None, job.name
            assert job.description, job.name


def test_every_schedule_and_sensor_is_on_from_the_start_and_has_its_job(locations: Locations) -> None:
    for defs in locations.values():
        jobs = {job.name for job in defs.jobs or ()}
        for schedule in defs.schedules or ():
            assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
            assert schedule.execution_timezone == "UTC"
            assert schedule.job_name in jobs
        for sensor in defs.sensors or ():
            assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
            if not isinstance(sensor, dg.AutomationConditionSensorDefinition):
                assert sensor.job_name in jobs
    assert len(list(locations["research"].schedules or ())) == 2
    assert len(list(locations["research"].sensors or ())) == 3


def test_keys_of_symbols_start_with_the_symbol(locations: Locations, settings: Settings) -> None:
    """Dagster sorts dimensions by name: a dimension called `sequence` would give `seq300|BTC-USD`."""
    graph = locations["research"].resolve_asset_graph()
    symbols = {s.symbol for s in settings.universe.symbols}
    for name in ("bars", "features", "sequences", "candles"):
        partitions = graph.get(dg.AssetKey(name)).partitions_def
        assert {key.split("|")[0] for key in partitions.get_partition_keys()} == symbols
