"""Set-up, once per checkout: the MLflow schema, the Dagster schema and every pool. Nothing is computed here.

Parallel first use of any of the three breaks: two processes create the same tables, or the first two runs of a
pool overlap because its row is made on first use.
"""

import logging
import sys
import time
from pathlib import Path

import dagster as dg

from assets.models import TRAINING_POOL
from resources.tracking import Tracking

POOLS = {TRAINING_POOL: 1}
READY = Path(".dagster/ready")


def set_up() -> None:
    """Create what is shared; harmless when it exists."""
    Path(".dagster").mkdir(exist_ok=True)
    Tracking(Path(".dagster/mlflow")).prepare()
    skip_community_dialog()
    with dg.DagsterInstance.get() as instance:
        for pool, limit in POOLS.items():
            instance.event_log_storage.set_concurrency_slots(pool, limit)
    READY.touch()


def skip_community_dialog() -> None:
    """Dagster's first visit shows a dialog that blocks every click until it is answered."""
    folder = Path(".nux")
    folder.mkdir(exist_ok=True)
    (folder / "nux.yaml").write_text("seen: 1\n", encoding="utf-8")


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    started = time.monotonic()
    set_up()
    print(f"set-up: MLflow schema, Dagster schema, {len(POOLS)} pool in {time.monotonic() - started:.1f} s")
