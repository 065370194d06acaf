"""Symbols that end: renamed ones (F25) and delisted ones (F26). Pure tables of dates; no venue is asked here.

A rename is declared in the settings (venue_settings.Rename). `ended` is the first UTC day on which the old name is
no longer expected: the old name's bars open before its midnight, the new name's from then on. The two are different
tables, and no bar of one stands in the other, so no return is ever computed across the rename; only `joined = true`
makes one history of them, in the new name's units. A symbol that ended stays in the universe of the days before.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import polars as pl

from pipelines.errors import BadSettings, MissingData
from pipelines.market.rows import QUARANTINE
from pipelines.market.schemas import CANDLES, EVIDENCE
from pipelines.market.venue_settings import Rename

PRICES = ("open", "high", "low", "close")
Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Joined:
    """Two names as one history; candles sent = `candles` + `quarantine`."""

    candles: pl.DataFrame  # CANDLES and whatever other columns came with them, sorted by open_time
    quarantine: pl.DataFrame  # QUARANTINE
    notes: tuple[str, ...]


def sentence(rename: Rename) -> str:
    """`EOS-USD ended 2025-05-21; continue as A-USD? (ratio 1:1): …`, for whoever decides."""
    said = (
        "they are joined"
        if rename.joined
        else f"set joined = true in source.venues.renames of {rename.symbol} to join them"
    )
    asked = f"continue as {rename.continues_as}? (ratio 1:{rename.ratio:g})"
    return f"{rename.symbol} ended {rename.ended}; {asked}: {said}"


def check_renames(renames: Sequence[Rename]) -> None:
    """Raise BadSettings for renames that cannot mean one history: of oneself, twice, in a circle, without a ratio."""
    by_old: dict[str, Rename] = {}
    for rename in renames:
        if by_old.setdefault(rename.symbol, rename) is not rename:
            raise BadSettings(
                f"source.venues.renames names {rename.symbol} twice: expected one end; remove one."
            )
        if not 0 < rename.ratio < float("inf"):
            raise BadSettings(
                f"source.venues.renames: {rename.symbol} has ratio {rename.ratio}: expected how many new units one "
                "old unit became, above 0; correct it."
            )
    for start in by_old.values():
        name, last, passed = start.continues_as, start.ended, {start.symbol}
        while name in by_old and name not in passed and by_old[name].ended > last:
            passed.add(name)
            name, last = by_old[name].continues_as, by_old[name].ended
        if name in by_old or name in passed:
            raise BadSettings(
                f"source.venues.renames leads from {start.symbol} back to {name}, or to a name that ended before: "
                "expected later and later ends; correct the dates."
            )


def own_span(symbol: str, span: Span, renames: Iterable[Rename]) -> Span | None:
    """The part of a half-open span in which bars are this name's own, or None when nothing is left."""
    start, end = span
    for rename in renames:
        if rename.symbol == symbol:
            end = min(end, midnight(rename.ended))
        if rename.continues_as == symbol:
            start = max(start, midnight(rename.ended))
    return (start, end) if start < end else None


def require_listed(symbol: str, span: Span, renames: Sequence[Rename]) -> tuple[str, ...]:
    """Sentences about a span that reaches beyond the name's own time, empty when it does not.

    A name that another one was joined to has had that one's time too. Raises MissingData with the sentence when
    nothing of the span is the name's own.
    """
    renames = _open(symbol, renames)
    beyond = tuple(
        sentence(rename)
        for rename in renames
        if (rename.symbol == symbol and span[1] > midnight(rename.ended))
        or (rename.continues_as == symbol and span[0] < midnight(rename.ended))
    )
    if own_span(symbol, span, renames) is None:
        raise MissingData(
            f"{symbol} has no bar of its own from {span[0]:%Y-%m-%d} to {span[1]:%Y-%m-%d}: "
            f"{'; '.join(beyond) or 'the span is empty'}."
        )
    return beyond


def own(candles: pl.DataFrame, symbol: str, renames: Sequence[Rename]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Candles of the name's own time, and the others as QUARANTINE: a venue may serve them under either name."""
    everything = midnight(date.min), midnight(date.max)
    span = own_span(symbol, everything, renames) or (everything[0], everything[0])
    mine = pl.col("open_time").is_between(*span, closed="left")
    said = [sentence(rename) for rename in renames if symbol in (rename.symbol, rename.continues_as)]
    return candles.filter(mine), _aside(
        candles.filter(~mine), symbol, f"not {symbol}'s own time: {'; '.join(said)}"
    )


def unknown_between(symbol: str, span: Span, renames: Sequence[Rename], seen_at: datetime) -> pl.DataFrame:
    """EVIDENCE that the rest of a span is unknown, so that nothing is computed across a rename that is not joined."""
    renames = _open(symbol, renames)
    mine = own_span(symbol, span, renames)
    gaps = [(span[0], mine[0]), (mine[1], span[1])] if mine else [span]
    said = "; ".join(sentence(rename) for rename in renames if symbol in (rename.symbol, rename.continues_as))
    rows = [(start, end, "unknown", said, seen_at) for start, end in gaps if start < end]
    return pl.DataFrame(rows, schema=EVIDENCE, orient="row")


def joined(old: pl.DataFrame, new: pl.DataFrame, rename: Rename) -> Joined:
    """Both names as one history in the new name's units, raw CANDLES of each in, sorted.

    One old unit became `ratio` new ones: old prices are divided by it, old volumes multiplied. Candles outside
    their own name's time are quarantined. Raises BadSettings unless the rename says joined = true.
    """
    if not rename.joined:
        raise BadSettings(f"{sentence(rename)}; not joined without it.")
    before, late = own(old, rename.symbol, (rename,))
    after, early = own(new, rename.continues_as, (rename,))
    scaled = before.with_columns(pl.col(PRICES) / rename.ratio, pl.col("volume") * rename.ratio)
    note = (
        f"{before.height} candles of {rename.symbol} before {rename.ended} were joined to {after.height} of "
        f"{rename.continues_as} from then on, prices divided by {rename.ratio:g}"
    )
    return Joined(pl.concat([scaled, after]).sort("open_time"), pl.concat([late, early]), (note,))


def delisting(symbol: str, ended: date) -> str:
    """What a reader is told of a symbol whose settings say that it ended (F26)."""
    return (
        f"{symbol} was delisted {ended}: no bar is expected from then on, the candles before are kept and it stays "
        "in the universe of the days when it traded"
    )


def expected_end(symbol: str, delisted: Mapping[str, date]) -> datetime | None:
    """The moment from which bars of a symbol are not expected any more, or None while it is listed."""
    ended = delisted.get(symbol)
    return None if ended is None else midnight(ended)


def expected(opens: pl.Series, symbol: str, delisted: Mapping[str, date]) -> pl.Series:
    """The open times that are expected of a symbol: a delisted one's missing minutes are no gap."""
    end = expected_end(symbol, delisted)
    return opens if end is None else opens.filter(opens < end)


def universe_on(day: date, symbols: Iterable[str], delisted: Mapping[str, date]) -> tuple[str, ...]:
    """The symbols that traded on a UTC day, in order: dead ones included on the days when they lived."""
    return tuple(symbol for symbol in symbols if symbol not in delisted or day < delisted[symbol])


def _open(symbol: str, renames: Sequence[Rename]) -> list[Rename]:
    """Renames that bound a name's time: not those by which an older name was joined to it."""
    return [rename for rename in renames if not (rename.joined and rename.continues_as == symbol)]


def midnight(day: date) -> datetime:
    """The first moment of a UTC day."""
    return datetime.combine(day, time(), UTC)


def _aside(candles: pl.DataFrame, symbol: str, reason: str) -> pl.DataFrame:
    return candles.select(
        pl.lit(symbol).alias("file"),
        pl.lit(None, pl.Int64).alias("line"),
        pl.lit(reason).alias("reason"),
        pl.concat_str([pl.col(name).cast(pl.String).fill_null("") for name in CANDLES], separator=",").alias(
            "text"
        ),
    ).cast(pl.Schema(QUARANTINE))
