"""All answers of one fetch put together: which value of a bar was seen first, what contradicts it, what is set aside.

Rows sent = kept + quarantined + exact repeats + not yet closed + outside the spans; the last note says the numbers.
"""

import numpy as np
import polars as pl

from pipelines.market.neighbours import FAR, far_from_neighbours
from pipelines.market.rows import QUARANTINE
from pipelines.market.schemas import CANDLES, FIRST_SEEN
from resources.sources.source import Delivery
from resources.venues.asking import Asker
from resources.venues.ledger import Ledger, moment, times_of

SENTENCES = 5
"""Spans of one kind are told one by one up to so many; a person does not read more (F30)."""


def sighted(asker: Asker) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, int]:
    """First-seen rows by time, later rows that contradict them, outliers, and the number of exact repeats.

    The rows are CANDLES plus seen_at. An outlier is nobody's first value: another value of its bar replaces it.
    """
    schema = {**CANDLES, "seen_at": FIRST_SEEN["seen_at"]}
    sightings = [] if by_closes(asker) else asker.heard.sightings
    rows = pl.concat([pl.DataFrame(schema=schema), *sightings])
    single = rows.unique(list(CANDLES), keep="first", maintain_order=True)
    ordered = single.sort("open_time", maintain_order=True)
    first = ordered.unique("open_time", keep="first", maintain_order=True)
    outliers = first.filter(pl.Series(far_from_neighbours(first, asker.length), dtype=pl.Boolean))
    if not outliers.is_empty():
        ordered = ordered.join(outliers, on=list(CANDLES), how="anti", maintain_order="left")
        first = ordered.unique("open_time", keep="first", maintain_order=True)
    conflicts = ordered.join(first, on=list(CANDLES), how="anti", maintain_order="left")
    return first, conflicts, outliers, rows.height - single.height


def by_closes(asker: Asker) -> bool:
    """Whether half the answers lie as if candles were stamped with their closes: then none can be believed (F28)."""
    return 0 < asker.heard.answers <= 2 * asker.heard.shifted


def delivered(asker: Asker, ledger: Ledger, rebuilt: list[pl.DataFrame], notes: tuple[str, ...]) -> Delivery:
    """FIRST_SEEN rows of the ledger's bars, the quarantine, and evidence for every bar without a row.

    `rebuilt`: CANDLES made of trades, with `seen_at`, when those were received.
    """
    heard = asker.heard
    first, conflicts, outliers, repeats = sighted(asker)
    inside = pl.Series(np.isin(times_of(first), ledger.opens), dtype=pl.Boolean)
    kept = first.filter(inside)
    aside = [
        *heard.quarantine,
        _set_aside(conflicts, asker, "repeats an open_time with other values than were seen first"),
    ]
    far = f"a price is more than {FAR:.0%} from the median close of its neighbours"
    aside.append(_set_aside(outliers, asker, far))
    if by_closes(asker):
        shifted = f"{asker.market.venue} stamps closes where it is known to stamp opens"
        aside += [_set_aside(rows, asker, shifted) for rows in heard.sightings]
        for span in ledger.missing(times_of(first)):
            ledger.mark(span, "unknown", f"{shifted}: nothing that it gave is used")
    seen_at = heard.last or asker.server_now
    ticks = pl.concat([kept.clear(), *rebuilt]).join(kept, on="open_time", how="anti")
    frame = pl.concat(
        [
            kept.with_columns(pl.lit("candle").alias("origin")),
            ticks.with_columns(pl.lit("ticks").alias("origin")),
        ]
    ).with_columns(pl.lit(str(asker.market)).alias("market"))
    frame = frame.select(*FIRST_SEEN).sort("open_time")
    for time in set(times_of(outliers)) - set(times_of(frame)):
        bar = moment(time), moment(time) + asker.length
        ledger.mark(bar, "unknown", f"what {asker.market.venue} gave for it was quarantined: {far}")
    evidence = ledger.evidence(times_of(frame), seen_at)
    quarantine = pl.concat([pl.DataFrame(schema=QUARANTINE), *aside])
    accounts = (
        f"{asker.market} {asker.timeframe}: {heard.sent:,} rows answered = {kept.height:,} kept + "
        f"{quarantine.height:,} quarantined + {repeats:,} repeats + {heard.unfinished:,} not yet closed + "
        f"{first.height - kept.height:,} outside the spans"
    )
    said = dict.fromkeys(
        [*notes, *heard.odd[:SENTENCES], *_of_conflicts(conflicts, asker), *_of_evidence(evidence, asker)]
    )
    return Delivery(frame, quarantine, (*said, accounts), True, repeats, evidence)


def _set_aside(rows: pl.DataFrame, asker: Asker, reason: str) -> pl.DataFrame:
    text = pl.concat_str([pl.col(name).cast(pl.String) for name in CANDLES], separator=",")
    return rows.select(
        pl.lit(f"{asker.market} {asker.timeframe}").alias("file"),
        pl.lit(None, pl.Int64).alias("line"),
        pl.lit(reason).alias("reason"),
        text.alias("text"),
    )


def _of_conflicts(conflicts: pl.DataFrame, asker: Asker) -> list[str]:
    if conflicts.is_empty():
        return []
    times = conflicts["open_time"].unique().sort()
    return [
        f"{asker.market.venue} gave {len(times):,} candles of {asker.market.symbol} {asker.timeframe} twice with "
        f"different values, the first at {times[0]:%Y-%m-%d %H:%M} UTC: the value seen first is kept, the others "
        "are in the quarantine"
    ]


def _of_evidence(evidence: pl.DataFrame, asker: Asker) -> list[str]:
    """What is not known, one sentence a reason."""
    doubtful = evidence.filter(pl.col("kind") != "verified-empty")
    reasons = list(dict.fromkeys(doubtful["reason"]))
    sentences = reasons[:SENTENCES]
    if len(reasons) > SENTENCES:
        rest = doubtful.filter(pl.col("reason").is_in(reasons[SENTENCES:]))
        bars = sum((end - start) // asker.length for start, end in rest.select("time", "end").iter_rows())
        sentences.append(
            f"{asker.market} {asker.timeframe}: {len(reasons) - SENTENCES:,} more such spans, {bars:,} bars unknown"
        )
    return sentences
