"""Laws of text tables: a line is a row, and what row it is does not depend on the lines around it."""

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.errors import BadData
from pipelines.market.text_table import FLAW, LINE, is_tidy, text_table

HEADER = b"a,b,c,d\n"
NAMES = ("a", "c")
cell = st.text(st.sampled_from('1a" \té\x00\r;'), max_size=4)
line = st.lists(cell, min_size=0, max_size=6).map(",".join)

whole_line = st.lists(st.sampled_from(["1", "1.5", "x", ""]), min_size=4, max_size=4).map(",".join)


def table(lines: list[str], ending: str = "\n", names: tuple[str, ...] = NAMES) -> pl.DataFrame:
    return text_table(HEADER + "".join(each + ending for each in lines).encode(), "f", names)


@given(
    st.lists(line | whole_line, min_size=1, max_size=12),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([NAMES, ("c", "d"), ("a", "b", "c", "d")]),
)
@example(['1,"2,3,4', '1,2",3,4'], "\n", NAMES)
@example(["1,2,3", "1,2,3,4"], "\n", ("c", "d"))
@example(["1,2,3,4,5", "1,2,3,4"], "\n", NAMES)
@example(["1,2,3,4,5", "1,2,3,4"], "\n", ("a", "b", "c", "d"))
@example(['"1",2,"3,3",4', "1,2,3,4"], "\n", NAMES)
def test_each_line_is_read_as_if_it_stood_alone(
    lines: list[str], ending: str, names: tuple[str, ...]
) -> None:
    whole = table(lines, ending, names)
    alone = pl.concat([table([each], ending, names) for each in lines])
    assert whole.drop(LINE).equals(alone.drop(LINE))
    assert whole[LINE].to_list() == list(range(2, len(lines) + 2))


@given(st.lists(st.lists(cell, min_size=4, max_size=4).map(",".join), min_size=1, max_size=8))
def test_fast_reading_gives_what_reading_line_by_line_gives(lines: list[str]) -> None:
    """A quote in one line makes all be read line by line; the others must not change by it."""
    fast, slow = table(lines), table([*lines, '"1",2,3,4'])
    assert slow.head(len(lines)).equals(fast)
    assert slow.row(-1)[:2] == ("1", "3")


@pytest.mark.parametrize(
    ("bad", "flaw"),
    [
        ("1,2,3", "has 3 fields where the header has 4"),
        ("1,2,3,4,5", "has 5 fields where the header has 4"),
        ("", "has 0 fields where the header has 4"),
        ('1,2,3,"4', "double quotes that do not enclose whole fields"),
        ('1,"2"x,3,4', "double quotes that do not enclose whole fields"),
    ],
)
def test_a_line_that_is_no_row_says_why_and_its_neighbours_stay(bad: str, flaw: str) -> None:
    found = table(["1,2,3,4", bad, "5,6,7,8"])
    assert found.select(NAMES).rows() == [("1", "3"), (None, None), ("5", "7")]
    assert found[FLAW].null_count() == 2
    assert flaw in found[FLAW][1]


@given(st.lists(line, max_size=8), st.booleans())
def test_tidy_text_has_no_quote_and_lines_of_equal_length(lines: list[str], ended: bool) -> None:
    raw = HEADER + "\n".join(lines).encode() + b"\n" * ended
    rows = raw.removesuffix(b"\n").split(b"\n")
    returns = raw.replace(b"\r\n", b"\n").count(b"\r")
    assert is_tidy(raw) == (b'"' not in raw and not returns and all(row.count(b",") == 3 for row in rows))


def test_a_header_of_quotes_and_returns_is_refused_in_a_sentence() -> None:
    with pytest.raises(BadData, match="file f lacks column a, c"):
        text_table(b'"a,b\rc,d\n1,2,3,4\n', "f", NAMES)
