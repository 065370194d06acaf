"""Which rows of a feature are known: those whose window holds no gap. Values are engine.py's, gaps are day.py's.

A feature from ticks, or of another source, is null too where its formula says NaN; any other NaN stays to be seen.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.features.block import Array, Inputs
from pipelines.features.compiled import kernel
from pipelines.features.day import place
from pipelines.features.declaration import ByClock, Feature, Lookback, Minutes

Ages = NDArray[np.int32]
Bits = NDArray[np.uint8]
"""A bit a row, the first row lowest, as in Arrow's validity bitmaps: (⌈N/8⌉,)."""


class Known:
    """What is known of each feature; all that look back alike share one bitmap, unless their values say NaN."""

    def __init__(self, inputs: Inputs, wanted: Sequence[Feature]) -> None:
        self._inputs = inputs
        self._minutes = inputs.length // timedelta(minutes=1)
        self._ages: dict[tuple[bool, bool], Ages] = {}
        self._windows: dict[tuple[bool, Lookback], Bits] = {}
        self._without_nan = {one: np.empty_like(self._window(one)) for one in wanted if _may_be_nan(one)}

    def look(self, feature: Feature, values: Array, start: int, stop: int) -> None:
        """Take note of the NaN in rows [start, stop) of a feature's `values` (N,); `start` is a multiple of 8."""
        if _may_be_nan(feature):
            which = slice(start // 8, -(-stop // 8))
            _drop_nan(values[start:stop], self._window(feature)[which], self._without_nan[feature][which])

    def bits(self, feature: Feature) -> Bits | None:
        """Its known rows when every row has been looked at; None when all of them are known."""
        bits = self._without_nan[feature] if _may_be_nan(feature) else self._window(feature)
        rows = self._inputs.bars.height
        full = bool((bits[: rows // 8] == 0xFF).all())
        return None if full and int(np.bitwise_count(bits[rows // 8 :]).sum()) == rows % 8 else bits

    def _window(self, feature: Feature) -> Bits:
        """The rows whose window holds no gap."""
        key = (feature.ticks, feature.lookback)
        if key not in self._windows:
            by_clock = isinstance(feature.lookback, Minutes | ByClock)
            age = self._bars_since(feature.ticks, by_clock=by_clock)
            self._windows[key] = np.packbits(age >= self._needed(feature) - 1, bitorder="little")
        return self._windows[key]

    def _needed(self, feature: Feature) -> Any:
        """Bars that the value needs, its own included: a number, or one for each row."""
        if isinstance(feature.lookback, ByClock):
            return feature.lookback.needed(place(self._inputs, feature.lookback.since), self._minutes)
        return feature.bars(self._minutes)

    def _bars_since(self, ticks: bool, *, by_clock: bool) -> Ages:
        """Bars since the last gap, (N,); −1 on a bar without ticks when these are needed.

        by_clock : the hours in which the market is closed are a gap too
        """
        if (ticks, by_clock) not in self._ages:
            run = self._inputs.unbroken if by_clock else self._inputs.run
            trades = self._inputs.column("trades") if ticks else np.zeros(0)
            self._ages[ticks, by_clock] = _ages(run, trades)
        return self._ages[ticks, by_clock]


def _may_be_nan(feature: Feature) -> bool:
    return feature.ticks or feature.source != "bars"


@kernel
def _ages(run: NDArray[np.int64], trades: Array) -> Ages:
    """Rows since the first of each run, or since the last row whose `trades` are NaN; no trades: (0,)."""
    ages = np.empty(run.size, dtype=np.int32)
    age = -1
    for i in range(run.size):
        age = age + 1 if i > 0 and run[i] == run[i - 1] else 0
        if trades.size > 0 and np.isnan(trades[i]):
            age = -1
        ages[i] = age
    return ages


@kernel
def _drop_nan(values: Array, bits: Bits, out: Bits) -> None:
    """`bits` without those of rows that are NaN."""
    number = np.zeros(8 * bits.size, dtype=np.uint8)
    for i in range(values.size):
        number[i] = values[i] == values[i]
    for j in range(bits.size):
        byte = 0
        for k in range(8):
            byte |= number[8 * j + k] << k
        out[j] = bits[j] & byte
