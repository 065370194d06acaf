"""Planted leaks, each a function of a few lines with its story, and honest functions that look much like them.

The negative control of the leak detector: a detector that finds nothing in our features proves nothing until it
finds each of these. planted.py says what a leak is, markets.py what they are run on; one family a file.
"""

from tests.pipelines.features.zoo import events, filling, rare, records, training, whole, windows, within
from tests.pipelines.features.zoo.honest import HONEST
from tests.pipelines.features.zoo.planted import Planted, found_in

ZOO: tuple[Planted, ...] = tuple(
    leak
    for family in (windows, filling, whole, within, records, events, training, rare)
    for leak in found_in(family)
)

__all__ = ["HONEST", "ZOO", "Planted"]
