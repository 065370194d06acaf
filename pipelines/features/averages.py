"""Features 18–25: simple moving averages of the close and the close against them."""

from pipelines.features.block import Array, Block
from pipelines.features.declaration import Feature, feature
from pipelines.features.rolling import window_mean


def _average(rows: int) -> Feature:
    @feature(
        name=f"sma_{rows}",
        unit="quote",
        inputs=("close",),
        encoding="anchored",
        lookback=rows,
        bounds=(0.0, float("inf")),
        doc=f"Mean close of {rows} bars.\n\nSource: FEATURES.md 18–21.",
    )
    def average(x: Block) -> Array:
        return window_mean(x.close, rows)

    return average


def _against(average: Feature, rows: int) -> Feature:
    @feature(
        name=f"close_{average.name}_ratio",
        unit="ratio",
        inputs=("close",),
        lookback=rows,
        bounds=(0.0, float(rows)),
        doc=f"C/{average.name}. At most {rows}: the close is part of the mean.\n\nSource: FEATURES.md 22–25.",
    )
    def against(x: Block) -> Array:
        return x.close / x(average)

    return against


sma_7 = _average(7)
sma_14 = _average(14)
sma_21 = _average(21)
sma_50 = _average(50)
close_sma_7_ratio = _against(sma_7, 7)
close_sma_14_ratio = _against(sma_14, 14)
close_sma_21_ratio = _against(sma_21, 21)
close_sma_50_ratio = _against(sma_50, 50)
