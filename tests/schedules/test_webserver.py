"""The UI as `make ui` starts it: both locations load, every asset explains itself, Materialize works."""

import time
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from tests.assets.world import World, toml
from tests.browser.dagster_ui import ask, home, served

pytestmark = pytest.mark.slow
SYMBOLS = ("BTC-USD", "ETH-USD")
PARTITION = "BTC-USD|1m"
RUN_SECONDS = 40.0  # queue, worker and run; about 8 s on an idle machine
LOCATIONS = """{ workspaceOrError { ... on Workspace { locationEntries {
    name loadStatus locationOrLoadError { __typename ... on PythonError { message } } } } } }"""
ASSETS = """{ assetNodes { assetKey { path } description groupName kinds isPartitioned partitionKeys isMaterializable
    owners { ... on TeamAssetOwner { team } ... on UserAssetOwner { email } }
    repository { location { name } } } }"""
LAUNCH = """mutation ($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename
    ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
    ... on InvalidSubsetError { message } ... on RunConfigValidationInvalid { errors { message } } } }"""
STATUS = """query ($run: ID!) { runOrError(runId: $run) { ... on Run { status
    assetMaterializations { assetKey { path } partition } } } }"""
Nodes = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Three days of two symbols with the bars of BTC-USD at 1 m; no features yet."""
    root = tmp_path_factory.mktemp("served")
    with dg.DagsterInstance.from_config(str(home(root / "home"))) as instance:
        made = World(root, instance, toml(SYMBOLS))
        made.ingest()
        bars = made.research.resolve_implicit_global_asset_job_def().execute_in_process(
            asset_selection=[dg.AssetKey("bars"), dg.AssetKey("data_quality")],
            partition_key=PARTITION,
            instance=instance,
        )
        assert bars.success
        yield made


@pytest.fixture(scope="module")
def address(world: World) -> Iterator[str]:
    """A running UI over that world."""
    settings = world.root / "settings.toml"
    settings.write_text(toml(SYMBOLS), encoding="utf-8")
    overrides = {"TIDEMARK_SETTINGS": str(settings), "TIDEMARK_PATHS__ROOT": str(world.root / "world")}
    with served(world.root / "home", overrides) as found:
        yield found


@pytest.fixture(scope="module")
def nodes(address: str) -> Nodes:
    """What the UI knows of the assets that each location can make."""
    made: Nodes = {"research": [], "paper": []}
    for node in ask(address, ASSETS)["assetNodes"]:
        if node["isMaterializable"]:
            made[node["repository"]["location"]["name"]].append(node)
    return made


def test_both_locations_load(address: str) -> None:
    entries = ask(address, LOCATIONS)["workspaceOrError"]["locationEntries"]
    found = {e["name"]: (e["loadStatus"], e["locationOrLoadError"]["__typename"]) for e in entries}
    assert found == {
        "research": ("LOADED", "RepositoryLocation"),
        "paper": ("LOADED", "RepositoryLocation"),
    }


@pytest.mark.parametrize("location", ["research", "paper"])
def test_the_ui_shows_every_asset_of_the_definitions(world: World, nodes: Nodes, location: str) -> None:
    defs: dg.Definitions = getattr(world, location)
    expected = {key.to_user_string() for key in defs.resolve_asset_graph().materializable_asset_keys}
    assert {"/".join(node["assetKey"]["path"]) for node in nodes[location]} == expected


def test_every_asset_says_what_it_is_who_owns_it_and_where_its_partitions_are(nodes: Nodes) -> None:
    every = [node for made in nodes.values() for node in made]
    for node in every:
        bare = [
            name
            for name in ("description", "kinds", "owners", "groupName", "partitionKeys")
            if not node[name]
        ]
        assert not bare, (node["assetKey"]["path"], bare)
        assert node["isPartitioned"]
        assert node["groupName"] != "default"
    features = next(node for node in every if node["assetKey"]["path"] == ["features"])
    assert sorted(features["partitionKeys"]) == [f"{s}|{t}" for s in SYMBOLS for t in ("1h", "1m")]


def test_materialize_on_features_ends_in_success_and_writes_the_table(world: World, address: str) -> None:
    keys = {"symbol": "BTC-USD", "timeframe": "1m"}
    run = _launch(address)
    ended = _ended(address, run)
    assert ended["status"] == "SUCCESS", (world.root / "home" / "dev.log").read_text()[-3000:]
    assert ended["assetMaterializations"] == [{"assetKey": {"path": ["features"]}, "partition": PARTITION}]
    features = world.lake.read("features", keys)
    assert features["open_time"].equals(world.lake.read("bars", keys)["open_time"])


def _launch(address: str) -> str:
    """What the dialog behind Materialize sends for one partition."""
    parts = dict(zip(("symbol", "timeframe"), PARTITION.split("|"), strict=True))
    tags = {"dagster/partition": PARTITION, **{f"dagster/partition/{k}": v for k, v in parts.items()}}
    params = {
        "selector": {
            "repositoryLocationName": "research",
            "repositoryName": "__repository__",
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [{"path": ["features"]}],
        },
        "mode": "default",
        "runConfigData": {},
        "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
    }
    launched = ask(address, LAUNCH, {"params": params})["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run: str = launched["run"]["runId"]
    return run


def _ended(address: str, run: str) -> dict[str, Any]:
    deadline = time.monotonic() + RUN_SECONDS
    while True:
        found: dict[str, Any] = ask(address, STATUS, {"run": run})["runOrError"]
        if found["status"] in ("SUCCESS", "FAILURE", "CANCELED") or time.monotonic() > deadline:
            return found
        time.sleep(0.3)
