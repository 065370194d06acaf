"""The leak detector as an asset check for features of one's own, of any asset and any function.

Our own features have theirs in causality.py. What a leak is and how it is found: pipelines/features/causality.
"""

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import dagster as dg
import polars as pl

from assets.causality import verdict
from pipelines.features.causality import Table, leaks
from pipelines.features.causality.world import Compute

Given = tuple[pl.DataFrame, Mapping[str, Table]]
Read = Callable[[dg.AssetCheckExecutionContext], Given]
"""From the check's run (its partition_key, its resources) to the bars and the tables beside them."""


def causality_check(
    asset: dg.AssetKey | str,
    compute: Compute,
    read: Read,
    *,
    usable_after: timedelta | None = None,
    partitions_def: dg.PartitionsDefinition | None = None,
    blocking: bool = False,
    required_resource_keys: set[str] | None = None,
    **search: Any,
) -> dg.AssetChecksDefinition:
    """The check `is_causal` of an asset: red, with column, row and reach of each leak, when `compute` reads the future.

    compute : the very function that makes the asset's features, from bars (and tables, by name) to one row a bar
    read : what it is given; some thousands of bars are enough
    usable_after : from a bar's open until it can be acted on; needed with tables
    partitions_def : of the asset where it is partitioned, so that one good partition releases no other
    search : memory, looks, thorough, seed and the other choices of `leaks`
    What cannot be judged (other rows, another answer to the same bars) fails the check's run with leaks' sentence.
    """

    @dg.asset_check(
        name="is_causal",
        asset=asset,
        blocking=blocking,
        partitions_def=partitions_def,
        required_resource_keys=required_resource_keys,
        description="No value changes, to the last bit, when only what became known later does.",
    )
    def is_causal(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        started = time.monotonic()
        bars, tables = read(context)
        found = leaks(compute, bars, tables=tables, usable_after=usable_after, **search)
        return verdict(found, started, bars=bars.height)

    return is_causal
