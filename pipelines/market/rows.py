"""Rules for rows and the split into accepted and quarantined. Which rules a table has is in parsing.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from pipelines.errors import BadData
from pipelines.market.text_table import FLAW, LINE

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
"""No market data here is older; an older stamp is a wrong unit or a broken row."""
LOWEST, HIGHEST = 1e-18, 1e15
"""Prices and amounts outside are broken: their products would leave the range of float64's exact decimals."""
EXACT_DIGITS = 15
"""Decimals of so many significant digits survive text → float64 → text unchanged."""
QUARANTINE: dict[str, pl.DataType | type[pl.DataType]] = {
    "file": pl.String,
    "line": pl.Int64,  # 1-based, the header included; for Parquet the 1-based row
    "reason": pl.String,
    "text": pl.String,  # the line as it stands in the file
}
STANDING = "#standing"
"""Quarantined rows: their own time where it can be believed, else that of the row before (or after)."""


@dataclass(frozen=True)
class Parsed:
    """One file as rows: every row is either accepted or quarantined."""

    rows: pl.DataFrame  # columns of the table plus LINE, in file order
    quarantine: pl.DataFrame  # QUARANTINE plus STANDING (null when the file has no believable time at all)
    label: str = ""  # what the file says it is about, e.g. `binance-futures BTCUSDT`
    notes: tuple[str, ...] = ()


Rule = tuple[pl.Expr, str]
"""What must hold for a row (null counts as broken), and the reason given when it does not."""


def judge(table: pl.DataFrame, time: str, rules: Sequence[Rule]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Accepted rows, and the LINE, reason and STANDING of the others (first broken rule wins)."""
    sound = pl.all_horizontal(pl.col(FLAW).is_null(), *(holds.fill_null(False) for holds, _ in rules))
    believable = pl.when(rules[0][0].fill_null(False)).then(pl.col(time))
    judged = table.with_columns(
        sound.alias("#sound"), believable.forward_fill().backward_fill().alias(STANDING)
    )
    reason = pl.coalesce(
        pl.col(FLAW), *(pl.when(~holds.fill_null(False)).then(pl.lit(text)) for holds, text in rules)
    )
    bad = judged.filter(~pl.col("#sound")).select(LINE, reason.alias("reason"), STANDING)
    return judged.filter("#sound"), bad


def quarantine(bad: pl.DataFrame, file: str, texts: Sequence[str]) -> pl.DataFrame:
    """QUARANTINE plus STANDING for the broken rows of one file."""
    return bad.select(
        pl.lit(file).alias("file"),
        pl.col(LINE).alias("line"),
        "reason",
        pl.Series("text", list(texts), dtype=pl.String),
        STANDING,
    )


def number(name: str) -> pl.Expr:
    """Text column as Float64; null where it is not a decimal."""
    return pl.col(name).cast(pl.Float64, strict=False)


def positive(name: str) -> Rule:
    """A price or amount: finite and within (0, 1e15]."""
    return pl.col(name).is_between(LOWEST, HIGHEST), f"{name} is not a positive finite number up to 1e15"


def not_negative(name: str) -> Rule:
    """A volume: zero or a positive finite number."""
    value = pl.col(name)
    return (value == 0) | value.is_between(LOWEST, HIGHEST), f"{name} is not a finite number from 0 to 1e15"


def exact(table: pl.DataFrame, name: str, text: str) -> list[Rule]:
    """The rule that text column `text` survives float64; none when no value is long enough to break it."""
    longest = table[text].str.len_bytes().max()
    if not isinstance(longest, int) or longest <= EXACT_DIGITS:
        return []
    mantissa = pl.col(text).str.replace(r"[eE].*$", "").str.replace_all(r"[^0-9]", "")
    digits = mantissa.str.strip_chars_start("0").str.strip_chars_end("0").str.len_bytes()
    return [
        (
            (digits <= EXACT_DIGITS) | pl.col(text).is_null(),
            f"{name} has more than {EXACT_DIGITS} significant digits",
        )
    ]


def refuse_hopeless(parsed: Parsed, file: str) -> None:
    """Raise BadData when one rule is broken by more than half of the rows, or nothing is left of a file.

    Such a file has swapped columns, another unit or another layout: its few passing rows pass by accident.
    """
    sent = parsed.rows.height + parsed.quarantine.height
    if parsed.quarantine.is_empty():
        return
    reason, count = parsed.quarantine["reason"].value_counts(sort=True).sort("count", "reason").row(-1)
    if parsed.rows.is_empty() or 2 * count > sent:
        line = parsed.quarantine.filter(pl.col("reason") == reason).row(0, named=True)
        raise BadData(
            f"file {file} is not what its entry says: expected most of its {sent} rows to be valid, found "
            f"{count} "
            f"where {reason} (line {line['line']}: {line['text'][:120]!r}); check its columns and units."
        )
