"""Reading numbers straight from bytes, where it can be proven to give what reading their text would give.

Read as numbers, a decimal of more than 15 digits would be rounded unseen. So no field may be that long: in a run of
16 bytes there must be a comma or a line end, except inside the fields whose length is known. Where the proof
fails, or a field is no number, None is returned and the text is read instead (text_table.py), slower.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.market.rows import EXACT_DIGITS
from pipelines.market.tardis.blocks import lines_in
from pipelines.market.tardis.kinds import RAW
from pipelines.market.tardis.layouts import MARKET, Layout
from pipelines.market.text_table import LINE

UNTIDY = (b'"', b" ", b"\t")
"""Quotes may hide commas; blanks around a number are forgiven by the fast reading and not by the other."""
STRIDE = 2**18
"""Bytes looked at together: they stay in the processor's cache."""
STAMP_DIGITS = 16
STAMPS = (10 ** (STAMP_DIGITS - 1), 10**STAMP_DIGITS)
"""Times in microseconds between 2001 and 2286 have so many digits."""


def typed(text: bytes, layout: Layout, label: tuple[str, str]) -> pl.DataFrame | None:
    """Columns RAW + source as numbers, and LINE (2 is the first); None when only the text can tell.

    label : exchange and symbol that every row must name
    """
    if any(mark in text for mark in UNTIDY):
        return None
    types: dict[str, type[pl.DataType]] = {
        **dict.fromkeys(MARKET, pl.String),
        **{c.source: c.kind.dtype for c in layout.columns},
    }
    try:
        table = pl.read_csv(text, columns=list(types), schema_overrides=types, quote_char=None)
    except pl.exceptions.PolarsError:
        return None
    head = text.find(b"\n") + 1
    if table.height != lines_in(text, head) or not _one_market(table, label):
        return None
    stamps = [table[c.source].drop_nulls() for c in layout.columns if c.name.endswith("time")]
    if not all(stamp.is_between(*STAMPS, closed="left").all() for stamp in stamps):
        return None
    known = sum(map(len, stamps)) * (STAMP_DIGITS - EXACT_DIGITS) + table.height * sum(
        max(0, len(name.encode()) - EXACT_DIGITS) for name in label
    )
    if _long_runs(np.frombuffer(text, np.uint8, offset=head)) != known:
        return None
    return table.select(
        *(pl.col(name).alias(RAW + name) for name in types),
        pl.int_range(2, pl.len() + 2, dtype=pl.Int64).alias(LINE),
    )


def _one_market(table: pl.DataFrame, label: tuple[str, str]) -> bool:
    return all((table[name] == value).all() for name, value in zip(MARKET, label, strict=True)) and not any(
        table[name].null_count() for name in MARKET
    )


def _long_runs(raw: NDArray[np.uint8]) -> int:
    """How many runs of 16 bytes have neither a comma nor a line end: a field of n > 15 bytes has n - 15."""
    found = 0
    for start in range(0, len(raw), STRIDE):
        piece = raw[start : start + STRIDE + EXACT_DIGITS]
        ends = (piece == ord(",")) | (piece == ord("\n"))
        for step in (1, 2, 4, 8):
            ends = ends[:-step] | ends[step:]
        found += ends.size - int(np.count_nonzero(ends))
    return found
