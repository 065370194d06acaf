"""Features 1–4: the bar's own prices. The bar's volume lives in volume.py."""

from pipelines.features.block import Array, Block
from pipelines.features.declaration import feature


@feature(
    unit="quote",
    inputs=("open",),
    encoding="anchored",
    lookback=1,
    bounds=(0.0, float("inf")),
    unchanged=True,
)
def open(x: Block) -> Array:  # noqa: A001  (the column's name in every table)
    """First price of the bar; the last close in a bar without a trade.

    Source: FEATURES.md 1.
    """
    return x.open


@feature(
    unit="quote",
    inputs=("high",),
    encoding="anchored",
    lookback=1,
    bounds=(0.0, float("inf")),
    unchanged=True,
)
def high(x: Block) -> Array:
    """Highest price of the bar.

    Source: FEATURES.md 2.
    """
    return x.high


@feature(
    unit="quote", inputs=("low",), encoding="anchored", lookback=1, bounds=(0.0, float("inf")), unchanged=True
)
def low(x: Block) -> Array:
    """Lowest price of the bar.

    Source: FEATURES.md 3.
    """
    return x.low


@feature(
    unit="quote",
    inputs=("close",),
    encoding="anchored",
    lookback=1,
    bounds=(0.0, float("inf")),
    unchanged=True,
)
def close(x: Block) -> Array:
    """Last price of the bar; every anchored and relative column is measured against it.

    Source: FEATURES.md 4.
    """
    return x.close
