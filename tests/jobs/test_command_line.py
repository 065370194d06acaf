"""The command line of Dagster on a world of its own: what works, what is refused, and that nothing leaks out of it."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from resources.lake import Lake
from tests.assets.world import World, toml

ROOT = Path(__file__).resolve().parents[2]
KEYS = {"symbol": "BTC-USD", "timeframe": "1m"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a settings file, dagster.yaml with absolute paths, and the bars of a symbol."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "settings.toml").write_text(toml().replace('root = "world"', f'root = "{folder}/world"'))
    yaml = (ROOT / "dagster.yaml").read_text()
    assert yaml.count(": .dagster/") == 3
    (folder / "dagster.yaml").write_text(yaml.replace(": .dagster/", f": {folder}/.dagster/"))
    with dg.DagsterInstance.ephemeral() as instance:
        world = World(folder, instance, (folder / "settings.toml").read_text())
        assert world.run("ingest_candles", "BTC-USD|1m").success
        assert world.run("build_bars_and_features", "BTC-USD|1m").success
    return folder


def dagster(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A `dagster` command from the repository root, where it is documented to be started."""
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "TIDEMARK_SETTINGS": str(home / "settings.toml"),
        "TIDEMARK_PATHS__ROOT": str(home / "world"),
    }
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "dagster", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def materialize(home: Path, asset: str, partition: str) -> subprocess.CompletedProcess[str]:
    location = ("-m", "schedules.research", "--select", asset, "--partition", partition)
    return dagster(home, "asset", "materialize", *location)


def footprint(folder: Path) -> set[tuple[str, int]]:
    """Every file under a folder with its last change; empty when there is no folder."""
    return {(str(p), p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()}


def test_one_partition_from_the_command_line(home: Path) -> None:
    """The documented command, on bars that exist; the repository's own .dagster and worlds stay as they are."""
    lake = Lake(home / "world" / "lake")
    before = lake.fingerprint("features", KEYS)
    lake.replace_months("features", lake.read("features", KEYS).head(0), KEYS)
    assert not lake.exists("features", KEYS)
    ours = [path for path in ROOT.iterdir() if path.name in ("history", "storage", "logs", ".logs_queue")]
    done = materialize(home, "features", "BTC-USD|1m")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "RUN_SUCCESS" in done.stderr
    assert lake.fingerprint("features", KEYS).sha256 == before.sha256
    assert (home / ".dagster" / "storage").is_dir()
    assert [p for p in ROOT.iterdir() if p.name in ("history", "storage", "logs", ".logs_queue")] == ours
    assert not list((ROOT / "schedules").glob("*.db"))


def test_an_unknown_partition_exits_with_an_error_and_writes_nothing(home: Path) -> None:
    before = footprint(home / "world")
    assert before
    done = materialize(home, "features", "DOGE-USD|1m")
    assert done.returncode != 0
    assert "DOGE-USD|1m" in done.stderr + done.stdout
    assert footprint(home / "world") == before


def test_a_refusal_exits_with_an_error_and_its_sentence(home: Path) -> None:
    """Nobody made the hours of this world: there are no bars to make features of."""
    done = materialize(home, "features", "BTC-USD|1h")
    assert done.returncode != 0
    assert "MissingData" in done.stderr
    assert not Lake(home / "world" / "lake").exists("features", {**KEYS, "timeframe": "1h"})
