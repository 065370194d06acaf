"""Candidates as assets: a bundle in the registry and a run in MLflow per partition. Fitting lives in pipelines/models.

Too little data is a result, not an accident: the candidate is then a refusal with its sentence, which its
scorecard repeats.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import dagster as dg
import polars as pl

from assets.describe import OWNERS
from assets.partitions import Partitions, dimensions
from pipelines.errors import NotEnoughEvidence, UnknownName
from pipelines.features import FeatureSet, best_set, feature_set
from pipelines.market.timeframes import length_of
from pipelines.models.candidate import Candidate
from pipelines.promotion.pointer import slot_of
from pipelines.sequences.specs import spec
from pipelines.settings import Settings
from resources.fingerprint import fingerprint
from resources.lake import Lake
from resources.progress import Progress
from resources.registry import Registry
from resources.tracking import Tracking

TRAINING_POOL = "training"
CODE = ("pipelines.features", "pipelines.sequences", "pipelines.models")


def partitions_of(recipe: str, p: Partitions) -> dg.PartitionsDefinition:
    """The partitions that a recipe is trained on."""
    known = {"boosted_trees": p.bars, "timing": p.windows}
    if recipe not in known:
        raise UnknownName(
            f"recipe {recipe!r} has no partitions: expected one of {', '.join(known)}; add it to assets/models.py."
        )
    return known[recipe]


def build(p: Partitions) -> list[dg.AssetsDefinition]:
    """The candidate assets of these partitions."""
    return [_boosted_trees(p), _timing(p)]


def _boosted_trees(p: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        partitions_def=p.bars,
        deps=["features", "bars"],
        pool=TRAINING_POOL,
        group_name="models",
        owners=OWNERS,
        kinds={"lightgbm", "mlflow"},
        description="Gradient-boosted trees on the features of one bar, walked forward, then fitted on the whole span.",
    )
    def boosted_trees(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        registry: dg.ResourceParam[Registry],
        tracking: dg.ResourceParam[Tracking],
        settings: dg.ResourceParam[Settings],
        progress: dg.ResourceParam[Progress],
    ) -> dg.MaterializeResult:
        from pipelines.models.trees import fit_boosted_trees

        keys = dimensions(context.partition_key)
        features, bars = lake.read("features", keys), lake.read("bars", keys)
        return _candidate(
            "boosted_trees", context.partition_key, lake, registry, tracking,
            lambda: fit_boosted_trees(
                features, bars,
                symbol=keys["symbol"], timeframe=keys["timeframe"], feature_set=best_set(features),
                until=cutoff(features, keys["timeframe"], settings),
                data_fingerprint=lake.fingerprint("features", keys).sha256,
                code_fingerprint=fingerprint(*CODE),
                config=settings.training.trees,
                progress=progress.tell,
            ),
        )  # fmt: skip

    return boosted_trees


def _timing(p: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        partitions_def=p.windows,
        deps=[
            dg.AssetDep("sequences", partition_mapping=dg.MultiToSingleDimensionPartitionMapping("window"))
        ],
        pool=TRAINING_POOL,
        group_name="models",
        owners=OWNERS,
        kinds={"torch", "mlflow"},
        description="A small transformer over patches of a window, all symbols together, one chronological split.",
    )
    def timing(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        registry: dg.ResourceParam[Registry],
        tracking: dg.ResourceParam[Tracking],
        settings: dg.ResourceParam[Settings],
        progress: dg.ResourceParam[Progress],
    ) -> dg.MaterializeResult:
        from pipelines.models.timing import fit_timing

        window = spec(context.partition_key)
        inputs = sequence_inputs(lake, context.partition_key, settings)
        return _candidate(
            "timing", context.partition_key, lake, registry, tracking,
            lambda: fit_timing(
                inputs,
                spec=window, feature_set=common_set(inputs),
                until=max(cutoff(f, window.timeframe, settings) for f, _ in inputs.values()),
                data_fingerprint="+".join(
                    lake.fingerprint("features", {"symbol": symbol, "timeframe": window.timeframe}).sha256[:16]
                    for symbol in inputs
                ),
                code_fingerprint=fingerprint(*CODE),
                config=settings.training.timing,
                progress=progress.tell,
            ),
        )  # fmt: skip

    return timing


def cutoff(features: pl.DataFrame, timeframe: str, settings: Settings) -> datetime:
    """End of what training may know: the hold-out before the last bar of this partition."""
    last: datetime = features["open_time"][-1]
    return last + length_of(timeframe) - timedelta(days=settings.training.holdout_days)


def sequence_inputs(
    lake: Lake, window: str, settings: Settings
) -> dict[str, tuple[pl.DataFrame, pl.DataFrame]]:
    """Features and bars of every symbol whose sequences of this window were materialised, in symbol order."""
    timeframe = spec(window).timeframe
    found = {}
    for symbol in sorted(s.symbol for s in settings.universe.symbols):
        if lake.exists("sequences", {"symbol": symbol, "window": window}):
            keys = {"symbol": symbol, "timeframe": timeframe}
            found[symbol] = (lake.read("features", keys), lake.read("bars", keys))
    if not found:
        raise NotEnoughEvidence(
            f"not enough evidence: n_eff 0 of 30 in test and 0 of 100 in training: no symbol has {window} sequences; "
            "materialize `sequences` or bring more history."
        )
    return found


def common_set(inputs: dict[str, tuple[pl.DataFrame, pl.DataFrame]]) -> FeatureSet:
    """The widest feature set that every symbol has: v5 only when all have ticks."""
    sets = {best_set(features).name for features, _ in inputs.values()}
    return feature_set("v5" if sets == {"v5"} else "v4")


def _candidate(
    recipe: str,
    partition: str,
    lake: Lake,
    registry: Registry,
    tracking: Tracking,
    fit: Callable[[], Candidate],
) -> dg.MaterializeResult:
    """Fit, keep the bundle and its out-of-sample forecasts, log the run; or keep the refusal."""
    slot = slot_of(recipe, partition)
    try:
        found = fit()
    except NotEnoughEvidence as refusal:
        registry.save_candidate(slot, {"refused": str(refusal)})
        return dg.MaterializeResult(metadata={"refused": str(refusal)})
    sha256 = found.bundle.sha256
    registry.save(found.bundle.to_files(), sha256)
    lake.replace("forecasts", found.forecasts, {"recipe": recipe, "slot": partition.replace("|", ".")})
    manifest = found.bundle.manifest
    metrics = {name: value for name, value in manifest.metrics.items() if isinstance(value, int | float)}
    run_id = tracking.record(
        experiment=recipe,
        run_name=f"{recipe} {partition}",
        params={
            "partition": partition,
            "features": manifest.feature_set,
            "horizon": manifest.horizon,
            **manifest.architecture,
        },
        metrics=metrics,
        tags={"bundle": sha256, "data": manifest.data_fingerprint, "code": manifest.code_fingerprint},
        files={"bundle.json": found.bundle.to_files()["bundle.json"]},
    )
    registry.save_candidate(slot, {"bundle": sha256, "mlflow_run_id": run_id})
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
