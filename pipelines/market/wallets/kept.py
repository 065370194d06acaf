"""Fills of wallets as they are kept: what arrives is put beside what is stored, and nothing stored is ever lost.

A venue keeps the newest fills of a wallet only, and may answer with none at all: what it no longer has stays here.
Also what it was asked for (WALLET_EVIDENCE), so that it is asked only for the rest. No fetching and no storage here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from pipelines.market.rows import QUARANTINE
from pipelines.market.schemas import EVIDENCE, FILLS

WALLET_EVIDENCE: dict[str, pl.DataType | type[pl.DataType]] = {"address": pl.String, **EVIDENCE}
"""Of each wallet: spans that were asked for (kind ASKED), and those in which fills may be missing (unknown)."""
ASKED = "asked"
OVERLAP = timedelta(hours=1)
"""Asked for again before the newest stored fill: fills of one moment need not appear at once."""
TRADE = ["address", "id", "side"]
"""Names a fill: a wallet that trades with itself has both sides of one trade."""
SAME = [name for name in FILLS if name != "id"]
ORDER = ["time", "address", "id", "side", "coin", "price", "size"]
CHANGED = "comes again with other values than were first seen, which stay"


@dataclass(frozen=True)
class Merged:
    """What is kept after an arrival."""

    rows: pl.DataFrame  # FILLS, sorted
    added: int
    changed: pl.DataFrame  # FILLS that came again with other values


def merge(stored: pl.DataFrame, arrived: pl.DataFrame) -> Merged:
    """Stored FILLS and what of the arrived ones is not among them; merging the same again changes nothing.

    Fills without a trade id are told apart by their values alone, and equal ones by how many there are.
    """
    named, nameless = pl.col("id").is_not_null(), pl.col("id").is_null()
    again = arrived.filter(named).join(stored.filter(named), on=TRADE, how="semi")
    new = [
        arrived.filter(named).join(stored.filter(named), on=TRADE, how="anti"),
        _numbered(arrived.filter(nameless))
        .join(_numbered(stored.filter(nameless)), on=[*SAME, "#number"], how="anti")
        .select(list(FILLS)),
    ]
    rows = pl.concat([stored.select(list(FILLS)), *(part.select(list(FILLS)) for part in new)]).sort(ORDER)
    changed = again.join(stored.filter(named), on=[*SAME, "id"], how="anti").select(list(FILLS))
    return Merged(rows, rows.height - stored.height, changed)


def refused(changed: pl.DataFrame, source: str) -> pl.DataFrame:
    """QUARANTINE of fills that came again with other values."""
    return changed.select(
        pl.lit(source).alias("file"),
        pl.lit(None, pl.Int64).alias("line"),
        pl.lit(CHANGED).alias("reason"),
        pl.concat_str([pl.col(name).cast(pl.String) for name in FILLS], separator=",").alias("text"),
    ).select(list(QUARANTINE))


def ask_from(stored: pl.DataFrame, said: pl.DataFrame, wallets: Iterable[str], start: datetime) -> datetime:
    """From when the wallets must be asked so that none lacks anything since `start`.

    That is `start` as long as any of them has never answered with a fill: an empty answer proves nothing (F6).
    """
    moments = [_since(stored, said, wallet.lower(), start) for wallet in wallets]
    return max(start, min(moments, default=start))


def with_evidence(said: pl.DataFrame, arrived: pl.DataFrame) -> pl.DataFrame:
    """WALLET_EVIDENCE of all runs. What a venue has forgotten of a span that was asked for earlier is stored here."""
    asked = said.filter(kind=ASKED).group_by("address")
    spans = asked.agg(pl.col("time").min().alias("#from"), pl.col("end").max().alias("#until"))
    stored = (pl.col("kind") != ASKED) & (pl.col("#from") <= pl.col("time"))
    clipped = arrived.join(spans, on="address", how="left").with_columns(
        pl.when(stored)
        .then(pl.max_horizontal("time", pl.col("#until") - OVERLAP))
        .otherwise("time")
        .alias("time")
    )
    both = pl.concat([said, clipped.filter(pl.col("time") < pl.col("end")).select(list(WALLET_EVIDENCE))])
    missing = both.filter(pl.col("kind") != ASKED).unique(["address", "time", "end", "reason"], keep="first")
    return pl.concat([_joined(both.filter(kind=ASKED)), missing]).sort(
        "time", "address", "end", "kind", "reason"
    )


def _numbered(fills: pl.DataFrame) -> pl.DataFrame:
    return fills.with_columns(pl.int_range(pl.len()).over(SAME).alias("#number"))


def _since(stored: pl.DataFrame, said: pl.DataFrame, wallet: str, start: datetime) -> datetime:
    asked = said.filter((pl.col("address") == wallet) & (pl.col("kind") == ASKED) & (pl.col("time") <= start))
    if asked.is_empty():
        return start
    newest = stored.filter(address=wallet)["time"].max()
    until = newest if isinstance(newest, datetime) else asked["end"].max()
    return until - OVERLAP if isinstance(until, datetime) else start


def _joined(asked: pl.DataFrame) -> pl.DataFrame:
    """Spans of a wallet that touch are one, told when its last part was."""
    rows = asked.sort("address", "time", "end")
    reach = pl.col("end").cum_max().shift().over("address")
    group = (pl.col("time") > reach).fill_null(value=False).cast(pl.Int64).cum_sum().over("address")
    joined = rows.with_columns(group.alias("#group")).group_by("address", "#group", maintain_order=True)
    return joined.agg(
        pl.col("time").min(),
        pl.col("end").max(),
        pl.col("kind").first(),
        pl.col("reason").first(),
        pl.col("seen_at").max(),
    ).select(list(WALLET_EVIDENCE))
