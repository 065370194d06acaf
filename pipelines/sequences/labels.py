"""Labels: what happened between the next bar's open and the open h bars later (FEATURES.md "Labels").

σ_t comes from volatility.py, splits from folds.py; no features live here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.errors import BadData, BadSettings, UnknownName
from pipelines.market.schemas import UTC_US
from pipelines.sequences.grid import micros, step_of
from pipelines.sequences.volatility import of_this_market, volatility

CLASSES = ("DOWN", "NEUTRAL", "UP")
DOWN, NEUTRAL, UP = 0, 1, 2
NONE = -1  # no label: stored as null
DEAD_ZONE = 0.43  # in units of σ√h: about a third of a normal law lies inside
BARRIER = 0.96  # in units of σ√h
FIXED_THRESHOLD = 0.005  # log return; the earlier guide's
SHARE_BOUNDS = (0.10, 0.80)  # of each class in training
SHORTEST_BARRIER_HORIZON = 12  # bars


@dataclass(frozen=True)
class _Outcome:
    """Per decision bar (N,): y, σ_t and whether entry and exit exist and traded."""

    y: NDArray[np.float64]
    sigma: NDArray[np.float64]
    known: NDArray[np.bool_]
    horizon: int
    cost: float  # round trip, log return
    bars: pl.DataFrame


Classes = tuple[NDArray[np.int8], NDArray[np.bool_]]
"""Class (N,) with NONE where there is none, and where both barriers fell in one bar (N,)."""


def labels(
    bars: pl.DataFrame,
    timeframe: str,
    horizon: int,
    rule: str = "volatility",
    round_trip_cost: float | None = None,
) -> pl.DataFrame:
    """One row per bar: what a decision at its close would have met.

    `bars`: one symbol's BARS (open_time, open, high, low, close, volume; origin where it is known).
    `round_trip_cost`: log return, rule `cost` only.
    Returns open_time, label (0 DOWN, 1 NEUTRAL, 2 UP, null), y = ln(O_{t+1+h}/O_{t+1}),
    sigma (σ_t per bar), known_from and known_until (the information interval [open(t+1), open(t+2+h))) and
    double_touch (`triple_barrier`: both barriers in one bar, so no label).
    Raises UnknownName for another rule, BadSettings for a rule without what it needs.
    """
    if horizon < 1:
        raise BadSettings(f"horizon must be at least 1 bar, found {horizon}; correct it.")
    if rule not in RULES:
        raise UnknownName(
            f"label rule {rule!r} is not known: expected one of {', '.join(RULES)}; correct it."
        )
    if rule == "cost" and (round_trip_cost is None or not isfinite(round_trip_cost)):
        raise BadSettings(
            f"label rule 'cost' needs round_trip_cost as a log return, found {round_trip_cost}; state it."
        )
    outcome = _outcome(bars, timeframe, horizon, round_trip_cost or 0.0)
    classes, double = RULES[rule](outcome)
    classes = np.where(outcome.known, classes, np.int8(NONE))
    step = step_of(timeframe)
    opens = pl.col("open_time").cast(UTC_US)
    return bars.select(
        opens,
        pl.Series("label", classes, dtype=pl.Int8).replace(NONE, None),
        pl.Series("y", np.where(outcome.known, outcome.y, np.nan), nan_to_null=True),
        pl.Series("sigma", outcome.sigma, nan_to_null=True),
        (opens + pl.duration(microseconds=step)).alias("known_from"),
        (opens + pl.duration(microseconds=step * (horizon + 2))).alias("known_until"),
        pl.Series("double_touch", double & outcome.known),
    )


def class_shares(classes: NDArray[np.integer]) -> dict[str, float]:
    """Share of each class by name; all 0 when there is no label."""
    counts = np.bincount(classes, minlength=3)[:3]
    return {name: float(n) / max(1, classes.size) for name, n in zip(CLASSES, counts, strict=True)}


def require_balanced(classes: NDArray[np.integer], rule: str) -> dict[str, float]:
    """The training shares; raises BadData when a class falls outside 10–80 %, printing all three."""
    shares = class_shares(classes)
    low, high = SHARE_BOUNDS
    if any(not low <= share <= high for share in shares.values()):
        found = ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares.items())
        raise BadData(
            f"label rule {rule!r} must leave {low:.0%}–{high:.0%} of the training rows in each class, "
            f"found {found}; choose another rule or horizon."
        )
    return shares


def _outcome(bars: pl.DataFrame, timeframe: str, horizon: int, cost: float) -> _Outcome:
    times = micros(bars["open_time"])
    opens, volume = bars["open"].to_numpy(), bars["volume"].to_numpy()
    n, reach = times.size, 1 + horizon
    y, known = np.full(n, np.nan), np.zeros(n, dtype=np.bool_)
    if n > reach:
        whole = times[reach:] - times[:-reach] == reach * step_of(timeframe)
        here = (volume > 0) & of_this_market(bars)
        traded = here[1 : n - horizon] & here[reach:]
        known[:-reach] = whole & traded
        y[:-reach] = np.log(opens[reach:] / opens[1 : n - horizon])
    return _Outcome(y, volatility(bars, timeframe, horizon), known, horizon, cost, bars)


def _beyond(outcome: _Outcome, threshold: NDArray[np.float64]) -> Classes:
    classes = np.full(outcome.y.size, NEUTRAL, dtype=np.int8)
    classes[outcome.y > threshold] = UP
    classes[outcome.y < -threshold] = DOWN
    classes[np.isnan(threshold) | np.isnan(outcome.y)] = NONE
    return classes, np.zeros(classes.size, dtype=np.bool_)


def _volatility(outcome: _Outcome) -> Classes:
    return _beyond(outcome, DEAD_ZONE * outcome.sigma * np.sqrt(outcome.horizon))


def _cost(outcome: _Outcome) -> Classes:
    zone = DEAD_ZONE * outcome.sigma * np.sqrt(outcome.horizon)
    return _beyond(outcome, np.maximum(zone, outcome.cost))  # np.maximum keeps the NaN of an unknown σ


def _fixed(outcome: _Outcome) -> Classes:
    return _beyond(outcome, np.full(outcome.y.size, FIXED_THRESHOLD))


def _triple_barrier(outcome: _Outcome) -> Classes:
    """First touch of O_{t+1}·exp(±0.96·σ_t·√h) by H or L of bars t+1 … t+h (López de Prado 2018, ch. 3).

    A bar of another market on the way touches nothing here, so there is no label unless a touch came before it.
    """
    h, n = outcome.horizon, outcome.y.size
    if h < SHORTEST_BARRIER_HORIZON:
        raise BadSettings(
            f"label rule 'triple_barrier' needs a horizon of {SHORTEST_BARRIER_HORIZON} bars or more, found {h}; "
            "lengthen it."
        )
    classes, double = np.full(n, NEUTRAL, dtype=np.int8), np.zeros(n, dtype=np.bool_)
    rows = np.flatnonzero(outcome.known & ~np.isnan(outcome.sigma))
    classes[np.isnan(outcome.sigma)] = NONE
    opens, high, low = (outcome.bars[name].to_numpy() for name in ("open", "high", "low"))
    here = of_this_market(outcome.bars)
    for ahead in range(1, h + 1):
        classes[rows[~here[rows + ahead]]] = NONE
        rows = rows[here[rows + ahead]]
        width = np.exp(BARRIER * outcome.sigma[rows] * np.sqrt(h))
        up = high[rows + ahead] >= opens[rows + 1] * width
        down = low[rows + ahead] <= opens[rows + 1] / width
        classes[rows[up]] = UP
        classes[rows[down]] = DOWN
        classes[rows[up & down]] = NONE
        double[rows[up & down]] = True
        rows = rows[~(up | down)]
    return classes, double


RULES: dict[str, Callable[[_Outcome], Classes]] = {
    "volatility": _volatility,
    "cost": _cost,
    "triple_barrier": _triple_barrier,
    "fixed": _fixed,
}
