"""The catalogue of declared features and the named, ordered, hashed sets that models are trained on.

A set is frozen: its order and hash are part of every bundle, so a new feature never changes v4 or v5. What
does not live here: formulas and the engine.
"""

import hashlib
import pkgutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import import_module

import polars as pl

from pipelines.errors import UnknownName
from pipelines.features.declaration import Feature
from pipelines.market.timeframes import minutes_of

_V4 = (
    *("open", "high", "low", "close", "volume"),
    *("session_tokyo", "session_london", "session_new_york", "day_of_week", "is_weekend"),
    *("spread", "spread_pct", "atr", "spread_atr_ratio", "volume_ma", "volume_ratio", "volume_trend"),
    *("sma_7", "sma_14", "sma_21", "sma_50"),
    *("close_sma_7_ratio", "close_sma_14_ratio", "close_sma_21_ratio", "close_sma_50_ratio"),
    *("rsi_14", "macd", "macd_signal", "macd_histogram"),
    *("bb_upper", "bb_lower", "bb_width", "bb_position"),
)
_V5 = (
    *_V4,
    *("bid_ask_spread", "spread_volatility", "order_book_imbalance", "book_pressure_5", "book_pressure_10"),
    *("weighted_mid_price", "microprice", "effective_spread", "trade_intensity"),
    *("buy_volume_ratio", "sell_volume_ratio", "trade_size_mean", "trade_size_std", "large_trade_ratio"),
    *("tick_volatility", "tick_volatility_5m", "realized_volatility", "jump_indicator"),
    *("vwap_distance", "arrival_price_impact"),
)
_META_FUNDING = ("funding_rate", "funding_momentum_1h")
_META_BARS = (
    *("mom_1", "mom_3", "mr_ema20_z", "rv_1h", "regime_high_vol", "gk_volatility", "jump_magnitude"),
    *("volume_intensity", "price_efficiency", "price_volume_corr", "vwap_momentum", "depth_proxy"),
)
_META_COHORTS = ("flow_diff", "S_top", "S_bot")
_INTRADAY = (
    *("momentum_5m", "momentum_15m", "momentum_30m", "vwap_60", "volume_imbalance", "order_flow_imbalance"),
    *(
        "bid_ask_spread",
        "rv_1h",
        "volatility_regime",
        "market_breadth",
        "intraday_return",
        "minutes_to_close",
    ),
)
_HOURS = (
    *("hour_mom_1", "hour_mom_3", "hour_rv_1h", "hour_rsi_14"),
    *("hour_close_sma_50_ratio", "hour_bb_position", "hour_spread_pct", "hour_volume_ratio"),
)
_SETS = {
    "v4": _V4,
    "v5": _V5,
    "hours": _HOURS,
    "v4_hours": (*_V4, *_HOURS),
    "v5_hours": (*_V5, *_HOURS),
    "meta12": _META_BARS,
    "meta17": (*_META_BARS, *_META_FUNDING, *_META_COHORTS),
    "meta17_funding": _META_FUNDING,
    "meta17_cohorts": _META_COHORTS,
    "intraday12": _INTRADAY,
}


@dataclass(frozen=True)
class FeatureSet:
    """An ordered list of features under a name."""

    name: str
    names: tuple[str, ...]
    lookback: int  # bars including t over which it reads anything; at 1 m unless a timeframe was given
    sha256: str  # of the ordered names, one per line


def names_sha256(names: Iterable[str]) -> str:
    """Hash of an ordered list of names: SHA-256 of the names joined by line feeds, hexadecimal."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


@cache
def catalogue() -> tuple[Feature, ...]:
    """Every declared feature: v5 in its order, then the others by name. Files are found, not registered."""
    package = import_module("pipelines.features")
    found: dict[str, Feature] = {}
    for module in pkgutil.iter_modules(package.__path__):
        for thing in vars(import_module(f"pipelines.features.{module.name}")).values():
            if isinstance(thing, Feature):
                found[thing.name] = thing
    others = sorted(found.keys() - set(_V5))
    return tuple(found[name] for name in (*_V5, *others))


def features_named(names: Sequence[str]) -> tuple[Feature, ...]:
    """The features of these names, in their order; raises UnknownName for one nobody declared."""
    by_name = {feature.name: feature for feature in catalogue()}
    for name in names:
        if name not in by_name:
            raise UnknownName(_unknown("feature", name, list(by_name)))
    return tuple(by_name[name] for name in names)


def require_existing(features: Iterable[Feature], timeframe: str) -> None:
    """Raise UnknownName for a feature that bars of the timeframe do not have."""
    minutes = minutes_of(timeframe)
    for one in features:
        if not one.exists(minutes):
            raise UnknownName(
                f"feature {one.name!r} does not exist on {timeframe} bars: expected bars of {one.shortest} to "
                f"{one.longest} minutes, found {minutes}; leave it out, as feature_set(…, {timeframe!r}) does."
            )


def feature_set(name: str, timeframe: str | None = None) -> FeatureSet:
    """A set by name, such as v4, v5, meta17, intraday12 or hours; UnknownName with the nearest ones for any other.

    timeframe : leaves out the features that its bars do not have, and counts the lookback in them
    Features of an optional source (funding, cohorts, breadth, hours) are named too: whoever has no source leaves them
    out.
    """
    if name not in _SETS:
        raise UnknownName(_unknown("feature set", name, list(_SETS)))
    minutes = minutes_of(timeframe or "1m")
    features = [one for one in features_named(_SETS[name]) if timeframe is None or one.exists(minutes)]
    names = tuple(one.name for one in features)
    lookback = max((one.reaches(minutes) for one in features), default=1)
    return FeatureSet(name, names, lookback, names_sha256(names))


def best_set(features: pl.DataFrame) -> FeatureSet:
    """The widest set to train on: v5 if columns 34–53 are all known often enough, else v4; with `_hours` if those are.

    features : a feature table of one symbol and timeframe, sorted by open_time. Often enough: on at least half of the
        rows past the lookback.
    """
    v4, v5, hours = feature_set("v4"), feature_set("v5"), feature_set("hours")
    past = features.slice(v5.lookback - 1)
    ticks, context = _often_known(past, v5.names[len(v4.names) :]), _often_known(past, hours.names)
    return feature_set(("v5" if ticks else "v4") + ("_hours" if context else ""))


def common_set(sets: Iterable[FeatureSet]) -> FeatureSet:
    """The widest set to train on that all of these hold: v5 only when all have ticks, hours only when all have them."""
    held = [set(one.names) for one in sets]
    wide = (feature_set(name) for name in ("v5_hours", "v5", "v4_hours"))
    return next((one for one in wide if all(set(one.names) <= names for names in held)), feature_set("v4"))


def _often_known(rows: pl.DataFrame, names: Sequence[str]) -> bool:
    if not set(names) <= set(rows.columns):
        return False
    complete = rows.select(pl.all_horizontal(pl.col(names).is_not_null()).mean()).item()
    return complete is not None and complete >= 0.5


def _unknown(kind: str, name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=3, cutoff=0.5) or known[:5]
    return f"{kind} {name!r} is not declared: the nearest known are {', '.join(near)}; correct the name."
