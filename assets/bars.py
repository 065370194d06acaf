"""The one bar table as an asset, judged before it is written, and the ledger of what is no row.

What makes a bar: pipelines/market/assembly.py. What a ledger is: pipelines/market/coverage.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import dagster as dg
import polars as pl

from assets.automation import when_inputs_change
from assets.describe import OWNERS, written
from assets.names import told_of, within_own
from assets.partitions import Partitions, dimensions
from assets.tables import KINDS, optional
from pipelines.errors import BadData
from pipelines.market.assembly import Assembly, assemble_told
from pipelines.market.bars import Quality, quality
from pipelines.market.coverage import adds_up, coverage, expected_opens, totals
from pipelines.market.schemas import EVIDENCE, MINUTE_BARS
from pipelines.market.timeframes import GRACE, length_of
from pipelines.settings import Settings
from resources.clock import Clock
from resources.lake import Lake

GROUP = "market"


def build(p: Partitions) -> list[dg.AssetsDefinition]:
    """The bar asset of these partitions."""
    return [_bars(p)]


def _bars(p: Partitions) -> dg.AssetsDefinition:
    consistent = dg.AssetCheckSpec(
        "is_consistent",
        asset="bars",
        blocking=True,
        partitions_def=p.bars,
        description="Sorted, unique, finite, low <= open, close <= high, volume >= 0.",
    )
    accounted = dg.AssetCheckSpec(
        "adds_up",
        asset="bars",
        blocking=True,
        partitions_def=p.bars,
        description="Present, verified-empty, unknown and venue-down bars add up to those that the calendar expects.",
    )

    @dg.asset(
        partitions_def=p.bars,
        deps=[
            dg.AssetDep("minute_bars", partition_mapping=p.market_days_to_bars()),
            dg.AssetDep("candles", partition_mapping=p.shorter_or_same_timeframe()),
        ],
        check_specs=[consistent, accounted],
        automation_condition=when_inputs_change("minute_bars", "candles"),
        group_name=GROUP,
        owners=OWNERS,
        kinds=KINDS,
        description="The one bar table: ticks of the primary market where they exist, else candles; unknown is no row. "
        "Beside it the `coverage` ledger says of every expected bar what is known.",
    )
    def bars(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        settings: dg.ResourceParam[Settings],
        clock: dg.ResourceParam[Clock],
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
        keys = dimensions(context.partition_key)
        told = bars_of(lake, settings, keys["symbol"], keys["timeframe"])
        found = quality(told.bars, keys["timeframe"])
        if not found.sound:
            yield _consistency(found)  # the red check is kept, though no materialization follows it
            raise BadData(
                f"bars {context.partition_key} are not consistent: expected no fault, found {_said(found.faults)} "
                f"in {found.rows} rows; nothing was written, repair the candles or ticks they are made of."
            )
        ledger, wrong = ledger_of(told, settings, keys, clock.now())
        if wrong:
            yield _account(ledger, wrong)
            raise BadData(
                f"coverage of {context.partition_key} does not add up: expected every bar of the calendar once, found "
                f"{'; '.join(wrong)}; nothing was written, correct the span or the calendar of the symbol."
            )
        receipt = lake.replace_months("bars", told.bars, keys)
        lake.replace("coverage", ledger, keys)
        checks = [_consistency(found), _account(ledger, wrong)]
        yield written(receipt, told.notes, checks, origins=_origins(told.bars), coverage=_counts(ledger))

    return bars


def bars_of(lake: Lake, settings: Settings, symbol: str, timeframe: str) -> Assembly:
    """BARS of one symbol and timeframe from the stored ticks and candles, and the evidence about what is no row.

    Only bars of the symbol's span: a lake may still hold ticks of days that the universe no longer names.
    """
    declared, span = settings.universe.of(symbol), settings.universe.expected_span(symbol)
    minutes = optional(lake, "minute_bars", {"market": declared.primary}, MINUTE_BARS)
    minutely, _ = told_of(lake, settings, symbol, "1m")
    own_told, notes = told_of(lake, settings, symbol, timeframe)
    minutely = replace(minutely, evidence=pl.concat([minutely.evidence, outages_of(lake, declared.primary)]))
    found = assemble_told(
        within_own(minutes, "open_time", symbol, settings), minutely, own_told, timeframe, declared.calendar
    )
    inside = pl.col("open_time").is_between(*span, closed="left")
    return Assembly(found.bars.filter(inside), found.evidence, notes)


def outages_of(lake: Lake, market: str) -> pl.DataFrame:
    """EVIDENCE of when the source of a market's ticks was down, and of minutes in which only its book was heard.

    What else a source said is about its ticks, not its bars.
    """
    said = optional(lake, "tick_evidence", {"market": market}, {**EVIDENCE, "told_of": pl.String})
    of_minutes = (pl.col("kind") == "venue-down") | (pl.col("told_of") == "minute_bars")
    return said.filter(of_minutes).select(list(EVIDENCE)).unique(maintain_order=True)


def ledger_of(
    told: Assembly, settings: Settings, keys: Mapping[str, str], now: datetime
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """COVERAGE of the bars that are expected by now, and what does not add up in it.

    A bar is expected when it opens in the symbol's span and could have been had: its close and the grace lie before
    `now`. Rows outside that span or outside the calendar's sessions do not add up.
    """
    symbol, timeframe = keys["symbol"], keys["timeframe"]
    start, end = settings.universe.expected_span(symbol)
    closed = now - GRACE - length_of(timeframe)
    opens = expected_opens((start, end), timeframe, settings.universe.of(symbol).calendar)
    opens = opens.filter((opens <= closed) | opens.is_in(told.bars["open_time"].implode()))
    ledger = coverage((start, end), told.bars, told.evidence, timeframe, opens)
    return ledger, adds_up(ledger, told.bars, len(opens))


def _said(faults: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in faults.items())


def _consistency(found: Quality) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(check_name="is_consistent", passed=found.sound, metadata=found.as_dict())


def _account(ledger: pl.DataFrame, wrong: Sequence[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="adds_up",
        passed=not wrong,
        metadata={**totals(ledger), "wrong": "; ".join(wrong) or "nothing"},
    )


def _origins(frame: pl.DataFrame) -> dg.MetadataValue:
    counts = frame.group_by("origin").len().sort("origin")
    return dg.MetadataValue.json(dict(counts.iter_rows()))


def _counts(ledger: pl.DataFrame) -> dg.MetadataValue:
    return dg.MetadataValue.json(totals(ledger))
