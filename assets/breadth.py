"""Market breadth as an asset: one table a timeframe, made of the bars of every symbol, which features may read.

A symbol's own features would otherwise have to read the whole market. Only months whose bars changed, of any symbol,
are made again. A symbol counts as it was judged last, so that one whose bars are newer changes nothing yet. The
definition: pipelines/features/breadth.py.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg
import polars as pl

from assets.automation import when_an_input_was_judged
from assets.describe import OWNERS, written
from assets.increments import end_of, month_before, start_of
from assets.judged import judged_version
from assets.partitions import Partitions
from assets.tables import KINDS, optional
from pipelines.errors import BadData, MissingData, NotEnoughEvidence
from pipelines.features.breadth import breadth as breadth_of
from pipelines.features.sources import BREADTH
from pipelines.market.timeframes import length_of
from pipelines.settings import Settings
from resources.fingerprint import fingerprint
from resources.lake import Lake, Receipt
from resources.lake.locking import exclusive

MADE_FROM = dict.fromkeys(("month", "inputs", "breadth"), pl.String)
"""Per month: a fingerprint of all that its breadth is made of, and the content hash of the breadth."""
_BARS = ("open_time", "close")


def build(p: Partitions) -> list[dg.AssetsDefinition]:
    """The breadth of these partitions."""

    @dg.asset(
        partitions_def=p.timeframes,
        deps=[
            dg.AssetDep("bars", partition_mapping=p.timeframes_to_bars()),
            dg.AssetDep("data_quality", partition_mapping=p.timeframes_to_bars()),
        ],
        automation_condition=when_an_input_was_judged("data_quality", followed=["bars"]),
        group_name="features",
        owners=OWNERS,
        kinds=KINDS,
        description="Share of the symbols whose price rose, bar by bar: what market_breadth of every symbol reads. A "
        "symbol whose bars were never judged, or found bad, does not count.",
    )
    def breadth(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings]
    ) -> dg.MaterializeResult:
        timeframe = context.partition_key
        with exclusive(lake.root, f"breadth {timeframe}"):
            market = market_of(lake, settings, timeframe)
            since, stale = stale_months(lake, market)
            frame = breadth_now(lake, market, stale)
            receipt = lake.replace_months("breadth", frame, {"timeframe": timeframe}, since=start_of(since))
            lake.replace("breadth_made_from", made_from(lake, market, receipt), {"timeframe": timeframe})
        return written(
            receipt,
            symbols=len(market.months),
            left_out=dg.MetadataValue.json(dict(market.left_out)),
            made_since=since,
            rows_made=frame.height,
        )

    return [breadth]


@dataclass(frozen=True)
class Market:
    """The symbols that count, each as it was judged last."""

    timeframe: str
    versions: Mapping[str, int]  # symbol -> version of the bars table
    months: Mapping[str, Mapping[str, str]]  # symbol -> month -> content of its bars
    left_out: Mapping[str, str]  # symbol -> why it does not count


def market_of(lake: Lake, settings: Settings, timeframe: str) -> Market:
    """The symbols whose bars are stored and were found good when they were judged last; MissingData without any."""
    versions, left_out = {}, {}
    for symbol in sorted(one.symbol for one in settings.universe.symbols):
        keys = {"symbol": symbol, "timeframe": timeframe}
        try:
            if not lake.exists("bars", keys):
                raise MissingData(f"no bars of {symbol} {timeframe} are stored")
            versions[symbol] = judged_version(lake, keys)
        except (MissingData, BadData, NotEnoughEvidence) as why:
            left_out[symbol] = str(why)
    if not versions:
        raise MissingData(
            f"breadth of {timeframe} needs the judged bars of a symbol, found none: {next(iter(left_out.values()))}; "
            "materialize `bars` and `data_quality` first."
        )
    months = {
        symbol: lake.months("bars", {"symbol": symbol, "timeframe": timeframe}, version)
        for symbol, version in versions.items()
    }
    return Market(timeframe, versions, months, left_out)


def stale_months(lake: Lake, market: Market) -> tuple[str, list[str]]:
    """The first month that is not stored as it would be made, and those to make from there on; the newest at least.

    The first may be one that has no bars any more: then nothing is made of it, and what is stored of it goes.
    """
    keys = {"timeframe": market.timeframe}
    kept = optional(lake, "breadth_made_from", keys, dict(MADE_FROM))
    stored = lake.months("breadth", keys)
    before = {row["month"]: row["inputs"] for row in kept.iter_rows(named=True)
              if row["breadth"] == stored.get(row["month"])}  # fmt: skip
    now = inputs_of(market)
    changed = [month for month in {*now, *before, *stored} if now.get(month) != before.get(month)]
    since = min([*changed, max(now)])
    return since, sorted(month for month in now if month >= since)


def made_from(lake: Lake, market: Market, receipt: Receipt) -> pl.DataFrame:
    """MADE_FROM of what this very run has written; a month of which no breadth is known is stored as nothing."""
    stored = lake.months("breadth", {"timeframe": market.timeframe}, receipt.version)
    rows = [{"month": m, "inputs": sha, "breadth": stored.get(m)} for m, sha in inputs_of(market).items()]
    return pl.DataFrame(rows, schema=MADE_FROM)


def inputs_of(market: Market) -> dict[str, str]:
    """Month -> fingerprint of every symbol's bars, of that month and the one before, and of the code; ascending."""
    code, found = fingerprint("pipelines.features.breadth"), {}
    for name in sorted({month for months in market.months.values() for month in months}):
        read = {symbol: [of.get(month_before(name)), of.get(name)] for symbol, of in market.months.items()}
        said = json.dumps([code, read], sort_keys=True)
        found[name] = hashlib.sha256(said.encode()).hexdigest()
    return found


def breadth_now(lake: Lake, market: Market, months: list[str]) -> pl.DataFrame:
    """BREADTH of these months, one month in memory at a time."""
    made = [_of_month(lake, market, month) for month in months]
    return pl.concat([pl.DataFrame(schema=BREADTH), *made])


def _of_month(lake: Lake, market: Market, month: str) -> pl.DataFrame:
    start, end = start_of(month), end_of(month)
    since = start - length_of(market.timeframe)  # its first bar may rise from the last one before
    bars = {}
    for symbol, version in market.versions.items():
        keys = {"symbol": symbol, "timeframe": market.timeframe}
        bars[symbol] = lake.read("bars", keys, since, end, _BARS, version)
    return breadth_of(bars, market.timeframe).filter(pl.col("open_time") >= start)
