"""Features 5 and 15–17: the bar's volume, its mean and its trend. Who traded lives in flow.py."""

import numpy as np

from pipelines.features.block import Array, Block
from pipelines.features.declaration import feature
from pipelines.features.rolling import Windows, ratio


def volume_windows(x: Block) -> Windows:
    """Windows over volume."""
    return Windows(x.volume)


@feature(unit="base", encoding="scaled", lookback=1, bounds=(0.0, float("inf")), column="volume")
def volume(x: Block) -> Array:
    """Amount traded in the bar.

    Source: FEATURES.md 5.
    """
    return x.volume


@feature(unit="base", encoding="scaled", lookback=20, bounds=(0.0, float("inf")))
def volume_ma(x: Block) -> Array:
    """Mean volume of 20 bars.

    Source: FEATURES.md 15.
    """
    return x(volume_windows).mean(20)


@feature(unit="ratio", encoding="log1p", lookback=20, bounds=(0.0, 20.0))
def volume_ratio(x: Block) -> Array:
    """V/volume_ma; 1 when volume_ma is 0. At most 20: the bar is part of the mean.

    Source: FEATURES.md 16.
    """
    values = ratio(x.volume, x(volume_ma), when_zero=1.0)
    return np.minimum(values, 20.0, out=values)


@feature(unit="1/bar", lookback=20, bounds=(-2 / 7, 2 / 7))
def volume_trend(x: Block) -> Array:
    """Least-squares slope of V over 20 bars ÷ volume_ma; 0 when volume_ma is 0.

    Slope = Σ (i − 9.5)·V_i / 665, i = 0 … 19. All volume in the last bar gives 9.5·20/665 = 2/7.
    Source: FEATURES.md 17.
    """
    values = ratio(x(volume_windows).slope(20), x(volume_ma), when_zero=0.0)
    return np.clip(values, -2 / 7, 2 / 7, out=values)
