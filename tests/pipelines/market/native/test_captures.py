"""Capture files of every framing and packing, whole and broken."""

import gzip
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard

from pipelines.errors import BadData
from resources.sources.captures import read_capture

AT = datetime(2024, 7, 18, 23, 57, 0, 984480, tzinfo=UTC)
LINE = '1721347020984480942 {"p": 0.0155712699999999998, "q": "1.0"}'


def test_nanoseconds_are_cut_and_numbers_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "feed.gz"
    path.write_bytes(gzip.compress(f"{LINE}\n".encode()))
    assert list(read_capture(path)) == [(AT, {"p": "0.0155712699999999998", "q": "1.0"})]


def test_replay_slices_with_a_lost_connection(tmp_path: Path) -> None:
    path = tmp_path / "slice.zst"
    text = '2024-07-18T23:57:00.9844809Z {"a": 1}\n\n2024-07-18T23:57:00Z {"a": 2}\n'
    path.write_bytes(zstandard.compress(text.encode()))
    assert list(read_capture(path)) == [(AT, {"a": 1}), (None, None), (AT.replace(microsecond=0), {"a": 2})]


def test_bare_lines_in_a_zip_have_no_local_time_and_broken_ones_come_as_text(tmp_path: Path) -> None:
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one", '{"a": 1}\n{"a": \n')
    assert list(read_capture(path)) == [(None, {"a": 1}), (None, '{"a": ')]


def test_connections_of_a_cryptofeed_capture_come_out_by_time(tmp_path: Path) -> None:
    entries = [
        {"t": "header"},
        {"t": "connect", "conn": "X.ws.1", "ts": 1.5},
        {"t": "recv", "conn": "X.ws.1", "ts": 4.25, "data": '{"n": 2}'},
        {"t": "connect", "conn": "X.ws.1", "ts": 5.0},
        {"t": "send", "conn": "X.ws.2", "ts": 1.0, "data": "{}"},
        {"t": "recv", "conn": "X.ws.2", "ts": 3.0000019, "data": '{"n": 1}'},
        {"t": "http", "conn": "X.http.0", "ts": 6.0, "url": "u", "data": "[]"},
    ]
    path = tmp_path / "capture.jsonl"
    path.write_text("".join(json.dumps(entry, separators=(",", ":")) + "\n" for entry in entries))
    found = [(None if at is None else at.timestamp(), message) for at, message in read_capture(path)]
    assert found == [(3.000001, {"n": 1}), (4.25, {"n": 2}), (5.0, None), (6.0, {"url": "u", "data": []})]


@pytest.mark.parametrize("suffix", ["gz", "zst", "zip"])
def test_a_file_that_breaks_off_is_refused_in_a_sentence(tmp_path: Path, suffix: str) -> None:
    text = "".join(f"17213470209844809{k:02d} {{}}\n" for k in range(90)).encode()
    path = tmp_path / f"feed.{suffix}"
    if suffix == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("one", text)
    else:
        path.write_bytes(gzip.compress(text) if suffix == "gz" else zstandard.compress(text))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(
        BadData, match=rf"feed\.{suffix} cannot be unpacked: expected a whole {suffix} file.*get it again"
    ):
        list(read_capture(path))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "feed.jsonl"
    path.touch()
    with pytest.raises(BadData, match="is empty"):
        list(read_capture(path))
