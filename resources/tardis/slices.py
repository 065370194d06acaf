"""Replayed messages: the engine fetches slices of minutes, which are verified and then read. No exchange is known here.

An engine would hand a message out before it knows whether the rest of its slice is whole; so an hour of slices is
fetched into a folder of its own, checked to the last byte, read and forgotten.
"""

import gzip
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipelines.errors import BadAnswer, BadSpan, MissingData
from pipelines.market.venue_settings import TardisSettings
from resources.sources.captures import Captured, read_capture
from resources.tardis.asking import NAME, Asking, NotThere
from resources.tardis.engines import Channel, Feed, checked, fetch_slices

WINDOW = timedelta(hours=1)
STEP = 2**20


def replayed(
    asking: Asking,
    settings: TardisSettings,
    key: str | None,
    cache: Path,
    exchange: str,
    channels: Sequence[Channel],
    start: datetime,
    end: datetime,
) -> Iterator[Captured]:
    """Messages of [start, end) in order; raises BadSpan for a span that is not of whole minutes."""
    if start >= end or any(moment.second or moment.microsecond for moment in (start, end)):
        raise BadSpan(
            f"replay of {exchange} from {start} to {end}: expected whole minutes, the first before the last; "
            "correct them."
        )
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    cache.mkdir(parents=True, exist_ok=True)
    while start < end:
        feed = Feed(exchange, checked(channels), start, min(end, start + WINDOW))
        folder = Path(tempfile.mkdtemp(dir=cache, prefix=".replay-"))
        try:
            for path in _fetched(asking, settings, key, feed, folder):
                yield from read_slice(path, feed)
        finally:
            shutil.rmtree(folder)
        start = feed.end


def _fetched(
    asking: Asking, settings: TardisSettings, key: str | None, feed: Feed, folder: Path
) -> list[Path]:
    """Verified slices of the feed, by time."""
    what = f"messages of {feed.exchange} from {feed.start:%Y-%m-%d %H:%M} to {feed.end:%H:%M} UTC"

    async def call() -> None:
        _without_damaged(folder)
        await fetch_slices(settings, key, feed, folder)

    def damage(_: None) -> str:
        return next(filter(None, map(_damage_of, _slices(folder))), "")

    try:
        asking.ask(call, what, damage)
    except NotThere:
        raise MissingData(f"{NAME} has no {what} (404): expected messages; leave the time out.") from None
    return _slices(folder)


def _slices(folder: Path) -> list[Path]:
    """Files .../YYYY/MM/DD/HH/MM.json[.size-N].gz, by time."""
    return sorted(folder.rglob("*.json*.gz"), key=lambda path: (*path.parts[-5:-1], path.name[:2]))


def _without_damaged(folder: Path) -> None:
    """An engine believes every file of its cache, so one that broke off must be gone before it looks again."""
    for path in _slices(folder):
        if _damage_of(path):
            path.unlink()


def _damage_of(path: Path) -> str:
    """What is wrong with a slice; "" when its gzip is whole."""
    if not path.stat().st_size:
        return "sent an empty slice"
    try:
        with gzip.open(path) as file:
            while file.read(STEP):
                pass
    except (EOFError, OSError, zlib.error) as error:
        return f"sent a slice that does not unpack ({str(error).rstrip('.')})"
    return ""


def read_slice(path: Path, feed: Feed) -> Iterator[Captured]:
    """Messages of a verified slice; raises BadAnswer for one that is not of the feed's time."""
    with gzip.open(path) as file:
        if not file.read(1):
            return  # minutes without a message
    for moment, message in read_capture(path):
        if moment is not None and not feed.start <= moment < feed.end:
            raise BadAnswer(
                f"{NAME} gave a message of {moment:%Y-%m-%d %H:%M:%S} UTC of {feed.exchange}: expected one from "
                f"{feed.start:%Y-%m-%d %H:%M} to {feed.end:%H:%M}; nothing after it was read."
            )
        yield moment, message
