"""Scores of probabilistic three-class forecasts, row by row and per time. No intervals and no verdicts here.

Log loss splits exactly in two: L(three classes) = L(does it move?) + 1{it moved}·L(up or down | it moved).
A model that foresees only volatility earns on the first part, on any market whose volatility clusters, with
no idea where the price goes. The second part, the directional loss, is immune: with p_up/(p_up + p_down) at
climatology it is exactly climatology's own, whatever p_neutral does.

Training shares are themselves noisy, and in a trend biased: a constant one half then beats them for ever
without knowing anything. So direction is scored against the harder of two references: the training ratio,
and the constant that would have done best on these very outcomes, which no constant can beat.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.errors import BadData
from pipelines.evaluation.inference import Estimate, mean_bounds

CLASSES = ("DOWN", "NEUTRAL", "UP")
PROBABILITIES = ("p_down", "p_neutral", "p_up")
CLIMATOLOGY = ("clim_down", "clim_neutral", "clim_up")
"""Class shares of the *training* rows of each row's fold: what a model that knows nothing would forecast."""
NEEDED = ("symbol", "open_time", *PROBABILITIES, *CLIMATOLOGY, "label")
_FLOOR = 1e-15  # probability below which a log loss is no longer told apart (34.5 nats)
_LAGS_PER_HORIZON = 3  # at least 2; a 1 % test fails a true null 1.0-1.3 % of the time at 3, 1.0-1.8 % at 2


def matured(forecasts: pl.DataFrame) -> pl.DataFrame:
    """Rows whose label is known, sorted by (open_time, symbol), after checking columns and probabilities.

    Raises BadData for a missing column, a repeated (symbol, open_time), or probabilities that do not sum to
    1.
    """
    missing = [name for name in NEEDED if name not in forecasts.columns]
    if missing:
        raise BadData(f"forecasts lack the columns {missing}: expected {list(NEEDED)}; add them per fold.")
    rows = forecasts.filter(pl.col("label").is_not_null()).sort("open_time", "symbol")
    if rows.select("symbol", "open_time").is_duplicated().any():
        raise BadData(
            "forecasts hold a (symbol, open_time) twice: expected one out-of-sample row each; dedupe."
        )
    for names in (PROBABILITIES, CLIMATOLOGY):
        _check_probabilities(rows, names)
    return rows


def _check_probabilities(rows: pl.DataFrame, names: Sequence[str]) -> None:
    values = matrix(rows, names)
    wrong = ~((values >= 0).all(axis=1) & (np.abs(values.sum(axis=1) - 1.0) < 1e-6))  # NaN is wrong too
    if wrong.any():
        first = values[int(wrong.argmax())].tolist()
        raise BadData(
            f"columns {list(names)} must be ≥ 0 and sum to 1: {int(wrong.sum())} rows do not, first {first}."
        )


def matrix(rows: pl.DataFrame, names: Sequence[str]) -> NDArray[np.float64]:
    """Columns as one float64 array (N, len(names)); nulls become NaN."""
    return np.asarray(rows.select(pl.col(names).cast(pl.Float64)).to_numpy(), dtype=np.float64)


def log_losses(probabilities: NDArray[np.float64], label: NDArray[np.int64]) -> NDArray[np.float64]:
    """−ln p of the class that happened, in nats; (N, K) and (N,) to (N,)."""
    happened = probabilities[np.arange(label.size), label]
    return -np.log(np.maximum(happened, _FLOOR))


def brier_scores(probabilities: NDArray[np.float64], label: NDArray[np.int64]) -> NDArray[np.float64]:
    """Σ_k (p_k − 1{k happened})², 0 … 2 (Brier 1950); (N, K) and (N,) to (N,)."""
    return np.asarray(((probabilities - np.eye(probabilities.shape[1])[label]) ** 2).sum(axis=1))


def directional_losses(probabilities: NDArray[np.float64], label: NDArray[np.int64]) -> NDArray[np.float64]:
    """Log loss of p_up/(p_up + p_down) where the outcome was DOWN or UP, 0 where it was NEUTRAL; (N,) nats.

    The zeros keep the series in time, so that its autocorrelation stays that of the clock. A forecast that
    gives neither side any chance says nothing about direction and counts as one half.
    """
    sides = probabilities[:, [0, 2]]
    total = sides.sum(axis=1, keepdims=True)
    share = np.divide(sides, total, out=np.full_like(sides, 0.5), where=total > 0)
    return np.where(label == 1, 0.0, log_losses(share, np.where(label == 2, 1, 0)))


def losses_by_time(rows: pl.DataFrame) -> pl.DataFrame:
    """Mean losses over the symbols of each time, sorted: one series, because symbols move together.

    `rows` from `matured`. Columns: open_time, and log_loss, brier, direction, each also with `_clim`
    (climatology), plus `direction_constant` (the best constant in hindsight) and `direction_swapped` (the
    forecast with UP and DOWN exchanged).
    """
    label = rows["label"].cast(pl.Int64).to_numpy()
    columns: dict[str, NDArray[np.float64]] = {}
    for suffix, names in (("", PROBABILITIES), ("_clim", CLIMATOLOGY)):
        probabilities = matrix(rows, names)
        columns[f"log_loss{suffix}"] = log_losses(probabilities, label)
        columns[f"brier{suffix}"] = brier_scores(probabilities, label)
        columns[f"direction{suffix}"] = directional_losses(probabilities, label)
    swapped = matrix(rows, PROBABILITIES)[:, ::-1]
    columns["direction_swapped"] = directional_losses(swapped, label)
    columns["direction_constant"] = directional_losses(_best_constant(rows["open_time"], label), label)
    frame = pl.DataFrame({"open_time": rows["open_time"], **columns})
    return frame.group_by("open_time").agg(pl.all().mean()).sort("open_time")


def _best_constant(times: pl.Series, label: NDArray[np.int64]) -> NDArray[np.float64]:
    """The constant forecast (N, 3) of direction with the least loss when all times weigh alike."""
    weight = (1.0 / pl.DataFrame({"t": times}).select(pl.len().over("t")).to_series()).to_numpy()
    down, up = float(weight[label == 0].sum()), float(weight[label == 2].sum())
    best = [down / (down + up), 0.0, up / (down + up)] if down + up > 0 else [0.5, 0.0, 0.5]
    return np.tile(best, (label.size, 1))


def direction_skill(by_time: pl.DataFrame, loss: str, horizon: int, level: float) -> Estimate:
    """Skill of a directional loss against the harder of its two references (see the module)."""
    references = ("direction_clim", "direction_constant")
    harder = min(references, key=lambda name: float(by_time[name].to_numpy().mean()))
    return skill(by_time, loss, harder, horizon, level)


def skill(by_time: pl.DataFrame, loss: str, reference: str, horizon: int, level: float) -> Estimate:
    """1 − mean(loss)/mean(reference) with Newey-West bounds (lag 3·horizon) of the mean difference per bar.

    The reference's mean is treated as known: the sign of each bound is exactly that of the difference's.
    """
    against = by_time[reference].to_numpy()
    scale = float(against.mean())
    if scale <= 0:  # e.g. not one DOWN or UP among the outcomes: nothing to have skill about
        return Estimate(float("nan"), float("nan"), float("nan"), level)
    difference = against - by_time[loss].to_numpy()
    return mean_bounds(difference, _LAGS_PER_HORIZON * horizon, level).over(scale)
