"""Features 15–17 of meta17: what the best and the worst wallets were doing. An optional group.

Defined on 5 m bars, from FLOW of pipelines.market.wallets; a longer bar takes the last value in it. Not here: which
wallets those are, what they traded, and how much is usual (pipelines/market/wallets).
"""

from datetime import timedelta

import numpy as np
import polars as pl

from pipelines.features.block import Array, Block, Inputs, Whole
from pipelines.features.declaration import Feature, Minutes, feature
from pipelines.features.exponential import fading_sum

FIVE = timedelta(minutes=5)
_ALPHA, _FURTHEST, _KNOWN = 0.02, 3.0, 1_062
_MOST = 0.9951
"""tanh 3, rounded up: no average of such values is larger."""
_LOOKBACK = Minutes(_KNOWN * 5, last_only=True)


def pressure(flow: pl.Series, usual: pl.Series) -> Array:
    """tanh(clip(F/ADV, ±3)) of every row; NaN where either is null, else 0 where ADV is 0."""
    traded, volume = flow.to_numpy(), usual.to_numpy()
    with np.errstate(all="ignore"):  # 0/0 has its stated value below
        shares = np.where((volume == 0.0) & ~np.isnan(traded), 0.0, traded / volume)
    moved: Array = np.tanh(np.clip(shares, -_FURTHEST, _FURTHEST))
    return moved


def remembered(times: pl.Series, values: Array) -> Array:
    """The ema (α = 0.02, from 0) of five-minute rows; NaN before row 1,061 of each unbroken run of known values."""
    steps = np.diff(times.to_physical().to_numpy()) != FIVE // timedelta(microseconds=1)
    unknown = np.isnan(values)
    new = np.append(True, steps | unknown[1:] | unknown[:-1]) if len(values) else np.zeros(0, dtype=np.bool_)
    out = np.full(len(values), np.nan)
    starts = np.flatnonzero(new)
    ends = np.append(starts, len(values))[1:]
    long = ends - starts >= _KNOWN  # a shorter run is all warm-up
    for start, stop in zip(starts[long], ends[long], strict=True):
        faded = fading_sum(values[start:stop], 1.0 - _ALPHA, _KNOWN, times=_ALPHA)
        out[start + _KNOWN - 1 : stop] = faded[_KNOWN - 1 :]
    return out


def _cohort(name: str) -> Whole:
    def values(inputs: Inputs) -> Array:
        table = inputs.table("flow", "cohort", ("open_time", f"flow_{name}", "adv")).sort("open_time")
        pushed = remembered(table["open_time"], pressure(table[f"flow_{name}"], table["adv"]))
        last = inputs.bars.select(pl.col("open_time") + inputs.length - FIVE)
        known = table.select("open_time", value=pl.Series(pushed))
        joined = last.join(known, on="open_time", how="left", maintain_order="left")
        return joined["value"].fill_null(np.nan).to_numpy()

    return Whole(values)


def _declared(name: str, cohort: str, place: int) -> Feature:
    whole = _cohort(cohort)

    @feature(
        name=name,
        unit="[-1,1]",
        inputs=(f"flow_{cohort}", "adv"),
        aggregation="last",
        lookback=_LOOKBACK,
        bounds=(-_MOST, _MOST),
        source="cohorts",
        shortest=5,
        doc=f"ema (α = 0.02, from 0) of tanh(clip(F/ADV, ±3)), F what the {cohort} wallets bought less what they sold "
        f"in 5 minutes, ADV the usual traded value of a day; 0 for ADV = 0.\n\nSource: FEATURES.md, meta17 {place}.",
    )
    def pushed(x: Block) -> Array:
        return x(whole)

    return pushed


S_top = _declared("S_top", "top", 16)
S_bot = _declared("S_bot", "bottom", 17)


@feature(
    unit="[-1,1]",
    inputs=("flow_top", "flow_bottom", "adv"),
    aggregation="last",
    lookback=_LOOKBACK,
    bounds=(-1.991, 1.991),
    source="cohorts",
    shortest=5,
)
def flow_diff(x: Block) -> Array:
    """S_top − S_bot, redundant by construction.

    Source: FEATURES.md, meta17 15.
    """
    return x(S_top) - x(S_bot)
