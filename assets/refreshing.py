"""Bringing a venue's candles up to date: what is asked for, what is believed, and what is kept of it. No assets here.

How two arrivals of a bar are merged is pipelines/market/bitemporal.py; how a venue is asked is resources/venues; holes
that a second market fills are repairing.py.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from assets.tables import add_quarantine, optional
from pipelines.market.bitemporal import merge, not_before, require_one_market
from pipelines.market.coverage import (
    expected_opens,
    missing_spans,
    still_down,
    weighty,
)
from pipelines.market.late_candles import flat_rows
from pipelines.market.neighbours import FAR, far_from_neighbours
from pipelines.market.rows import QUARANTINE
from pipelines.market.schemas import CANDLES, EVIDENCE, FIRST_SEEN, REVISIONS
from pipelines.market.symbols import Market
from pipelines.market.timeframes import length_of
from pipelines.settings import Settings
from resources.lake import Lake, Receipt
from resources.lake.locking import exclusive
from resources.sources import Delivery, Incremental

WHOSE = ["open_time", "origin", "market"]
BEFORE = timedelta(days=1)
"""Stored candles that are looked at before the first that arrived: its neighbours."""


@dataclass(frozen=True)
class Kept:
    """What became of one delivery."""

    receipt: Receipt
    notes: tuple[str, ...]
    added: int
    revised: int
    quarantined: int


def refresh(
    source: Incremental, lake: Lake, settings: Settings, market: Market, timeframe: str, table: str
) -> Kept:
    """A venue: ask for what is missing and the newest bars again, merge, and keep first seen, revised and said.

    Nobody is kept waiting while a venue is asked: two runs of a partition ask side by side, and each merges what it
    got with what is stored by then. Raises BadSettings when what is stored is of another market.
    """
    keys = {"symbol": market.symbol, "timeframe": timeframe}
    stored = opens(lake, table, keys)
    require_one_market(stored, str(market), f"{market.symbol} {timeframe}")
    said = optional(lake, f"{table[:-1]}_evidence", keys, EVIDENCE)
    spans = to_ask(settings, market.symbol, timeframe, stored, said, source.recheck_bars)
    newest: datetime | None = stored.filter(pl.col("market") == str(market))["open_time"].max()  # type: ignore[assignment]
    asked = source.candles_in(market, timeframe, spans, held=newest is not None, newest=newest)
    with exclusive(lake.root, f"{table} {market.symbol} {timeframe}"):
        kept = keep(lake, asked, settings, market, timeframe, table)
    source.committed(market, timeframe)
    return kept


def opens(lake: Lake, table: str, keys: dict[str, str]) -> pl.DataFrame:
    """`open_time`, `origin` and `market` of the stored candles: all of them, but no prices."""
    if not lake.exists(table, keys):
        return pl.DataFrame(schema={name: FIRST_SEEN[name] for name in WHOSE})
    return lake.read(table, keys, columns=WHOSE)


def keep(lake: Lake, asked: Delivery, settings: Settings, market: Market, timeframe: str, table: str) -> Kept:
    """Merge a delivery with what is stored; only months from the first that it touches are read and written.

    `candles` is written last: a kill before it leaves pages in the spool, and the next run merges the same again.
    """
    keys = {"symbol": market.symbol, "timeframe": timeframe}
    before = opens(lake, table, keys)
    require_one_market(before, str(market), f"{market.symbol} {timeframe}")
    since = _since(asked.frame)
    stored = optional(lake, table, keys, FIRST_SEEN, start=since).select(list(FIRST_SEEN))
    revisions = optional(lake, f"{table[:-1]}_revisions", keys, REVISIONS).select(list(REVISIONS))
    said = optional(lake, f"{table[:-1]}_evidence", keys, EVIDENCE).select(list(EVIDENCE))
    delivery = without_far(asked, stored, market, timeframe)
    known = pl.concat([stored.select(list(REVISIONS)), revisions])
    rows = not_before(known, delivery.frame)
    calendar = settings.universe.of(market.symbol).calendar
    flat = flat_rows(rows, stored, said, timeframe, calendar)
    touched = pl.col("open_time") >= since if since is not None else pl.lit(value=True)
    merged = merge(pl.concat([stored, flat]), revisions.filter(touched), rows)
    present = pl.concat([before["open_time"], merged.first_seen["open_time"]]).unique().sort()
    arrived = still_down(delivery.evidence, said, before["open_time"], present, timeframe)
    evidence = weighty(pl.concat([said, not_before(said, arrived, by=None)]))
    if not evidence.is_empty():
        lake.replace(f"{table[:-1]}_evidence", evidence, keys)
    if not merged.revisions.is_empty():
        whole = pl.concat([revisions.filter(~touched), merged.revisions])
        lake.replace_months(f"{table[:-1]}_revisions", whole, keys)
    refused = add_quarantine(lake, table, f"{market.symbol}.{timeframe}", delivery.quarantine)
    receipt = _write(
        lake, table, keys, merged.first_seen, since, changed=not rows.is_empty() or before.is_empty()
    )
    return Kept(receipt, delivery.notes, merged.added, merged.revised, refused)


def _write(
    lake: Lake,
    table: str,
    keys: dict[str, str],
    rows: pl.DataFrame,
    since: datetime | None,
    *,
    changed: bool,
) -> Receipt:
    if not changed:
        return lake.fingerprint(table, keys)
    return lake.replace_months(table, rows, keys, since=since)


def _since(arrived: pl.DataFrame) -> datetime | None:
    """Midnight of the first day of the month in which the first arrived bar's neighbours lie; None: of all months."""
    first = arrived["open_time"].min()
    if not isinstance(first, datetime):
        return None
    return (first - BEFORE).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def to_ask(
    settings: Settings,
    symbol: str,
    timeframe: str,
    stored: pl.DataFrame,
    evidence: pl.DataFrame,
    recheck_bars: int,
) -> list[tuple[datetime, datetime]]:
    """The spans of a symbol's candles that must be asked for: missing ones, and the newest stored bars again.

    While no candle is stored everything is asked for, whatever evidence is: it may be of a run that was killed before
    its candles were written, whose pages answer the same questions again.
    """
    evidence = evidence.clear() if stored.is_empty() else evidence
    span = settings.universe.expected_span(symbol)
    expected = expected_opens(span, timeframe, settings.universe.of(symbol).calendar)
    spans = missing_spans(span, stored, evidence, timeframe, expected)
    newest = stored["open_time"].max()
    if not recheck_bars or not isinstance(newest, datetime):
        return spans
    length = length_of(timeframe)
    return merged_spans([*spans, (newest - (recheck_bars - 1) * length, newest + length)])


def merged_spans(spans: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """The same time as disjoint spans, ascending; those that touch become one."""
    joined: list[tuple[datetime, datetime]] = []
    for start, end in sorted(spans):
        if joined and start - joined[-1][1] <= timedelta():
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def without_far(delivery: Delivery, stored: pl.DataFrame, market: Market, timeframe: str) -> Delivery:
    """The delivery without new candles that no stored or delivered one near them agrees with (F27).

    A bar that is asked for alone has no neighbours in its answer; it is judged beside those that are stored.
    """
    new = delivery.frame.join(stored, on="open_time", how="anti").select(*CANDLES)
    both = pl.concat([stored.select(*CANDLES), new]).sort("open_time")
    far = pl.Series(far_from_neighbours(both, length_of(timeframe)), dtype=pl.Boolean)
    bad = both.filter(far).join(stored, on="open_time", how="anti").sort("open_time")
    if bad.is_empty():
        return delivery
    reason = f"a price is more than {FAR:.0%} from the median close of its neighbours"
    text = pl.concat_str([pl.col(name).cast(pl.String) for name in CANDLES], separator=",")
    aside = bad.select(
        pl.lit(f"{market} {timeframe}").alias("file"),
        pl.lit(None, pl.Int64).alias("line"),
        pl.lit(reason).alias("reason"),
        text.alias("text"),
    )
    gone = delivery.frame.join(bad, on="open_time", how="semi")
    unknown = gone.select(
        pl.col("open_time").alias("time"),
        (pl.col("open_time") + length_of(timeframe)).alias("end"),
        pl.lit("unknown").alias("kind"),
        pl.lit(f"what {market.venue} gave for it was quarantined: {reason}").alias("reason"),
        "seen_at",
    )
    said = f"{bad.height:,} candles that {market.venue} gave alone are in the quarantine: {reason}"
    return replace(
        delivery,
        frame=delivery.frame.join(bad, on="open_time", how="anti").sort("open_time"),
        quarantine=pl.concat([delivery.quarantine.select(*QUARANTINE), aside]),
        evidence=pl.concat([delivery.evidence, unknown.cast(pl.Schema(EVIDENCE))]).sort("time"),
        notes=(*delivery.notes, said),
    )
