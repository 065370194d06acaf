"""Recorded feeds: files of raw exchange messages as (local time, message). What messages mean is pipelines/market.

Framings, told by the first line: `<nanoseconds> <JSON>` (hftbacktest), `<ISO time> <JSON>` with an empty line for a
lost connection (slices of the tick archive's replay), cryptofeed's `{"t", "conn", "ts", "data"}`, and bare JSON lines.
Packed as .gz, .zst or .zip (one member), or not at all. Numbers with a point stay text.
"""

import gzip
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, cast

from pipelines.errors import BadData

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NANOSECONDS = re.compile(r"(\d{16,20}) (.*)")
ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z? (.*)")
CHUNK = 1 << 16
Captured = tuple[datetime | None, Any]
"""Local time (None when not recorded) and message: parsed JSON, None for a lost connection, text when no JSON."""


def read_capture(path: Path) -> Iterator[Captured]:
    """The messages of a capture, one by one, in the order of their local times where it has several connections.

    An HTTP answer comes as {"url", "data"}. A line that is no JSON comes as text: it is quarantined downstream.
    Raises BadData for a file that cannot be unpacked to its end.
    """
    lines = read_lines(path)
    first = next(lines, None)
    if first is None:
        raise BadData(f"file {path} is empty: expected recorded messages; get it again or delete it.")
    if first.startswith('{"t":'):
        yield from _cryptofeed([first, *lines])
        return
    yield _framed(first)
    for line in lines:
        yield _framed(line)


def read_lines(path: Path) -> Iterator[str]:
    """Lines of a packed or plain text file; raises BadData when it breaks off."""
    import zstandard

    try:
        with io.TextIOWrapper(_unpacked(path), encoding="utf-8", errors="replace", newline="\n") as lines:
            for line in lines:
                yield line.rstrip("\r\n")
    except (EOFError, OSError, zlib.error, zipfile.BadZipFile, zstandard.ZstdError) as error:
        raise BadData(
            f"file {path} cannot be unpacked: expected a whole {path.suffix[1:]} file, found "
            f"{str(error).rstrip('.')}; get it again."
        ) from error


def _unpacked(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path))
    if path.suffix == ".zst":
        return cast("IO[bytes]", io.BufferedReader(_Zstandard(path), CHUNK))
    if path.suffix == ".zip":
        archive = zipfile.ZipFile(path)
        return archive.open(archive.namelist()[0])
    return path.open("rb")


class _Zstandard(io.RawIOBase):
    """An unpacked .zst file that notices a cut inside a frame; the package's own stream ends there in silence."""

    def __init__(self, path: Path) -> None:
        import zstandard

        self._opener = zstandard.ZstdDecompressor().decompressobj
        self._file, self._frame, self._rest, self._out = path.open("rb"), self._opener(), b"", b""
        self._begun = False

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """See io.RawIOBase; raises EOFError where a frame has no end."""
        while not self._out:
            packed = self._rest or self._file.read(CHUNK)
            if not packed:
                if self._begun:
                    raise EOFError("a frame that breaks off")
                return 0
            self._out, self._begun = self._frame.decompress(packed), True
            self._rest = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame, self._begun = self._opener(), False
        size = min(len(buffer), len(self._out))
        buffer[:size], self._out = self._out[:size], self._out[size:]
        return size

    def close(self) -> None:
        """See io.RawIOBase."""
        self._file.close()
        super().close()


def _framed(line: str) -> Captured:
    if not line.strip():
        return None, None
    if found := NANOSECONDS.fullmatch(line):
        return EPOCH + timedelta(microseconds=int(found[1]) // 1000), _json(found[2])
    if found := ISO.fullmatch(line):
        fraction = timedelta(microseconds=int((found[2] or "0")[:6].ljust(6, "0")))
        return datetime.fromisoformat(found[1]).replace(tzinfo=UTC) + fraction, _json(found[3])
    return None, _json(line)


def _cryptofeed(lines: list[str]) -> Iterator[Captured]:
    """Lines stand by connection; they come out by time. A connection that is opened again was lost before."""
    entries = [_json(line) for line in lines[1:]]
    timed = [
        (_seconds(entry["ts"]), number, entry)
        for number, entry in enumerate(entries)
        if isinstance(entry, dict)
    ]
    yield from ((None, entry) for entry in entries if not isinstance(entry, dict))
    opened: set[str] = set()
    for moment, _, entry in sorted(timed, key=lambda row: row[:2]):
        if entry["t"] == "connect" and "http" not in entry["conn"]:
            if entry["conn"] in opened:
                yield moment, None
            opened.add(entry["conn"])
        elif entry["t"] == "recv":
            yield moment, _json(entry["data"])
        elif entry["t"] == "http":
            yield moment, {"url": entry["url"], "data": _json(entry["data"])}


def _seconds(text: Any) -> datetime:
    whole, _, fraction = str(text).partition(".")
    return EPOCH + timedelta(seconds=int(whole), microseconds=int(fraction[:6].ljust(6, "0")))


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_float=str)
    except ValueError:
        return text
