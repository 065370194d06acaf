"""What the bars are worth, as an asset: findings as checks, a page with plots, a table. Rules: market/quality.

A blocking finding keeps the features of its own partition from being made; the page is written either way, since it
is where somebody looks for the reason.
"""

from collections.abc import Iterator, Sequence
from datetime import date

import dagster as dg
import polars as pl

from assets.automation import when_inputs_are_judged
from assets.describe import OWNERS, table, written
from assets.judged import refuse_blocked, version_to_keep
from assets.partitions import Partitions, dimensions
from assets.tables import KINDS, optional
from pipelines.errors import MissingData
from pipelines.evaluation.report_style import STYLE
from pipelines.market.coverage import Share, known_bars, require_known, totals
from pipelines.market.quality import (
    BLOCKING,
    DELAYS,
    TELLING,
    TICK_DAYS,
    Finding,
    Inputs,
    add_delays,
    as_table,
    findings,
    tick_day,
)
from pipelines.market.quality.report import report, sparkline
from pipelines.market.schemas import FIRST_SEEN, ORDER_BOOK, REVISIONS, TRADES
from pipelines.market.symbols import Market
from pipelines.market.timeframes import minutes_of
from pipelines.settings import Settings
from resources.clock import Clock
from resources.lake import Lake
from resources.registry import durable
from resources.reports import Reports

OF_TRADES = ["time", "local_time", "id"]
OF_BOOKS = ["time", "local_time", "bid_price_1", "ask_price_1"]


def build(p: Partitions) -> list[dg.AssetsDefinition]:
    """The data-quality asset of these partitions."""
    checks = [
        dg.AssetCheckSpec(
            name,
            asset="data_quality",
            blocking=name in BLOCKING,
            partitions_def=p.bars,
            description=f"Finding `{name}` of the bars; "
            + ("features are not made while it is red." if name in BLOCKING else "a warning."),
        )
        for name in (*BLOCKING, *TELLING)
    ]

    @dg.asset(
        partitions_def=p.bars,
        deps=["bars"],
        check_specs=checks,
        automation_condition=when_inputs_are_judged("bars"),
        group_name="market",
        owners=OWNERS,
        kinds=KINDS,
        description="Gaps, duplicates, order, prices, outliers, books, ids and clocks of the bars and what made them.",
    )
    def data_quality(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        settings: dg.ResourceParam[Settings],
        clock: dg.ResourceParam[Clock],
        reports: dg.ResourceParam[Reports],
    ) -> Iterator[dg.MaterializeResult]:
        keys, limits = dimensions(context.partition_key), settings.quality
        bars = lake.fingerprint("bars", keys)  # these are judged, and no newer ones
        inputs = inputs_of(lake, settings, keys["symbol"], keys["timeframe"], bars.version)
        found = findings(inputs, limits)
        path = reports.folder / "data_quality" / f"{keys['symbol']}_{keys['timeframe']}.html"
        page = report(inputs, found, limits, STYLE, f"{clock.now():%Y-%m-%d %H:%M} UTC")
        durable.make_folder(path.parent)
        durable.replace(path, page.encode())
        judged = as_table(found).with_columns(
            bars_sha256=pl.lit(bars.sha256),
            bars_version=pl.lit(version_to_keep(lake, keys, bars), pl.Int64),
        )
        yield written(
            lake.replace("data_quality", judged, keys),
            checks=[_check(one) for one in found],
            report=dg.MetadataValue.path(str(path.resolve())),
            findings=table([_row(one) for one in found]),
            coverage=dg.MetadataValue.json(totals(inputs.ledger)),
            known=dg.MetadataValue.md(f"`{sparkline(inputs.ledger, keys['timeframe'])}`"),
        )
        refuse_blocked(found, context.partition_key)

    return [data_quality]


def inputs_of(
    lake: Lake, settings: Settings, symbol: str, timeframe: str, version: int | None = None
) -> Inputs:
    """What is stored about the bars of one symbol and timeframe, at a version of theirs.

    Ticks only beside the shortest timeframe.
    """
    keys = {"symbol": symbol, "timeframe": timeframe}
    shortest = min(settings.universe.timeframes, key=minutes_of)
    days, delays = (
        ticks_of(lake, settings.universe.of(symbol).primary)
        if timeframe == shortest
        else (pl.DataFrame(schema=TICK_DAYS), pl.DataFrame(schema=DELAYS))
    )
    return Inputs(
        symbol,
        timeframe,
        lake.read("bars", keys, version=version),
        lake.read("coverage", keys),
        optional(lake, "candles", keys, FIRST_SEEN),
        optional(lake, "second_candles", keys, FIRST_SEEN),
        optional(lake, "candle_revisions", keys, REVISIONS),
        days,
        delays,
    )


def ticks_of(lake: Lake, market: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """TICK_DAYS and DELAYS of all stored ticks of a market, read a day at a time."""
    stored = {name: set(lake.dates(name, market)) for name in ("trades", "order_book")}
    rows, delays = [pl.DataFrame(schema=TICK_DAYS)], pl.DataFrame(schema=DELAYS)
    for day in sorted(stored["trades"] | stored["order_book"]):
        keys: dict[str, str | date] = {"market": market, "date": day}
        trades, book = (
            lake.read(name, keys, columns=columns) if day in stored[name] else _no(schema, columns)
            for name, columns, schema in (("trades", OF_TRADES, TRADES), ("order_book", OF_BOOKS, ORDER_BOOK))
        )
        faults = optional(lake, "book_faults", {"market": market, "date": str(day)}, {"crossed": pl.Int64})
        venue = Market.parse(market).venue
        row, late = tick_day(day, trades, book, venue, int(faults["crossed"].sum()))
        rows.append(row)
        delays = add_delays([delays, late])
    return pl.concat(rows), delays


def require_trainable(lake: Lake, settings: Settings, symbol: str, timeframe: str) -> Share:
    """The unknown share of the stored bars; raises NotEnoughEvidence when it is above `quality.unknown_share`.

    Raises MissingData when the bars were made without a ledger.
    """
    keys = {"symbol": symbol, "timeframe": timeframe}
    if not lake.exists("coverage", keys):
        raise MissingData(
            f"bars of {symbol} {timeframe} have no coverage ledger: expected one beside them, found none; materialize "
            "`bars` again."
        )
    limits = settings.quality
    ledger, waived = lake.read("coverage", keys), limits.waived_spans(symbol, timeframe)
    known, rows = known_bars(ledger), lake.row_count("bars", keys)
    if known != rows:
        raise MissingData(
            f"bars of {symbol} {timeframe} are {rows:,} rows and their coverage ledger knows {known:,}: expected "
            "those of one run, found a run that was stopped between the two; materialize `bars` again."
        )
    return require_known(ledger, limits.unknown_share, f"{symbol} {timeframe}", waived)


def _no(schema: dict[str, pl.DataType | type[pl.DataType]], columns: Sequence[str]) -> pl.DataFrame:
    return pl.DataFrame(schema={name: schema[name] for name in columns})


def _check(one: Finding) -> dg.AssetCheckResult:
    metadata: dict[str, str | float] = {"sentence": one.sentence, "limit": one.limit}
    if one.value is not None:
        metadata["value"] = one.value
    severity = dg.AssetCheckSeverity.ERROR if one.blocking else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(check_name=one.name, passed=one.passed, severity=severity, metadata=metadata)


def _row(one: Finding) -> dict[str, object]:
    word = "pass" if one.passed else "FAIL" if one.blocking else "warning"
    return {"finding": one.name, "": word, "what was found": one.sentence.replace("|", "/")}
