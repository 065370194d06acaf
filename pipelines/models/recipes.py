"""The zoo as one table: what can be trained, where, with which label. No model is imported here."""

from dataclasses import dataclass
from typing import Literal

from pipelines.errors import UnknownName
from pipelines.sequences.specs import TIMING_WINDOWS, spec

TIMEFRAME_HORIZONS = {"1m": 60, "5m": 12, "15m": 4, "30m": 4, "1h": 6, "12h": 2, "1d": 1}  # bars


@dataclass(frozen=True)
class Recipe:
    """One row of the zoo. How it is trained stands in the config of the file that `fit` names."""

    name: str
    partition: Literal["symbol × timeframe", "window"]
    fit: str  # module:function that turns tables into a Candidate
    features: str  # which feature set: the widest that the bars support
    horizons: dict[str, int]  # bars, by timeframe or window; of profile `default`
    label_rule: str
    folds: str
    what: str


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="boosted_trees",
            partition="symbol × timeframe",
            fit="pipelines.models.trees:fit_boosted_trees",
            features="v5 where ticks cover half the rows, else v4",
            horizons=TIMEFRAME_HORIZONS,
            label_rule="volatility",
            folds="5 expanding walk-forward folds after 40 % of the bars, then a final fit on all",
            what="gradient-boosted trees on one bar's features, one symbol",
        ),
        Recipe(
            name="timing",
            partition="window",
            fit="pipelines.models.timing:fit_timing",
            features="v5 where ticks cover half the rows of every symbol, else v4",
            horizons={name: spec(name).horizon for name in TIMING_WINDOWS},
            label_rule="volatility",
            folds="one chronological split 70/30; the bundle is the very model that was judged",
            what="a small transformer over patches of a sequence, all symbols together",
        ),
    )
}


def recipe(name: str) -> Recipe:
    """The recipe of that name; raises UnknownName for any other word."""
    try:
        return RECIPES[name]
    except KeyError:
        raise UnknownName(
            f"recipe {name!r} is not known: expected one of {', '.join(RECIPES)}; correct it."
        ) from None


def horizon_of(name: str, key: str, profile: str = "default") -> int:
    """Horizon in bars of a recipe at a timeframe or window; raises UnknownName for another key or profile.

    `profile`: whose horizons windows have; timeframes have one.
    """
    horizons = recipe(name).horizons
    if key not in horizons:
        raise UnknownName(
            f"recipe {name!r} has no horizon for {key!r}: expected one of {', '.join(horizons)}; correct it."
        )
    return spec(key, profile).horizon if recipe(name).partition == "window" else horizons[key]
