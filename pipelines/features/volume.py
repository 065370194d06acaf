"""Features 5 and 15–17: the bar's volume, its mean and its trend. Who traded lives in flow.py."""

import numpy as np

from pipelines.features.block import Array, Block
from pipelines.features.compiled import each_row
from pipelines.features.declaration import feature
from pipelines.features.rolling import window_mean, window_slope


@feature(
    unit="base",
    inputs=("volume",),
    encoding="scaled",
    lookback=1,
    bounds=(0.0, float("inf")),
    unchanged=True,
)
def volume(x: Block) -> Array:
    """Amount traded in the bar.

    Source: FEATURES.md 5.
    """
    return x.volume


@feature(unit="base", inputs=("volume",), encoding="scaled", lookback=20, bounds=(0.0, float("inf")))
def volume_ma(x: Block) -> Array:
    """Mean volume of 20 bars.

    Source: FEATURES.md 15.
    """
    return window_mean(x.volume, 20)


@feature(unit="ratio", inputs=("volume",), encoding="log1p", lookback=20, bounds=(0.0, 20.0))
def volume_ratio(x: Block) -> Array:
    """V/volume_ma; 1 when volume_ma is 0. At most 20: the bar is part of the mean.

    Source: FEATURES.md 16.
    """
    return _against_mean(x.volume, x(volume_ma))


@each_row
def _against_mean(volume: float, mean: float) -> float:
    return 1.0 if mean == 0.0 else np.minimum(volume / mean, 20.0)


@feature(unit="1/bar", inputs=("volume",), lookback=20, bounds=(-2 / 7, 2 / 7))
def volume_trend(x: Block) -> Array:
    """Least-squares slope of V over 20 bars ÷ volume_ma; 0 when volume_ma is 0.

    Slope = Σ (i − 9.5)·V_i / 665, i = 0 … 19. All volume in the last bar gives 9.5·20/665 = 2/7.
    Source: FEATURES.md 17.
    """
    return _trend(window_slope(x.volume, 20), x(volume_ma))


@each_row
def _trend(slope: float, mean: float) -> float:
    return 0.0 if mean == 0.0 else np.minimum(np.maximum(slope / mean, -2 / 7), 2 / 7)
