"""Set-up: everything that two processes would otherwise create at the same moment, and harmless the second time."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg

from schedules.setup import POOLS

ROOT = Path(__file__).resolve().parents[2]


TWICE = "from schedules.setup import set_up; set_up(); set_up()"


def set_up_twice(home: Path) -> None:
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TWICE],
        cwd=home,
        env={**os.environ, "DAGSTER_HOME": str(home), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )


def test_set_up_twice_makes_the_schemas_and_the_pools_once(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text((ROOT / "settings.toml").read_text())
    yaml = (ROOT / "dagster.yaml").read_text().replace(": .dagster/", f": {tmp_path}/.dagster/")
    (tmp_path / "dagster.yaml").write_text(yaml)
    set_up_twice(tmp_path)
    assert (tmp_path / ".dagster" / "ready").exists()
    assert (tmp_path / "worlds" / "synthetic" / "mlflow" / "mlflow.db").stat().st_size > 0
    assert (tmp_path / ".nux" / "nux.yaml").exists()  # no dialog in front of the first click
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        found = {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}
    assert found == POOLS
