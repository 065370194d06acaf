"""Turns a fitted model into a sealed bundle with its golden example. Nothing is fitted here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from platform import python_version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.features import FeatureSet
from pipelines.market.timeframes import minutes_of
from pipelines.models import golden
from pipelines.models.candidate import Fit
from pipelines.models.forecaster import MODEL_FILES, unverified
from pipelines.models.inputs import encodings
from pipelines.models.probabilities import Calibrator
from pipelines.promotion.bundle import GOLDEN_FILE, Bundle, BundleManifest
from pipelines.sequences.labels import BARRIER, CLASSES, DEAD_ZONE, FIXED_THRESHOLD

THRESHOLDS: dict[str, dict[str, float]] = {
    "volatility": {"sigma_sqrt_h": DEAD_ZONE},
    "cost": {"sigma_sqrt_h": DEAD_ZONE},
    "triple_barrier": {"sigma_sqrt_h": BARRIER},
    "fixed": {"log_return": FIXED_THRESHOLD},
}


@dataclass(frozen=True)
class Fitted:
    """Everything about a fitted model that its manifest needs."""

    recipe: str
    partition: str
    model: str  # boosted_trees | patch_transformer
    architecture: dict[str, Any]
    weights: bytes
    scaler: dict[str, Any] | None
    calibrator: Calibrator
    class_means: tuple[float, ...]
    symbols: tuple[str, ...]
    timeframe: str
    bars: int
    horizon: int
    label_rule: str
    training: tuple[datetime, datetime]  # [start, end) with the last label's information
    metrics: dict[str, Any]
    fits: Sequence[Fit]


def seal(
    fitted: Fitted,
    features: FeatureSet,
    example: NDArray[np.floating],
    data_fingerprint: str,
    code_fingerprint: str,
) -> Bundle:
    """The bundle of a fitted model; `example`: raw windows (B, T, F) that become the golden input."""
    weights = {MODEL_FILES[fitted.model]: fitted.weights}
    manifest = _manifest(fitted, features, data_fingerprint, code_fingerprint)
    raw = np.asarray(example, dtype=np.float64)
    output = unverified(Bundle.seal(manifest, weights)).probabilities(raw)
    return Bundle.seal(manifest, {**weights, GOLDEN_FILE: golden.pack(raw, output)})


def _manifest(fitted: Fitted, features: FeatureSet, data: str, code: str) -> BundleManifest:
    start, end = fitted.training
    return BundleManifest(
        recipe=fitted.recipe,
        partition=fitted.partition,
        model=fitted.model,
        architecture=fitted.architecture,
        feature_set=features.name,
        features=tuple(features.names),
        features_sha256=features.sha256,
        encodings=encodings(features.names),
        scaler=fitted.scaler,
        calibrator=fitted.calibrator.to_json(),
        class_names=CLASSES,
        class_means=fitted.class_means,
        symbols=fitted.symbols,
        timeframe=fitted.timeframe,
        bars=fitted.bars,
        horizon=fitted.horizon,
        horizon_seconds=fitted.horizon * minutes_of(fitted.timeframe) * 60,
        label_rule=fitted.label_rule,
        label_thresholds=THRESHOLDS[fitted.label_rule],
        training_start=start.isoformat(),
        training_end=end.isoformat(),
        data_fingerprint=data,
        code_fingerprint=code,
        libraries=_libraries(fitted.model),
        metrics=fitted.metrics,
        fits=tuple(fit.to_json() for fit in fitted.fits),
        golden_tolerance=golden.TOLERANCE,
    )


def _libraries(model: str) -> dict[str, str]:
    names = ["numpy", "polars", {"boosted_trees": "lightgbm", "patch_transformer": "torch"}[model]]
    return {"python": python_version(), **{name: version(name) for name in names}}
