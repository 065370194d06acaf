"""From a model's log probabilities to calibrated ones and to the forecast frame. No model is fitted here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Array = NDArray[np.float64]
TEMPERATURES = np.geomspace(1.0, 100.0, 200)  # a short slice may make a forecast humbler, never bolder


@dataclass(frozen=True)
class Calibrator:
    """Shrinks towards a forecast π without direction: ln p ∝ ln π + (ln p̂ − ln π)/T.

    Temperature scaling (Guo et al. 2017) around π instead of around one third each: a model without skill
    ends at T = 100 and forecasts π.
    """

    temperature: float
    prior: tuple[float, ...]  # π per class, DOWN as likely as UP

    def apply(self, logits: Array) -> Array:
        """Probabilities (N, 3) from logits or log probabilities (N, 3)."""
        prior = np.log(np.asarray(self.prior))
        return softmax(prior + (log_softmax(logits) - prior) / self.temperature)

    def to_json(self) -> dict[str, Any]:
        """As it stands in a manifest."""
        return {"kind": "temperature to prior", "temperature": self.temperature, "prior": list(self.prior)}


def log_softmax(logits: Array) -> Array:
    """Natural log of the softmax over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def softmax(logits: Array) -> Array:
    """Softmax over the last axis."""
    return np.exp(log_softmax(logits))


def log_loss(probabilities: Array, classes: NDArray[np.integer]) -> float:
    """Mean −ln p of what happened, nats."""
    chosen = probabilities[np.arange(classes.size), classes]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def shares_of(classes: NDArray[np.integer]) -> tuple[float, ...]:
    """The climatology: shares of the three classes (add-one, so that none is 0)."""
    counts = np.bincount(classes, minlength=3)[:3] + 1.0
    return tuple((counts / counts.sum()).tolist())


def undirected(shares: Sequence[float]) -> tuple[float, ...]:
    """π: the shares with DOWN and UP made equal, since the drift of one training span is not skill."""
    side = (shares[0] + shares[2]) / 2
    return (side, shares[1], side)


def fit_calibrator(logits: Array, classes: NDArray[np.integer], shares: Sequence[float]) -> Calibrator:
    """The temperature that minimises the log loss on a slice that the model has not seen, (N, 3) and (N,).

    `shares`: of the classes in training; made undirected they are what it shrinks to.
    """
    prior = undirected(shares)
    tried = [Calibrator(float(temperature), prior) for temperature in TEMPERATURES]
    return min(tried, key=lambda one: log_loss(one.apply(logits), classes))


def class_means(y: Array, sigma: Array, classes: NDArray[np.integer], horizon: int) -> tuple[float, ...]:
    """Mean of y/(σ_t·√h) per class over training rows; 0 for a class without rows."""
    scaled = y / (sigma * np.sqrt(horizon))
    return tuple(float(scaled[classes == k].mean()) if (classes == k).any() else 0.0 for k in range(3))


def forecast_frame(
    symbol: str,
    open_times: pl.Series,
    probabilities: Array,
    sigma: Array,
    means: Sequence[float],
    horizon: int,
) -> pl.DataFrame:
    """The forecast frame: symbol, open_time, p_down, p_neutral, p_up, sigma, expected.

    `expected` = Σ_k p_k·means_k·σ_t·√h, the expected log return from the next bar's open over the horizon.
    """
    expected = probabilities @ np.asarray(means) * sigma * np.sqrt(horizon)
    return pl.DataFrame(
        {
            "symbol": pl.Series([symbol], dtype=pl.String).new_from_index(0, len(open_times)),
            "open_time": open_times,
            "p_down": probabilities[:, 0],
            "p_neutral": probabilities[:, 1],
            "p_up": probabilities[:, 2],
            "sigma": sigma,
            "expected": expected,
        }
    )


def judged(frame: pl.DataFrame, rows: pl.DataFrame, fold: int, shares: Sequence[float]) -> pl.DataFrame:
    """A forecast frame made out of sample: with fold, label, y and the climatology of that fold's training rows.

    `rows`: label and y of the same rows, null where the outcome is unknown; `shares`: of DOWN, NEUTRAL and UP
    in training.
    """
    climatology = (
        pl.lit(share).alias(name)
        for name, share in zip(("clim_down", "clim_neutral", "clim_up"), shares, strict=True)
    )
    return frame.with_columns(pl.lit(fold, pl.Int32).alias("fold"), rows["label"], rows["y"], *climatology)


def skill(forecasts: pl.DataFrame) -> dict[str, float]:
    """Out-of-sample loss beside the climatology's, accuracy beside always naming the commonest class.

    Only of the forecasts whose label is known.
    """
    forecasts = forecasts.filter(pl.col("label").is_not_null())
    labels = forecasts["label"].to_numpy()
    probabilities = forecasts.select("p_down", "p_neutral", "p_up").to_numpy()
    climatology = forecasts.select("clim_down", "clim_neutral", "clim_up").to_numpy()
    loss, prior_loss = log_loss(probabilities, labels), log_loss(climatology, labels)
    return {
        "log_loss": loss,
        "log_loss_climatology": prior_loss,
        "log_skill": 1 - loss / prior_loss,
        "accuracy": float((probabilities.argmax(axis=1) == labels).mean()),
        "accuracy_do_nothing": float(np.bincount(labels, minlength=3).max() / labels.size),
        "forecasts": float(labels.size),
    }
