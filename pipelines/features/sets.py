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
_SETS = {"v4": _V4, "v5": _V5, "meta12": _META_BARS, "meta17_funding": _META_FUNDING}


@dataclass(frozen=True)
class FeatureSet:
    """An ordered list of features under a name."""

    name: str
    names: tuple[str, ...]
    lookback: int  # bars including t at 1 m, the longest of the set
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


def feature_set(name: str) -> FeatureSet:
    """A set by name (v4, v5, meta12, meta17_funding); raises UnknownName for any other."""
    if name not in _SETS:
        raise UnknownName(_unknown("feature set", name, list(_SETS)))
    names = _SETS[name]
    lookback = max(feature.bars(1) for feature in features_named(names))
    return FeatureSet(name, names, lookback, names_sha256(names))


def best_set(features: pl.DataFrame) -> FeatureSet:
    """v5 if its columns 34–53 are all known on at least half of the rows past the lookback, else v4.

    features : a feature table of one symbol and timeframe, sorted by open_time.
    """
    v4, v5 = feature_set("v4"), feature_set("v5")
    if not set(v5.names) <= set(features.columns):
        return v4
    past = features.slice(v5.lookback - 1)
    complete = past.select(pl.all_horizontal(pl.col(v5.names[33:]).is_not_null()).mean()).item()
    return v5 if complete is not None and complete >= 0.5 else v4


def _unknown(kind: str, name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=3, cutoff=0.5) or known[:5]
    return f"{kind} {name!r} is not declared: the nearest known are {', '.join(near)}; correct the name."
