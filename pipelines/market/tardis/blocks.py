"""Text of any length as blocks of whole lines, each with the file's header line before it. No field is read here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipelines.errors import BadData

BLOCK = 16 * 2**20
"""Bytes that are parsed at a time: large enough for the parser's own speed, small enough to be forgotten."""
MARK = b"\xef\xbb\xbf"
"""The byte-order mark that some editors put before a file."""


@dataclass(frozen=True)
class Block:
    """Some lines of a file, as a file of its own."""

    text: bytes  # header line, then the lines
    before: int  # lines of the file between its header and these


def blocks(chunks: Iterable[bytes], file: str, size: int = BLOCK) -> Iterator[Block]:
    """Blocks of about `size` bytes, in order; a file of a header alone is one block without lines.

    Raises BadData for an empty file.
    """
    header, before = b"", 0
    for piece in _pieces(chunks, size):
        if not header:
            first, _, piece = piece.removeprefix(MARK).partition(b"\n")
            header = first + b"\n"
            if not first.strip() and not piece.strip():
                break
        block = Block(header + piece, before)
        before += lines_in(piece)
        yield block
    if not header.strip() and not before:
        raise BadData(f"file {file} is empty: expected a header line; get it again or delete it.")


def lines_in(text: bytes, start: int = 0) -> int:
    """Lines of a text from a byte on, the last one with or without its end."""
    return text.count(b"\n", start) + (len(text) > start and not text.endswith(b"\n"))


def _pieces(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The text cut after line ends, at least `size` bytes a piece but the last."""
    parts: list[bytes] = []
    held = 0
    for chunk in chunks:
        view = memoryview(chunk)
        while view:
            room = max(size - held, 1)
            cut = -1 if len(view) < room else chunk.find(b"\n", len(chunk) - len(view) + room - 1)
            if cut < 0:
                parts.append(bytes(view))
                held += len(view)
                break
            taken = cut + 1 - (len(chunk) - len(view))
            yield b"".join([*parts, view[:taken]])
            parts, held, view = [], 0, view[taken:]
    if held:
        yield b"".join(parts)
