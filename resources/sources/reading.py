"""Bytes of files and the files of a pattern. What the bytes mean is in pipelines/market."""

import re
import zlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from pipelines.errors import BadData

NAMED_DAY = re.compile(r"(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)")
WILD = re.compile(r"[*?\[]")
STEP = 2**17
"""Bytes read at a time; packed text may be a thousand times as long."""
GZIP = 31
"""zlib's window bits for a gzip with its checksum."""


def read_bytes(path: Path) -> bytes:
    """Content of a file, unpacked when its name ends in .gz; raises BadData for a cut-off or broken gzip."""
    return b"".join(read_chunks(path))


def read_chunks(path: Path) -> Iterator[bytes]:
    """The same content piece by piece, so that a file of any length needs little memory.

    Length and checksum are verified at its end: whoever reads pieces must not keep them before that.
    """
    with path.open("rb") as file:
        pieces = iter(lambda: file.read(STEP), b"")
        if path.suffix != ".gz":
            yield from pieces
            return
        try:
            yield from unpack(pieces)
        except (EOFError, zlib.error) as error:
            raise BadData(
                f"file {path} cannot be unpacked: expected a whole gzip, found {str(error).rstrip('.')}; get "
                "it again."
            ) from error


def unpack(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The content of one or more gzip members; raises EOFError when cut off and zlib.error when broken."""
    unpacker, inside = zlib.decompressobj(GZIP), False
    for piece in pieces:
        rest = piece
        while rest:
            if unpacker.eof:
                rest = rest.lstrip(b"\0")  # zeros may pad a gzip; anything else begins a member
                if not rest:
                    break
                unpacker = zlib.decompressobj(GZIP)
            yield unpacker.decompress(rest)
            rest, inside = unpacker.unused_data, not unpacker.eof
    if inside:
        raise EOFError("a file that ends before its end-of-stream marker")


def matches(root: Path, pattern: str) -> list[Path]:
    """Files of a pattern, sorted by path; relative patterns start at root."""
    folder, rest = split_pattern(root, pattern)
    if not rest:
        return [folder] if folder.is_file() else []
    return sorted(path for path in folder.glob(rest) if path.is_file())


def beside(root: Path, pattern: str) -> set[Path]:
    """Files of the folders that a pattern looks into, matched or not."""
    folder, rest = split_pattern(root, pattern)
    if "**" in rest:
        return {path for path in folder.rglob("*") if path.is_file()}
    folder, depth = (folder, rest.count("/")) if rest else (folder.parent, 0)
    levels = ["/".join(["*"] * (level + 1)) for level in range(depth + 1)]
    return {path for level in levels for path in folder.glob(level) if path.is_file()}


def split_pattern(root: Path, pattern: str) -> tuple[Path, str]:
    """The fixed folder of a pattern and the wild rest of it (empty for a plain file name)."""
    parts = (root / pattern).parts
    wild = next((number for number, part in enumerate(parts) if WILD.search(part)), len(parts))
    return Path(*parts[:wild]), "/".join(parts[wild:])


def named_day(path: Path) -> date | None:
    """The date in a file's name, or None."""
    found = NAMED_DAY.search(path.name)
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None
