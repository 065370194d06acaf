"""Which rows of a feature are known: those whose window holds no gap. Values are engine.py's, gaps are day.py's.

A feature from ticks, or of another source, is null too where its formula says NaN; any other NaN stays to be seen.
"""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from pipelines.features.block import Array, Inputs
from pipelines.features.compiled import kernel
from pipelines.features.day import place
from pipelines.features.declaration import ByClock, Feature, Lookback, Minutes

Ages = NDArray[np.int32]
Bits = NDArray[np.uint8]
"""A bit a row, the first row lowest, as in Arrow's validity bitmaps: (⌈N/8⌉,)."""
_Window = tuple[bool, Lookback]


class Known:
    """What is known of each feature, noted block by block; all that look back alike share one bitmap."""

    def __init__(self, inputs: Inputs, wanted: Sequence[Feature]) -> None:
        self._inputs = inputs
        self._ages: dict[tuple[bool, bool], Ages] = {}
        self._without_ticks: bool | None = None  # whether some bar is, where a feature needs ticks
        self._windows = {_window(one): self._age(one) for one in wanted}
        size = -(-inputs.bars.height // 8)
        named = [one.name for one in wanted if _may_be_nan(one)]
        self._bits: dict[object, Bits] = {key: np.empty(size, np.uint8) for key in (*self._windows, *named)}
        self._partly: set[object] = set()  # whose bitmap has a row that is not known

    def note_windows(self, start: int, stop: int) -> None:
        """Take note of the windows that end in rows [start, stop); `start` is a multiple of 8."""
        for key, (age, least) in self._windows.items():
            bits = self._bits[key][start // 8 : -(-stop // 8)]
            if age[start:stop].min() >= least:  # as in most blocks
                bits.fill(255)
            elif _pack(age[start:stop], least, bits):
                self._partly.add(key)

    def note_values(self, feature: Feature, values: Array, start: int, stop: int) -> None:
        """Take note of the NaN among rows [start, stop) of its `values` (N,), whose windows are noted."""
        if _may_be_nan(feature):
            part = slice(start // 8, -(-stop // 8))
            window = self._bits[_window(feature)][part]
            if _without_nan(values[start:stop], window, self._bits[feature.name][part]):
                self._partly.add(feature.name)

    def bits(self, feature: Feature) -> Bits | None:
        """The known rows of a feature, when every block is noted; None where all are."""
        key = feature.name if _may_be_nan(feature) else _window(feature)
        return self._bits[key] if key in self._partly else None

    def _age(self, feature: Feature) -> tuple[Ages, int]:
        """A count of bars, (N,), and the least of it for a window without a gap: since the last gap, or to spare."""
        age = self._bars_since(feature.ticks, by_clock=isinstance(feature.lookback, Minutes | ByClock))
        minutes = self._inputs.length // timedelta(minutes=1)
        if not isinstance(feature.lookback, ByClock):
            return age, feature.bars(minutes) - 1
        needed = feature.lookback.needed(place(self._inputs, feature.lookback.since), minutes)
        return (age + 1 - needed).astype(np.int32), 0

    def _some_without_ticks(self) -> bool:
        if self._without_ticks is None:
            self._without_ticks = bool(np.isnan(self._inputs.column("trades")).any())
        return self._without_ticks

    def _bars_since(self, ticks: bool, *, by_clock: bool) -> Ages:
        """Bars since the last gap, (N,); −1 on a bar without ticks when these are needed.

        by_clock : the hours in which the market is closed are a gap too
        """
        ticks = ticks and self._some_without_ticks()
        by_clock = by_clock and self._inputs.run is not self._inputs.unbroken
        if (ticks, by_clock) not in self._ages:
            run = self._inputs.unbroken if by_clock else self._inputs.run
            trades = self._inputs.column("trades") if ticks else np.zeros(0)
            self._ages[ticks, by_clock] = _ages(run, trades)
        return self._ages[ticks, by_clock]


def _window(feature: Feature) -> _Window:
    return feature.ticks, feature.lookback


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
def _pack(age: Ages, least: int, bits: Bits) -> int:
    """Set the bits of rows that are old enough; how many are not."""
    known = np.zeros(8 * bits.size, dtype=np.uint8)
    count = 0
    for i in range(age.size):
        known[i] = age[i] >= least
        count += known[i]
    for j in range(bits.size):
        byte = 0
        for k in range(8):
            byte |= known[8 * j + k] << k
        bits[j] = byte
    return age.size - count


@kernel
def _without_nan(values: Array, bits: Bits, out: Bits) -> int:
    """`bits` without those of rows that are NaN; how many rows are not known then."""
    known = np.zeros(8 * bits.size, dtype=np.uint8)
    for i in range(values.size):
        known[i] = values[i] == values[i]
    count = 0
    for j in range(bits.size):
        byte = 0
        for k in range(8):
            byte |= (known[8 * j + k] & (bits[j] >> k)) << k
            count += known[8 * j + k] & (bits[j] >> k)
        out[j] = byte
    return values.size - count
