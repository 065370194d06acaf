"""Lanes and pools: what the jobs are tagged with is what dagster.yaml limits."""

from pathlib import Path

import dagster as dg
import pytest
import yaml

from assets.models import TRAINING_POOL
from pipelines.models.recipes import RECIPES
from schedules import paper, research
from schedules.setup import POOLS

INSTANCE = yaml.safe_load((Path(__file__).resolve().parents[2] / "dagster.yaml").read_text())
LANES = {
    (limit["key"], limit["value"]): limit["limit"]
    for limit in INSTANCE["concurrency"]["runs"]["tag_concurrency_limits"]
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_training_runs_come_one_at_a_time(recipe: str) -> None:
    assert research.defs.resolve_job_def(f"retrain_{recipe}").tags["lane"] == "train"
    assert LANES["lane", "train"] == 1


def test_a_journal_has_one_writer() -> None:
    assert paper.defs.resolve_job_def("trade_on_paper").tags["lane"] == "paper"
    assert LANES["lane", "paper"] == 1


def test_no_other_job_waits_in_a_lane() -> None:
    names = {job.name for job in research.defs.jobs or ()}
    others = names - {f"retrain_{recipe}" for recipe in RECIPES}
    assert {name for name in others if "lane" in research.defs.resolve_job_def(name).tags} == set()


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_candidate_is_fitted_in_the_training_pool(recipe: str) -> None:
    """Set-up creates the pool's row: the first two runs of a pool that does not exist overlap."""
    graph = research.defs.resolve_asset_graph()
    assert graph.get(dg.AssetKey(recipe)).pools == {TRAINING_POOL}
    assert POOLS == {TRAINING_POOL: 1}


def test_a_refusal_is_not_retried() -> None:
    assert INSTANCE["run_retries"]["retry_on_asset_or_op_failure"] is False


def test_nothing_is_written_into_a_python_package() -> None:
    """A default instance would write schedules/schedules.db beside our modules."""
    folders = [
        INSTANCE["storage"]["sqlite"]["base_dir"],
        INSTANCE["local_artifact_storage"]["config"]["base_dir"],
        INSTANCE["compute_logs"]["config"]["base_dir"],
    ]
    assert all(folder.startswith(".dagster/") for folder in folders)
