"""Which figures a scorecard shows of the forecasts themselves, each beside its baseline."""

import numpy as np
import polars as pl

from pipelines.evaluation import calibration, confusion
from pipelines.evaluation.bootstrap import block_length, ratio_bounds
from pipelines.evaluation.forecasts import (
    CLASSES,
    PROBABILITIES,
    direction_skill,
    losses_by_time,
    matrix,
    skill,
)
from pipelines.evaluation.levels import Levels
from pipelines.evaluation.scorecard import Figure, ReliabilityBin, Subject, figure

_CLIMATOLOGY = "training class shares"
_CONSTANT = "training shares or the best constant"


def forecast_figures(
    rows: pl.DataFrame, subject: Subject, n_eff: float, levels: Levels
) -> tuple[Figure, ...]:
    """Figures of skill, classification and calibration; `rows` from `matured`, n_eff over its times."""
    return (
        *_skill(losses_by_time(rows), subject, levels),
        *_classification(rows, subject, levels),
        *_calibration(rows, n_eff, levels),
    )


def _skill(by_time: pl.DataFrame, subject: Subject, levels: Levels) -> tuple[Figure, ...]:
    if by_time.height < 2:  # one time has a score but no spread; the scorecard withholds it anyway
        by_time = pl.concat([by_time, by_time])
    level, h = levels.skill_over(subject.trials), subject.horizon
    three = skill(by_time, "log_loss", "log_loss_clim", h, level)
    direction = direction_skill(by_time, "direction", h, level)
    swapped = direction_skill(by_time, "direction_swapped", h, level)
    brier = skill(by_time, "brier", "brier_clim", h, level)
    loss, known = (float(by_time[name].to_numpy().mean()) for name in ("log_loss", "log_loss_clim"))
    return (
        figure("log_loss", "log loss", "nats", loss, known, _CLIMATOLOGY),
        figure("log_skill", "log-loss skill, three classes", "share", three, 0.0, _CLIMATOLOGY),
        figure("direction_skill", "log-loss skill, direction only", "share", direction, 0.0, _CONSTANT),
        figure("swapped_skill", "direction skill with UP and DOWN swapped", "share", swapped, 0.0, _CONSTANT),
        figure("brier_skill", "Brier skill", "share", brier, 0.0, _CLIMATOLOGY),
    )


def _classification(rows: pl.DataFrame, subject: Subject, levels: Levels) -> tuple[Figure, ...]:
    counts = confusion.counts_by_time(rows)
    block = block_length(counts.shape[0], subject.horizon)
    common = (block, levels.other, levels.resamples, levels.seed)
    hits = ratio_bounds(counts, confusion.accuracy, *common)
    balanced = ratio_bounds(counts, confusion.balanced_accuracy, *common)
    matthews = ratio_bounds(counts, confusion.matthews, *common)
    nothing = confusion.do_nothing_accuracy(rows)
    return (
        figure("accuracy", "accuracy", "share", hits, nothing, "always naming the commonest class"),
        figure("balanced_accuracy", "balanced accuracy", "share", balanced, 1 / 3, "any constant"),
        figure("matthews", "Matthews correlation", "ratio", matthews, 0.0, "any constant"),
    )


def _calibration(rows: pl.DataFrame, n_eff: float, levels: Levels) -> tuple[Figure, ...]:
    probabilities = matrix(rows, PROBABILITIES)
    label = rows["label"].cast(pl.Int64).to_numpy()
    independent = n_eff * rows.height / rows["open_time"].n_unique()  # symbols fill the bins too
    top = calibration.top_label_bins(probabilities, label, levels.bins)
    classwise = calibration.classwise_error(probabilities, label, levels.bins, independent)
    return (
        figure(
            "calibration_error",
            "calibration error of the named class",
            "share",
            calibration.expected_calibration_error(top),
            calibration.perfect_error(top, independent),
            "a perfectly calibrated model, by chance",
        ),
        figure(
            "classwise_error",
            "calibration error over all classes, without chance",
            "share",
            classwise,
            0.0,
            "a perfectly calibrated model",
        ),
    )


def reliability(rows: pl.DataFrame, levels: Levels) -> tuple[ReliabilityBin, ...]:
    """Points of the reliability diagram, by class and rising forecast."""
    probabilities = matrix(rows, PROBABILITIES)
    label = rows["label"].cast(pl.Int64).to_numpy()
    points = []
    for k, name in enumerate(CLASSES):
        bins = calibration.equal_mass(probabilities[:, k], label == k, levels.bins)
        table = np.column_stack([bins.forecast, bins.observed, bins.weight]).tolist()
        points += [ReliabilityBin(name, *row) for row in table]
    return tuple(points)
