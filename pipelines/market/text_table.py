"""CSV text as a table of text columns with line numbers. What the columns mean is not known here.

A line is a row whatever stands around it, so a file gives the same rows whole and in blocks: quotes hide commas of
their own line only, and never a line end. Text in which anything is quoted, or a line has too few or too many fields,
is therefore read line by line; all other text fast.
"""

import csv
from collections.abc import Mapping, Sequence

import polars as pl

from pipelines.errors import BadData

LINE = "#line"
"""Column of 1-based line numbers, the header being line 1."""
FLAW = "#flaw"
"""Column that says why a line is not a row of the table; null for a proper row."""
_NO_ENDS = bytes(set(range(256)) - set(b",\n"))


def text_table(raw: bytes, file: str, required: Sequence[str]) -> pl.DataFrame:
    """The required columns as text (empty: null), by header name in any order, plus LINE and FLAW.

    Every line after the header is one row. Raises BadData for an empty file or a header that lacks a name.
    """
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    if not raw.strip():
        raise BadData(f"file {file} is empty: expected a header line; get it again or delete it.")
    header = _header(raw, file, required)
    fast = _by_polars(raw, required) if b'"' not in raw else None
    return fast if fast is not None else _by_lines(raw, header, required)


def is_tidy(raw: bytes) -> bool:
    """Whether nothing is quoted and every line has as many fields as the first: then any reader sees the same rows.

    A carriage return that ends no line counts as untidy too: some readers drop it.
    """
    if b'"' in raw or (b"\r" in raw and raw.count(b"\r") != raw.count(b"\r\n")):
        return False
    ends = raw.translate(None, _NO_ENDS) + (b"" if raw.endswith(b"\n") else b"\n")
    row = ends[: ends.index(b"\n") + 1]
    return ends == row * (len(ends) // len(row))


def is_read_right(raw: bytes, read: Mapping[str, pl.Series]) -> bool:
    """Whether columns that polars read from text without quotes, by header name, are those of its lines.

    Polars refuses a line of too many fields when it reads all columns, and fills up one of too few with nulls: then a
    last column without a null is proof enough, which costs nothing.
    """
    names = raw[: raw.find(b"\n")].decode("utf-8", "replace").split(",")
    proven = b"\r" not in raw and all(name in read for name in names) and not read[names[-1]].null_count()
    return proven or is_tidy(raw)


def raw_lines(raw: bytes, numbers: Sequence[int]) -> list[str]:
    """The text of these 1-based lines."""
    lines = raw.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return [lines[number - 1].rstrip(b"\r").decode("utf-8", "replace") for number in numbers]


def _header(raw: bytes, file: str, required: Sequence[str]) -> list[str]:
    first = raw.split(b"\n", 1)[0].decode("utf-8", "replace").strip()
    names = [name.strip() for name in _fields(first) or []]
    if absent := [name for name in required if name not in names]:
        raise BadData(
            f"file {file} lacks column {', '.join(absent)}: expected {', '.join(required)}, found first line "
            f"{first[:120]!r}; give it a header line with these names."
        )
    if repeated := sorted({name for name in required if names.count(name) > 1}):
        raise BadData(
            f"file {file} names column {repeated[0]} twice: expected it once; correct its header line."
        )
    return names


def _by_polars(raw: bytes, required: Sequence[str]) -> pl.DataFrame | None:
    """Fast reading of text without quotes; None when lines and rows are not one to one, or a byte is no UTF-8."""
    lines = raw.count(b"\n") + (not raw.endswith(b"\n"))
    try:
        table = pl.read_csv(raw, infer_schema=False, columns=list(required), quote_char=None)
    except (pl.exceptions.PolarsError, UnicodeDecodeError):
        return None  # the slow way names the line
    if table.height != lines - 1 or not is_read_right(raw, {name: table[name] for name in table.columns}):
        return None
    return table.select(
        *required,
        pl.int_range(2, pl.len() + 2, dtype=pl.Int64).alias(LINE),
        pl.lit(None, pl.String).alias(FLAW),
    )


def _by_lines(raw: bytes, header: Sequence[str], required: Sequence[str]) -> pl.DataFrame:
    body = raw.decode("utf-8", "replace").split("\n")[1:]
    if body and not body[-1]:
        body.pop()
    places = [header.index(name) for name in required]
    rows = []
    for number, text in enumerate(body, start=2):
        fields = _fields(text.removesuffix("\r"))
        flaw = _flaw(fields, len(header))
        values = [fields[place] or None for place in places] if fields and not flaw else [None] * len(places)
        rows.append((*values, number, flaw))
    schema = dict.fromkeys(required, pl.String) | {LINE: pl.Int64, FLAW: pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _fields(text: str) -> list[str] | None:
    """The fields of one line; None when its quotes do not open and close within it."""
    if '"' not in text:
        return text.split(",") if text else []
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error:
        return None


def _flaw(fields: list[str] | None, expected: int) -> str | None:
    if fields is None:
        return "the line has double quotes that do not enclose whole fields"
    if len(fields) != expected:
        return f"the line has {len(fields)} fields where the header has {expected}"
    return None
