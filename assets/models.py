"""Candidates as assets: from pinned tables to a fit. Fitting lives in pipelines/models, what is kept in keeping.py.

Too little data is a result, not an accident: the candidate is then a refusal with its sentence, which its
scorecard repeats.
"""

from collections.abc import Mapping, Sequence

import dagster as dg
import numpy as np
from numpy.typing import NDArray

from assets.data_quality import require_trainable
from assets.dataset_rows import cutoff, require_as_stated
from assets.describe import OWNERS
from assets.keeping import Shelf, keep
from assets.partitions import Partitions, dimensions
from assets.pinned import common_hash, pinned, tables_of
from pipelines.errors import NotEnoughEvidence, UnknownName
from pipelines.features import FeatureSet, best_set
from pipelines.features.sets import common_set
from pipelines.models.candidate import Candidate
from pipelines.sequences.specs import SequenceSpec, spec
from pipelines.settings import Settings
from resources.clock import Clock
from resources.datasets import Dataset, Datasets, require_horizon
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
        clock: dg.ResourceParam[Clock],
        progress: dg.ResourceParam[Progress],
    ) -> dg.MaterializeResult:
        from pipelines.models.trees import fit_boosted_trees

        keys = dimensions(context.partition_key)

        def fit() -> Candidate:
            require_trainable(lake, settings, keys["symbol"], keys["timeframe"])
            tables = pinned(lake, keys, settings.universe.of(keys["symbol"]).calendar)
            features = tables.features
            return fit_boosted_trees(
                features,
                tables.bars,
                symbol=keys["symbol"],
                timeframe=keys["timeframe"],
                feature_set=best_set(features),
                until=cutoff(features, keys["timeframe"], settings),
                data_fingerprint=tables.sha256,
                code_fingerprint=fingerprint(*CODE),
                config=settings.training.trees,
                progress=progress.tell,
            )

        return keep("boosted_trees", context.partition_key, Shelf(lake, registry, tracking, clock), fit)

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
        datasets: dg.ResourceParam[Datasets],
        registry: dg.ResourceParam[Registry],
        tracking: dg.ResourceParam[Tracking],
        settings: dg.ResourceParam[Settings],
        clock: dg.ResourceParam[Clock],
        progress: dg.ResourceParam[Progress],
    ) -> dg.MaterializeResult:
        from pipelines.models.timing import fit_timing

        window = spec(context.partition_key, settings.training.horizons)

        def fit() -> Candidate:
            stored = stored_datasets(datasets, window, settings)
            for symbol in stored:
                require_trainable(lake, settings, symbol, window.timeframe)
            tables = {
                symbol: tables_of(lake, symbol, dataset, settings.universe.of(symbol).calendar)
                for symbol, dataset in stored.items()
            }
            for symbol, dataset in stored.items():
                rows = lake.read("sequences", {"symbol": symbol, "window": window.name})
                require_as_stated(symbol, dataset, rows, tables[symbol], window, settings)
            inputs = {symbol: (one.features, one.bars) for symbol, one in tables.items()}
            chosen = common_set(best_set(features) for features, _ in inputs.values())
            return fit_timing(
                inputs,
                spec=window,
                feature_set=chosen,
                until={s: cutoff(f, window.timeframe, settings) for s, (f, _) in inputs.items()},
                matrices=mapped(stored, chosen),
                data_fingerprint=common_hash(tables),
                code_fingerprint=fingerprint(*CODE),
                config=settings.training.timing,
                progress=progress.tell,
            )

        return keep("timing", context.partition_key, Shelf(lake, registry, tracking, clock), fit)

    return timing


def stored_datasets(datasets: Datasets, window: SequenceSpec, settings: Settings) -> dict[str, Dataset]:
    """The dataset of every symbol whose sequences of this window were materialised, in symbol order.

    Raises NotEnoughEvidence with every refusal when there is none, BadData for one of another horizon.
    """
    symbols, name = sorted(s.symbol for s in settings.universe.symbols), window.name
    found = {symbol: datasets.open(symbol, name) for symbol in symbols if datasets.exists(symbol, name)}
    if not found:
        raise NotEnoughEvidence(_no_dataset(name, [datasets.refusal(symbol, name) for symbol in symbols]))
    for symbol, dataset in found.items():
        require_horizon(symbol, dataset, window)
    return found


def _no_dataset(window: str, refusals: Sequence[str | None]) -> str:
    """Why nothing can be trained: the first refusal with its counts and how many more, or that none was made."""
    said = [one.removeprefix("not enough evidence: ") for one in refusals if one]
    if not said:
        return (
            f"not enough evidence: n_eff 0 of 30 in test and 0 of 100 in training: no symbol has {window} sequences; "
            "materialize `sequences` or bring more history."
        )
    others = f" (and {len(said) - 1} more symbols likewise)" if said[1:] else ""
    return f"not enough evidence: every {window} dataset was refused{others}: {said[0]}"


def mapped(stored: Mapping[str, Dataset], chosen: FeatureSet) -> dict[str, NDArray[np.float32]] | None:
    """The memory-mapped matrices, or None when they hold another feature set than all symbols share."""
    same = all(dataset.manifest.features_sha256 == chosen.sha256 for dataset in stored.values())
    return {symbol: dataset.matrix for symbol, dataset in stored.items()} if same else None
