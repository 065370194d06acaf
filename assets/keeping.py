"""What is kept of a fit, and in which order: a kill between two writes never pairs one bundle with another's forecasts.

bundle, trial, MLflow run, forecasts (each row names its bundle), and last the candidate's record, which is what
everything else reads. Fitting lives in pipelines/models.
"""

from collections.abc import Callable
from dataclasses import dataclass

import dagster as dg
import polars as pl

from pipelines.errors import NotEnoughEvidence
from pipelines.models.candidate import Candidate
from pipelines.models.evidence import kind_of
from pipelines.promotion.pointer import slot_of
from resources.clock import Clock
from resources.lake import Lake
from resources.registry import Registry
from resources.tracking import Tracking


@dataclass(frozen=True)
class Shelf:
    """Where the parts of a candidate are kept."""

    lake: Lake
    registry: Registry
    tracking: Tracking
    clock: Clock


def keep(recipe: str, partition: str, shelf: Shelf, fit: Callable[[], Candidate]) -> dg.MaterializeResult:
    """Fit, then keep the candidate; or keep the refusal, with its kind, when there is too little evidence."""
    slot, registry = slot_of(recipe, partition), shelf.registry
    try:
        found = fit()
    except NotEnoughEvidence as refusal:
        told = {"refused": str(refusal), "kind": kind_of(refusal)}
        registry.save_candidate(slot, {**told, **registry.anchor(slot)})
        return dg.MaterializeResult(metadata={"refused": str(refusal)})
    sha256, manifest = found.bundle.sha256, found.bundle.manifest
    registry.save(found.bundle.to_files(), sha256)
    trial = registry.record_trial(
        slot, sha256, data=manifest.data_fingerprint, code=manifest.code_fingerprint, at=shelf.clock.now()
    )
    metrics = {name: value for name, value in manifest.metrics.items() if isinstance(value, int | float)}
    run_id = _tracked(recipe, partition, shelf.tracking, found, metrics)
    own = found.forecasts.with_columns(bundle=pl.lit(sha256))
    shelf.lake.replace("forecasts", own, forecast_keys(recipe, partition))
    registry.save_candidate(slot, {"bundle": sha256, "mlflow_run_id": run_id, **trial.to_json()})
    return dg.MaterializeResult(
        metadata={
            "bundle": sha256,
            "mlflow_run_id": run_id,
            "out_of_sample_forecasts": found.forecasts.height,
            "features": manifest.feature_set,
            "training_end": manifest.training_end,
            **metrics,
        },
        data_version=dg.DataVersion(sha256[:16]),
    )


def forecast_keys(recipe: str, partition: str) -> dict[str, str]:
    """The partition of the lake's `forecasts` that holds a slot's out-of-sample forecasts."""
    return {"recipe": recipe, "slot": partition.replace("|", ".")}


def _tracked(
    recipe: str, partition: str, tracking: Tracking, found: Candidate, metrics: dict[str, float]
) -> str:
    """Log the run; its MLflow id."""
    manifest = found.bundle.manifest
    return tracking.record(
        experiment=recipe,
        run_name=f"{recipe} {partition}",
        params={
            "partition": partition,
            "features": manifest.feature_set,
            "horizon": manifest.horizon,
            **manifest.architecture,
        },
        metrics=metrics,
        tags={
            "bundle": found.bundle.sha256,
            "data": manifest.data_fingerprint,
            "code": manifest.code_fingerprint,
        },
        files={"bundle.json": found.bundle.to_files()["bundle.json"]},
    )
