"""The spool: each page of a backfill as one file, so that a killed run goes on where it was.

Only the answers as they came and what was asked; reading candles out of them is candles.py. A page is written
aside, flushed to the disk and renamed; one that is torn or altered, or was an answer of somebody else, is as good as
none and is fetched again. Several processes may use one folder.
"""

import hashlib
import json
import os
import threading
import time
from datetime import datetime
from pathlib import Path

from pipelines.market.paging import Span
from pipelines.market.symbols import Market
from pipelines.market.timeframes import minutes_of
from resources.venues.transport import Answer

STAMP = "%Y%m%dT%H%M%S"
ENDING = ".page"
PART = ".part"
ABANDONED = 3600.0
"""Seconds after which a page that is still being written belongs to a process that died."""


class Spool:
    """The pages of one market and timeframe; cleared by whoever committed their rows to a table."""

    def __init__(self, folder: Path, market: Market, timeframe: str, source: str = "") -> None:
        """`folder`: `_pages` of the lake's root. Nothing is made before the first page.

        `source`: who is asked, where, and under which name of the symbol; a page of another source is none.
        """
        minutes_of(timeframe)
        self.folder = folder / market.venue / market.symbol / timeframe
        self._about, self._source = f"{market} {timeframe}", source

    def read(self, asked: Span, times: int = 1, part: int = 0) -> Answer | None:
        """The answer kept for a question, or None when there is none that is whole.

        `times`: how often the same span has been asked, this time included; `part`: of an answer in parts.
        """
        try:
            raw = self._path(asked, times, part).read_bytes()
        except FileNotFoundError:
            return None
        head, newline, body = raw.partition(b"\n")
        if not newline:
            return None
        try:
            said = json.loads(head)
        except ValueError:
            return None
        if not isinstance(said, dict) or said.get("sha256") != self._hash(
            asked, str(said.get("received_at")), body
        ):
            return None
        return Answer("spool:", 200, {}, body, datetime.fromisoformat(said["received_at"]))

    def keep(self, asked: Span, answer: Answer, times: int = 1, part: int = 0) -> None:
        """Write an answer so that it survives a crash at any moment."""
        path = self._path(asked, times, part)
        path.parent.mkdir(parents=True, exist_ok=True)
        received = answer.received_at.isoformat()
        head = {
            "about": self._about,
            "start": asked[0].isoformat(),
            "end": asked[1].isoformat(),
            "times": times,
            "received_at": received,
            "sha256": self._hash(asked, received, answer.body),
        }
        aside = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}{PART}")
        try:
            with aside.open("wb") as file:
                file.write(json.dumps(head).encode() + b"\n" + answer.body)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        _flush_folder(path.parent)

    def clear(self) -> int:
        """Remove every whole page, once their rows are in a table, and what dead processes left; how many pages."""
        if not self.folder.is_dir():
            return 0
        there = list(self.folder.iterdir())
        pages = [path for path in there if path.name.endswith(ENDING)]
        left = [path for path in there if path.name.endswith(PART) and _age(path) > ABANDONED]
        for path in (*pages, *left):
            path.unlink(missing_ok=True)  # another process may clear too
        return len(pages)

    def _path(self, asked: Span, times: int, part: int) -> Path:
        window = f"{asked[0]:{STAMP}}-{asked[1]:{STAMP}}"
        return self.folder / f"{window}-{times}-{part}{ENDING}"

    def _hash(self, asked: Span, received: str, body: bytes) -> str:
        known = f"{self._about}\n{self._source}\n{asked[0].isoformat()}\n{asked[1].isoformat()}\n{received}\n".encode()
        return hashlib.sha256(known + body).hexdigest()


def _age(path: Path) -> float:
    """Seconds since a file was last written; 0 for one that is gone."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
