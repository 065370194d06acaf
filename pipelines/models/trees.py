"""The recipe `boosted_trees`: walk-forward forecasts, then a final fit on the whole span.

LightGBM itself is boosted_trees.py; labels, folds and uniqueness come from pipelines.sequences.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.features import FeatureSet
from pipelines.models import probabilities as prob
from pipelines.models.candidate import Candidate, Fit, Progress, silent
from pipelines.models.evidence import require_every_class
from pipelines.models.golden import EXAMPLES
from pipelines.models.recipes import horizon_of
from pipelines.models.sealing import Fitted, seal
from pipelines.models.trees_data import Problem, TreesConfig, between, folds_of, inputs_of, prepare
from pipelines.sequences.folds import Fold, n_independent, purge_of
from pipelines.sequences.grid import micros, step_of
from pipelines.sequences.labels import class_shares
from pipelines.sequences.uniqueness import uniqueness

__all__ = ["TreesConfig", "fit_boosted_trees"]

DEFAULTS = TreesConfig()
Array = NDArray[np.float64]


@dataclass(frozen=True)
class _Model:
    """A fitted booster with what turns its scores into forecasts."""

    text: str
    calibrator: prob.Calibrator
    means: tuple[float, ...]
    fits: list[Fit]

    def forecast(self, inputs: Array, threads: int) -> Array:
        """Calibrated probabilities (N, 3)."""
        from pipelines.models.boosted_trees import Booster

        return self.calibrator.apply(Booster(self.text, threads).logits(inputs))


def fit_boosted_trees(
    features: pl.DataFrame,
    bars: pl.DataFrame,
    *,
    symbol: str,
    timeframe: str,
    feature_set: FeatureSet,
    data_fingerprint: str,
    code_fingerprint: str,
    until: datetime | None = None,
    horizon: int | None = None,
    config: TreesConfig = DEFAULTS,
    progress: Progress = silent,
) -> Candidate:
    """Train, judge out of sample and seal one symbol at one timeframe.

    `features`, `bars`: the same rows of one symbol. `until`: use no information after it. `horizon`: bars,
    the recipe's when None. Raises NotEnoughEvidence below 100 independent training or 30 test labels,
    or when a class leaves 10–80 % of the training rows of a fold.
    """
    reach = horizon or horizon_of("boosted_trees", timeframe)
    problem = prepare(features, bars, timeframe, feature_set, until, reach, config)
    folds = folds_of(problem)
    parts: list[pl.DataFrame] = []
    fits: list[Fit] = []
    for number, fold in enumerate(folds):
        progress(f"fold {number + 1} of {len(folds)}", number / (len(folds) + 1))
        frame, model = _judge(problem, fold, number, symbol)
        parts.append(frame)
        fits += model.fits
    progress("final fit", len(folds) / (len(folds) + 1))
    forecasts = pl.concat(parts)
    end = problem.rows.select(pl.col("known_until").max()).item()
    final = _fit(problem, problem.rows, end, "final")
    fits += final.fits
    fitted = Fitted(
        recipe="boosted_trees",
        partition=f"{symbol}|{timeframe}",
        model="boosted_trees",
        architecture={"rounds": config.rounds, **config.params(problem.rows.height)},
        weights=final.text.encode(),
        scaler=None,
        calibrator=final.calibrator,
        class_means=final.means,
        symbols=(symbol,),
        timeframe=timeframe,
        bars=1,
        horizon=reach,
        label_rule=problem.rule,
        training=(problem.rows["known_from"][0], end),
        metrics=_metrics(problem, forecasts, final, folds, feature_set),
        fits=fits,
    )
    example = features.select(feature_set.names).to_numpy()[problem.rows["row"].to_numpy()[-EXAMPLES:]]
    bundle = seal(fitted, feature_set, example[:, None, :], data_fingerprint, code_fingerprint)
    progress("sealed", 1.0)
    return Candidate(bundle, forecasts, fits)


def _judge(problem: Problem, fold: Fold, number: int, symbol: str) -> tuple[pl.DataFrame, _Model]:
    """Out-of-sample forecasts of every bar of one fold's test that a session would forecast, and their model."""
    train = between(problem.rows, fold.train_start, fold.train_end)
    test = between(problem.served, fold.test_start, fold.test_end)
    model = _fit(problem, train, fold.test_start, f"fold {number}")
    chances = model.forecast(inputs_of(problem, test), problem.config.threads)
    frame = prob.forecast_frame(
        symbol, test["open_time"], chances, test["sigma"].to_numpy(), model.means, problem.horizon
    )
    return prob.judged(frame, test, number, prob.shares_of(train["label"].to_numpy())), model


def _fit(problem: Problem, train: pl.DataFrame, serves_from: datetime, what: str) -> _Model:
    """Temperature on the last purged slice of the training rows, then the booster on all of them."""
    config = problem.config
    cut = train["open_time"][round(train.height * (1 - config.calibration_share))]
    early = train.filter(pl.col("open_time") < cut - purge_of(problem.timeframe, problem.horizon))
    late = train.filter(pl.col("open_time") >= cut)
    classes = train["label"].to_numpy()
    require_every_class(classes, problem.rule, what)
    from pipelines.models.boosted_trees import Booster

    trial = Booster(_grow(problem, early), config.threads)
    calibrator = prob.fit_calibrator(
        trial.logits(inputs_of(problem, late)), late["label"].to_numpy(), prob.shares_of(classes)
    )
    means = prob.class_means(train["y"].to_numpy(), train["sigma"].to_numpy(), classes, problem.horizon)
    fits = [
        _record(f"{what}: trial booster", early, cut),
        _record(f"{what}: temperature", late, serves_from),
        _record(f"{what}: booster", train, serves_from),
    ]
    return _Model(_grow(problem, train), calibrator, means, fits)


def _grow(problem: Problem, rows: pl.DataFrame) -> str:
    """A booster's text, grown on every stride-th bar with uniqueness as weights."""
    from pipelines.models.boosted_trees import train

    step = step_of(problem.timeframe)
    stride = problem.config.stride(problem.horizon)
    thinned = rows.filter((pl.Series(micros(rows["open_time"])) // step) % stride == 0)
    weights = uniqueness(micros(thinned["open_time"]), step, problem.horizon)
    params = problem.config.params(thinned.height)
    return train(
        inputs_of(problem, thinned), thinned["label"].to_numpy(), weights, params, problem.config.rounds
    )


def _record(what: str, rows: pl.DataFrame, serves_from: datetime) -> Fit:
    start, until = rows.select(pl.col("known_from").min(), pl.col("known_until").max()).row(0)
    return Fit(what, start, until, serves_from)


def _metrics(
    problem: Problem, forecasts: pl.DataFrame, final: _Model, folds: list[Fold], features: FeatureSet
) -> dict[str, Any]:
    from pipelines.models.boosted_trees import Booster

    return {
        **prob.skill(forecasts),
        "train_independent": n_independent(
            between(problem.rows, folds[0].train_start, folds[0].train_end), problem.horizon
        ),
        "test_independent": n_independent(forecasts, problem.horizon),
        "class_shares": class_shares(problem.rows["label"].to_numpy()),
        "calibration": final.calibrator.to_json(),
        "importance": Booster(final.text).gains(features.names),
    }
