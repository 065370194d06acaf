"""Market breadth as an asset: one table a timeframe, made of the bars of every symbol, which features may read.

A symbol's own features would otherwise have to read the whole market. Only months whose bars changed, of any symbol,
are made again. The definition: pipelines/features/breadth.py.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg
import polars as pl

from assets.automation import when_an_input_was_judged
from assets.data_quality import require_judged
from assets.describe import OWNERS, written
from assets.increments import start_of
from assets.partitions import Partitions
from assets.tables import KINDS, optional
from pipelines.errors import BadData, MissingData, NotEnoughEvidence
from pipelines.features.breadth import breadth as breadth_of
from pipelines.features.sources import BREADTH
from pipelines.market.timeframes import length_of
from pipelines.settings import Settings
from resources.fingerprint import fingerprint
from resources.lake import Lake
from resources.lake.locking import exclusive

MADE_FROM: dict[str, type[pl.DataType]] = {"month": pl.String, "inputs": pl.String}
_BARS = ("open_time", "close")


def build(p: Partitions) -> list[dg.AssetsDefinition]:
    """The breadth of these partitions."""

    @dg.asset(
        partitions_def=p.timeframes,
        deps=[
            dg.AssetDep("bars", partition_mapping=p.timeframes_to_bars()),
            dg.AssetDep("data_quality", partition_mapping=p.timeframes_to_bars()),
        ],
        automation_condition=when_an_input_was_judged(),
        group_name="features",
        owners=OWNERS,
        kinds=KINDS,
        description="Share of the symbols whose price rose, bar by bar: what market_breadth of every symbol reads. A "
        "symbol whose bars were not judged, or found bad, does not count.",
    )
    def breadth(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings]
    ) -> dg.MaterializeResult:
        timeframe = context.partition_key
        with exclusive(lake.root, f"breadth {timeframe}"):
            market = market_of(lake, settings, timeframe)
            stale = stale_months(lake, market)
            frame = breadth_now(lake, market, stale)
            receipt = lake.replace_months(
                "breadth", frame, {"timeframe": timeframe}, since=start_of(stale[0])
            )
            lake.replace("breadth_made_from", made_from(market), {"timeframe": timeframe})
        return written(
            receipt,
            symbols=len(market.months),
            left_out=dg.MetadataValue.json(dict(market.left_out)),
            made_since=stale[0],
            rows_made=frame.height,
        )

    return [breadth]


@dataclass(frozen=True)
class Market:
    """The symbols that count, as they are at one version of the bars."""

    timeframe: str
    version: int | None
    months: Mapping[str, Mapping[str, str]]  # symbol -> month -> content of its bars
    left_out: Mapping[str, str]  # symbol -> why it does not count


def market_of(lake: Lake, settings: Settings, timeframe: str) -> Market:
    """The symbols whose bars are stored and were found good; MissingData when there is none."""
    version, months, left_out = lake.version("bars"), {}, {}
    for symbol in sorted(one.symbol for one in settings.universe.symbols):
        keys = {"symbol": symbol, "timeframe": timeframe}
        found = lake.months("bars", keys, version)
        try:
            if not found:
                raise MissingData(f"no bars of {symbol} {timeframe} are stored")
            require_judged(lake, keys, version)
            months[symbol] = found
        except (MissingData, BadData, NotEnoughEvidence) as why:
            left_out[symbol] = str(why)
    if not months:
        raise MissingData(
            f"breadth of {timeframe} needs the judged bars of a symbol, found none: {next(iter(left_out.values()))}; "
            "materialize `bars` and `data_quality` first."
        )
    return Market(timeframe, version, months, left_out)


def stale_months(lake: Lake, market: Market) -> list[str]:
    """The months to make, from the first one on that is not stored as it would be made; the newest at least."""
    keys = {"timeframe": market.timeframe}
    kept = optional(lake, "breadth_made_from", keys, dict(MADE_FROM))
    stored = lake.months("breadth", keys)
    before = {row[0]: row[1] for row in kept.select(list(MADE_FROM)).iter_rows() if row[0] in stored}
    now = dict(made_from(market).iter_rows())
    changed = [month for month in now.keys() | before.keys() if now.get(month) != before.get(month)]
    since = min([*changed, max(now)])
    return sorted(month for month in now if month >= since) or [since]


def made_from(market: Market) -> pl.DataFrame:
    """MADE_FROM: per month a fingerprint of every symbol's bars, of that month and the one before, and of the code."""
    code = fingerprint("pipelines.features.breadth")
    names = sorted({month for months in market.months.values() for month in months})
    rows = []
    for name in names:
        before = f"{start_of(name) - timedelta(days=1):%Y-%m}"
        read = {symbol: [of.get(before), of.get(name)] for symbol, of in market.months.items()}
        said = json.dumps([code, read], sort_keys=True)
        rows.append({"month": name, "inputs": hashlib.sha256(said.encode()).hexdigest()})
    return pl.DataFrame(rows, schema=MADE_FROM)


def breadth_now(lake: Lake, market: Market, months: list[str]) -> pl.DataFrame:
    """BREADTH of these months, one month in memory at a time."""
    made = [_of_month(lake, market, start_of(month)) for month in months]
    return pl.concat([pl.DataFrame(schema=BREADTH), *made])


def _of_month(lake: Lake, market: Market, start: datetime) -> pl.DataFrame:
    end = (start + timedelta(days=32)).replace(day=1)
    since = start - length_of(market.timeframe)  # its first bar may rise from the last one before
    bars = {}
    for symbol in market.months:
        keys = {"symbol": symbol, "timeframe": market.timeframe}
        bars[symbol] = lake.read("bars", keys, since, end, _BARS, market.version)
    return breadth_of(bars, market.timeframe).filter(pl.col("open_time") >= start)
