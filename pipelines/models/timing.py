"""The recipe `timing`: one small transformer per window, trained across symbols, judged on the last 30 %.

The data is timing_data.py, the split timing_split.py, the loop timing_loop.py, the network
patch_transformer.py.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import polars as pl

from pipelines.errors import NotEnoughEvidence
from pipelines.features import FeatureSet
from pipelines.models import probabilities as prob
from pipelines.models.candidate import Candidate, Fit, Progress, silent
from pipelines.models.evidence import require_every_class
from pipelines.models.golden import EXAMPLES
from pipelines.models.inputs import Inputs, fit_scaler
from pipelines.models.recipes import recipe
from pipelines.models.sealing import Fitted, seal
from pipelines.models.timing_data import Matrices, Tables, TimingData, Until, prepare
from pipelines.models.timing_feed import forward
from pipelines.models.timing_loop import LoopConfig, Trained, train
from pipelines.sequences.labels import class_shares
from pipelines.sequences.specs import SequenceSpec


@dataclass(frozen=True)
class TimingConfig:
    """How much a window's model sees and how it is judged."""

    max_windows: int = 6000  # training windows over all symbols; more are thinned by a regular stride
    max_validation_windows: int = 2000  # the same for the validation slice
    train_share: float = 0.7  # of the time, before the test
    validation_share: float = 0.2  # of the training part, its end: early stop and temperature
    scaler_windows: int = 10_000  # sampled for the scaler, from the unthinned training windows
    scaler_positions: int = 8  # rows taken from each
    loop: LoopConfig = field(default_factory=LoopConfig)


Parts = dict[str, pl.DataFrame]


def fit_timing(
    inputs: Tables,
    *,
    spec: SequenceSpec,
    feature_set: FeatureSet,
    data_fingerprint: str,
    code_fingerprint: str,
    until: Until = None,
    horizon: int | None = None,
    matrices: Matrices | None = None,
    config: TimingConfig = TimingConfig(),
    progress: Progress = silent,
) -> Candidate:
    """Train and judge one window's model over all symbols; the bundle is the very model that was judged.

    `inputs`: per symbol its feature table and bars, row by row the same. `matrices`: their mapped float32
    matrices (N, F), built in memory when None. `until`: use no information after it, one moment for all or
    one per symbol. Raises NotEnoughEvidence with both counts when no symbol holds enough, or when a class
    leaves 10–80 % of the training rows.
    """
    reach, shares = horizon or spec.horizon, (config.train_share, config.validation_share)
    data = prepare(inputs, spec, reach, feature_set.names, until, matrices, shares)
    training = data.parts("train", config.max_windows)
    validation = data.parts("validate", config.max_validation_windows)
    _require_windows(training, validation, spec.name)
    rows = pl.concat(list(training.values()))
    require_every_class(rows["label"].to_numpy(), recipe("timing").label_rule, f"{spec.name} training")
    progress("scaler", 0.0)
    encode = _inputs(data, feature_set.names, config)
    trained = train(data.labelled(training), data.labelled(validation), encode, config.loop, progress)
    means = _means(rows, reach)
    forecasts = _forecasts(data, trained, encode, means, config.loop.threads, progress)
    fits = _fits(data, validation)
    fitted = Fitted(
        recipe="timing",
        partition=spec.name,
        model="patch_transformer",
        architecture=trained.architecture,
        weights=trained.weights,
        scaler=asdict(encode.scaler),
        calibrator=trained.calibrator,
        class_means=means,
        symbols=tuple(data.indexes),
        timeframe=spec.timeframe,
        bars=spec.bars,
        horizon=reach,
        label_rule=recipe("timing").label_rule,
        training=(min(fit.start for fit in fits), max(fit.until for fit in fits)),
        metrics=_metrics(data, trained, forecasts, rows),
        fits=fits,
    )
    bundle = seal(fitted, feature_set, _example(data, validation), data_fingerprint, code_fingerprint)
    progress("sealed", 1.0)
    return Candidate(bundle, forecasts, fits)


def _require_windows(training: Parts, validation: Parts, name: str) -> None:
    counts = [sum(rows.height for rows in parts.values()) for parts in (training, validation)]
    if min(counts) == 0:
        raise NotEnoughEvidence(
            f"not enough evidence: {name} leaves {counts[0]} training and {counts[1]} validation windows; "
            "bring more history."
        )


def _inputs(data: TimingData, names: tuple[str, ...], config: TimingConfig) -> Inputs:
    whole = [data.windows(symbol, rows) for symbol, rows in data.parts("train").items()]
    scaler = fit_scaler(whole, names, config.scaler_windows, config.scaler_positions, config.loop.seed)
    return Inputs(names, scaler)


def _means(rows: pl.DataFrame, horizon: int) -> tuple[float, ...]:
    y, sigma, classes = (rows[name].to_numpy() for name in ("y", "sigma", "label"))
    return prob.class_means(y, sigma, classes, horizon)


def _forecasts(
    data: TimingData,
    trained: Trained,
    encode: Inputs,
    means: tuple[float, ...],
    threads: int,
    progress: Progress,
) -> pl.DataFrame:
    """Out-of-sample forecast frame of every test window, fold 0, in the order of symbol and time."""
    from pipelines.models.patch_transformer import from_bytes

    network = from_bytes(trained.weights, trained.architecture)
    frames: list[pl.DataFrame] = []
    test = data.test()
    for symbol, rows in test.items():
        progress(f"out-of-sample forecasts of {symbol}", 0.9 + 0.1 * len(frames) / len(test))
        chances = trained.calibrator.apply(forward(network, [data.windows(symbol, rows)], encode, threads))
        frame = prob.forecast_frame(
            symbol, rows["open_time"], chances, rows["sigma"].to_numpy(), means, data.split.horizon
        )
        frames.append(prob.judged(frame, rows, 0, trained.shares))
    return pl.concat(frames)


def _fits(data: TimingData, validation: Parts) -> list[Fit]:
    """What the scaler and weights, and the early stop and temperature, saw: the latter the validation slice."""
    early = pl.concat(list(data.parts("train").values()))
    late = pl.concat(list(validation.values()))
    start = early.select(pl.col("known_from").min()).item()
    until = early.select(pl.col("known_until").max()).item()
    stop = late.select(pl.col("known_until").max()).item()
    return [
        Fit("scaler and weights", start, until, data.split.validate),
        Fit(
            "early stop and temperature",
            late.select(pl.col("known_from").min()).item(),
            stop,
            data.split.test,
        ),
    ]


def _metrics(
    data: TimingData, trained: Trained, forecasts: pl.DataFrame, rows: pl.DataFrame
) -> dict[str, Any]:
    return {
        **prob.skill(forecasts),
        "train_independent": data.independent("before test"),
        "test_independent": data.independent("test"),
        "test_forecasts": dict(forecasts.group_by("symbol").len().sort("symbol").iter_rows()),
        "train_windows": rows.height,
        "class_shares": class_shares(rows["label"].to_numpy()),
        "epochs": trained.epochs,
        "excluded": data.excluded,
        "calibration": trained.calibrator.to_json(),
    }


def _example(data: TimingData, parts: Mapping[str, pl.DataFrame]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The last windows (B, T, F) of the first symbol that has any in those parts."""
    windows = next(data.windows(symbol, rows) for symbol, rows in parts.items() if rows.height)
    return windows.batch(np.arange(max(0, len(windows) - EXAMPLES), len(windows)))
