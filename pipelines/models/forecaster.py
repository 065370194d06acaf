"""A bundle that forecasts: verified, replayed on its golden example, then asked.

No training code is imported here; lightgbm or torch is imported when a bundle needs it, not before.
"""

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.errors import BadBundle
from pipelines.models import golden
from pipelines.models.inputs import Inputs, tabular
from pipelines.models.probabilities import Calibrator, forecast_frame
from pipelines.promotion.bundle import Bundle, BundleManifest, check_live
from pipelines.sequences.index import window_ends
from pipelines.sequences.matrix import matrix
from pipelines.sequences.scaling import Scaler
from pipelines.sequences.windows import Windows

Array = NDArray[np.float64]
Logits = Callable[[NDArray[np.floating]], Array]
"""Raw windows (B, T, F) to logits (B, 3)."""

BATCH = 128  # windows a call; bounds the memory of a long replay
MODEL_FILES = {"boosted_trees": "model.txt", "patch_transformer": "model.safetensors"}


class Forecaster:
    """A loaded bundle. Build it with `load`."""

    def __init__(self, manifest: BundleManifest, logits: Logits) -> None:
        self.manifest = manifest
        self._logits = logits
        calibrator = manifest.calibrator
        self._calibrator = Calibrator(calibrator["temperature"], tuple(calibrator["prior"]))

    def probabilities(self, raw: NDArray[np.floating]) -> Array:
        """Calibrated probabilities (B, 3) of raw feature windows (B, T, F), in batches."""
        blocks = [self._logits(raw[first : first + BATCH]) for first in range(0, raw.shape[0], BATCH)]
        return self._calibrator.apply(np.concatenate(blocks)) if blocks else np.zeros((0, 3))

    def forecast(self, frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """The forecast frame of every bar that ends a whole window and has a σ.

        `frames`: per symbol the feature table (open_time and the bundle's columns) with `sigma`. Returns
        symbol, open_time, p_down, p_neutral, p_up, sigma, expected; a bar with a missing feature, a gap
        inside its window or no σ has no row. Raises BadBundle for a symbol it was not trained on, BadData
        for a missing column.
        """
        parts = [self._one(symbol, frames[symbol]) for symbol in sorted(frames)]
        empty = forecast_frame(
            "", pl.Series(dtype=pl.Datetime("us", "UTC")), np.zeros((0, 3)), np.zeros(0), (0, 0, 0), 1
        )
        return pl.concat([empty, *parts])

    def _one(self, symbol: str, frame: pl.DataFrame) -> pl.DataFrame:
        card = self.manifest
        if symbol not in card.symbols:
            raise BadBundle(
                f"bundle {card.recipe}/{card.partition} forecasts {', '.join(card.symbols)}, found {symbol}; "
                "train it on that symbol."
            )
        ends = window_ends(frame, card.timeframe, card.bars, card.features)
        ends = ends[frame["sigma"].is_not_null().to_numpy()[ends]]
        probabilities = self._of_windows(frame, ends)
        sigma = frame["sigma"].to_numpy()[ends]
        return forecast_frame(
            symbol, frame["open_time"][ends], probabilities, sigma, card.class_means, card.horizon
        )

    def _of_windows(self, frame: pl.DataFrame, ends: NDArray[np.int64]) -> Array:
        card = self.manifest
        if card.bars == 1:
            return self.probabilities(frame.select(card.features).to_numpy()[ends][:, None, :])
        windows = Windows(matrix(frame, card.features), ends, card.bars)
        chunks = [
            np.arange(first, min(first + BATCH, len(windows))) for first in range(0, len(windows), BATCH)
        ]
        return np.concatenate(
            [np.zeros((0, 3)), *(self.probabilities(windows.batch(chunk)) for chunk in chunks)]
        )


def load(bundle: Bundle, threads: int = 1) -> Forecaster:
    """A forecaster of a bundle: every hash, then features, timeframe and horizon, then the golden example.

    Raises BadBundle naming both values at the first difference.
    """
    bundle.verify()
    check_live(bundle.manifest, bundle.manifest.timeframe)
    found = unverified(bundle, threads)
    raw, expected = golden.unpack(bundle)
    golden.compare(expected, found.probabilities(raw), bundle.manifest.golden_tolerance)
    return found


def unverified(bundle: Bundle, threads: int = 1) -> Forecaster:
    """The forecaster before its golden example was replayed; only sealing a new bundle needs it."""
    kind = bundle.manifest.model
    if kind not in MODEL_FILES or MODEL_FILES[kind] not in bundle.files:
        raise BadBundle(
            f"bundle must hold a model of {', '.join(MODEL_FILES)} and its file, found {kind!r} with "
            f"{sorted(bundle.files)}; train it again."
        )
    read = _trees if kind == "boosted_trees" else _transformer
    return Forecaster(bundle.manifest, read(bundle, threads))


def _trees(bundle: Bundle, threads: int) -> Logits:
    from pipelines.models.boosted_trees import Booster

    booster = Booster(bundle.files[MODEL_FILES["boosted_trees"]].decode(), threads)
    names = bundle.manifest.features
    return lambda raw: booster.logits(tabular(raw, names))


def _transformer(bundle: Bundle, threads: int) -> Logits:
    from pipelines.models.patch_transformer import from_bytes, logits

    scaler = bundle.manifest.scaler or {}
    inputs = Inputs(
        bundle.manifest.features,
        Scaler(tuple(scaler["centre"]), tuple(scaler["scale"]), tuple(scaler["disabled"])),
    )
    network = from_bytes(bundle.files[MODEL_FILES["patch_transformer"]], bundle.manifest.architecture)
    return lambda raw: logits(network, inputs(raw), threads)
