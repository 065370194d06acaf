"""Order books to serve: recorded ones, or a ladder around the last close. Venue formats are elsewhere."""

from datetime import datetime
from typing import NamedTuple

import polars as pl

from tests.venue.tables import Bar
from tests.venue.wire import text_of


class Level(NamedTuple):
    """One price level as text."""

    price: str
    amount: str


Book = tuple[list[Level], list[Level], int]


def recorded(frame: pl.DataFrame, now: datetime, levels: int) -> Book | None:
    """The newest recorded book not after now."""
    rows = frame.filter(pl.col("time") <= now).sort("time").tail(1)
    if rows.is_empty():
        return None
    row = rows.row(0, named=True)
    sides = []
    for side in ("bid", "ask"):
        pairs = [(row[f"{side}_price_{k}"], row[f"{side}_amount_{k}"]) for k in range(1, min(levels, 10) + 1)]
        sides.append([Level(text_of(p) or "", text_of(a) or "") for p, a in pairs if p is not None])
    return sides[0], sides[1], int(row["time"].timestamp() * 1_000_000) * 1000


def ladder(last: Bar, now_ns: int, levels: int) -> Book:
    """Levels one tick (the last decimal of the close) apart around a close; deterministic."""
    text = last.close or "1"
    places = len(text.partition(".")[2])
    centre = round(float(text) * 10**places)
    depth = min(levels, max(centre - 1, 1))
    bids = [Level(f"{(centre - 1 - k) / 10**places:.{places}f}", f"{1 + k * 0.25:.2f}") for k in range(depth)]
    asks = [Level(f"{(centre + 1 + k) / 10**places:.{places}f}", f"{1 + k * 0.25:.2f}") for k in range(depth)]
    return bids, asks, now_ns
