"""Files unpacked piece by piece: the same bytes as at once, and broken ones never look whole."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import BadData
from resources.sources.reading import read_bytes, read_chunks, unpack

MEMBERS = st.lists(st.binary(max_size=40), min_size=1, max_size=4)


def cut(raw: bytes, size: int) -> Iterator[bytes]:
    return (raw[i : i + size] for i in range(0, len(raw), size))


@given(MEMBERS, st.integers(1, 30), st.integers(0, 5))
def test_members_come_out_whole_however_they_are_cut(members: list[bytes], size: int, zeros: int) -> None:
    raw = b"".join(gzip.compress(member) for member in members) + b"\0" * zeros
    assert b"".join(unpack(cut(raw, size))) == b"".join(members) == gzip.decompress(raw)


@given(st.binary(min_size=1, max_size=200), st.data())
def test_a_gzip_that_breaks_off_or_is_changed_is_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, data: st.DataObject
) -> None:
    raw = gzip.compress(content, mtime=0)
    path = tmp_path_factory.mktemp("gzip") / "f.csv.gz"
    kept = data.draw(st.integers(1, len(raw) - 1))
    path.write_bytes(raw[:kept])
    with pytest.raises(BadData, match="cannot be unpacked: expected a whole gzip"):
        read_bytes(path)
    changed = bytearray(raw)
    changed[data.draw(st.integers(len(raw) - 8, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(changed))
    with pytest.raises(BadData, match="cannot be unpacked"):
        list(read_chunks(path))


def test_text_that_is_not_packed_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(b"a\n" * 300_000)
    assert b"".join(read_chunks(path)) == path.read_bytes() == read_bytes(path)
