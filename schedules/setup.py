"""Set-up, once per world: the MLflow schema, the Dagster schema and every pool. Nothing is computed here.

Parallel first use of any of the three breaks: two processes create the same tables, or the first two runs of a
pool overlap because its row is made on first use.
"""

import logging
import sys
import time
from pathlib import Path

import dagster as dg

from assets.models import TRAINING_POOL
from pipelines.errors import TidemarkError
from resources.environment import dagster_home, load_settings
from resources.tracking import Tracking

POOLS = {TRAINING_POOL: 1}


def set_up() -> None:
    """Create what is shared; harmless when it exists."""
    home = dagster_home()
    (home / ".dagster").mkdir(parents=True, exist_ok=True)
    Tracking(Path(load_settings().paths.tracking)).prepare()
    skip_community_dialog(home)
    with dg.DagsterInstance.get() as instance:
        for pool, limit in POOLS.items():
            instance.event_log_storage.set_concurrency_slots(pool, limit)
    (home / ".dagster" / "ready").touch()


def skip_community_dialog(home: Path) -> None:
    """Dagster's first visit shows a dialog that blocks every click until it is answered."""
    folder = home / ".nux"
    folder.mkdir(exist_ok=True)
    (folder / "nux.yaml").write_text("seen: 1\n", encoding="utf-8")


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    started = time.monotonic()
    try:
        set_up()
    except TidemarkError as error:
        sys.exit(f"error: {error}")
    print(f"set-up: MLflow schema, Dagster schema, {len(POOLS)} pool in {time.monotonic() - started:.1f} s")
