"""The no-edge certificate: twenty synthetic markets without an edge go down the boosted-trees road; none is promoted.

`make certify` runs it (two markets at a time) and writes tests/certificates/no_edge.json; a test reads that file.
It launches the same jobs as `make run`, each market in a world of its own that is thrown away.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import dagster as dg
from rich.console import Console

from pipelines.models.recipes import recipe
from resources.clock import Clock
from resources.environment import load_settings
from resources.fingerprint import fingerprint
from resources.registry import Registry
from resources.sources.opening import open_source

SEEDS = range(1, 21)  # chosen before the first run, never picked
CERTIFICATE = Path("tests/certificates/no_edge.json")
CODE = ("pipelines", "assets")  # everything that a verdict depends on


def one_market(seed: int) -> list[dict[str, Any]]:
    """Every boosted-trees verdict of one market without an edge."""
    from schedules import research
    from schedules.road import SILENT, bar_partitions, quiet, tick_launches

    with quiet(), tempfile.TemporaryDirectory() as root, dg.DagsterInstance.ephemeral() as instance:
        settings = load_settings(
            {
                "TIDEMARK_SETTINGS": "settings.toml",
                "TIDEMARK_SOURCE__SYNTHETIC__EDGE": "0",
                "TIDEMARK_SOURCE__SYNTHETIC__SEED": str(seed),
                "TIDEMARK_PATHS__ROOT": root,
            }
        )
        defs = research.build_defs(settings, Path(root))
        source = open_source(settings, Clock(), Path(root))
        partitions = bar_partitions(settings, source)
        for launch in tick_launches(settings, source):
            defs.resolve_job_def(launch.job).execute_in_process(
                instance=instance, tags=launch.tags, run_config=SILENT
            )
        for job in ("build_bars_and_features", "retrain_boosted_trees"):
            for partition in partitions:
                defs.resolve_job_def(job).execute_in_process(
                    instance=instance, partition_key=partition, run_config=SILENT
                )
        registry = Registry(Path(settings.paths.artifacts))
        return [_line(seed, partition, registry) for partition in partitions]


def _line(seed: int, partition: str, registry: Registry) -> dict[str, Any]:
    stored = registry.load_scorecard(f"{recipe('boosted_trees').name}/{partition.replace('|', '/')}")
    if stored is None:
        raise RuntimeError(f"seed {seed}: {partition} left no scorecard")
    record = json.loads(stored)
    figures = {f["name"]: f for f in record["scorecard"]["figures"]} if record["scorecard"] else {}
    return {
        "seed": seed,
        "partition": partition,
        "promotable": record["promotable"],
        "refused_by": [v["gate"] for v in record["verdicts"] if v["required"] and not v["passed"]],
        **{
            f"{name}_{part}": figures[name][part]
            for name in ("log_skill", "direction_skill")
            if name in figures
            for part in ("value", "lower")
        },
    }


def commit() -> str:
    """The commit that the certificate is about, with `+` when the tree has changes beyond it."""
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    changed = subprocess.run(
        ["git", "status", "--porcelain"], capture_output=True, text=True, check=True
    ).stdout
    return head + ("+" if changed else "")


def main() -> int:
    """Run the markets, write the certificate; 1 when any was promoted."""
    started, console, lines = time.monotonic(), Console(), []
    os.environ["POLARS_MAX_THREADS"] = "1"  # two markets share two cores
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(one_market, seed) for seed in SEEDS]
        for done, future in enumerate(as_completed(waiting), start=1):
            lines += future.result()
            promoted = sum(line["promotable"] for line in lines)
            console.print(
                f"{done} of {len(SEEDS)} markets, {len(lines)} candidates, {promoted} promotable, "
                f"{time.monotonic() - started:.0f} s"
            )
    lines.sort(key=lambda line: (line["seed"], line["partition"]))
    CERTIFICATE.parent.mkdir(exist_ok=True)
    body = {
        "command": "make certify",
        "commit": commit(),
        "code": fingerprint(*CODE),
        "edge": 0,
        "candidates": lines,
    }
    CERTIFICATE.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    return 1 if any(line["promotable"] for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
