"""The two Python clients of the archive, each call one coroutine. Retries, waiting and checks are not theirs here.

tardis-client replays but has no daily files: those come through tardis-dev whatever the engine is. Both would try
again silently for minutes, so asking.py stops them at their first failure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines.market.venue_settings import TardisSettings

SILENCE = 60
"""Seconds without a byte after which an engine gives up on an answer."""
PART = "part.csv.gz"
ENGINE_LOGGERS = ("tardis_dev._http", "tardis_client.data_downloader")
"""Where the engines say, at debug level only, that they try again."""


@dataclass(frozen=True)
class Channel:
    """One channel of an exchange's own feed; no symbols: all of them."""

    name: str
    symbols: tuple[str, ...] = ()


@dataclass(frozen=True)
class Feed:
    """What is replayed: [start, end) in whole minutes."""

    exchange: str
    channels: tuple[Channel, ...]
    start: datetime
    end: datetime


async def download(
    settings: TardisSettings, key: str | None, dataset: tuple[str, str, date, str], folder: Path
) -> None:
    """Put one daily file of (exchange, data type, day, symbol) into the folder as PART."""
    import tardis_dev  # type: ignore[import-untyped]

    exchange, data_type, day, symbol = dataset
    await tardis_dev.download_datasets_async(
        exchange=exchange,
        data_types=[data_type],
        symbols=[symbol],
        from_date=day.isoformat(),
        to_date=(day + timedelta(days=1)).isoformat(),
        api_key=key or "",
        download_dir=str(folder),
        endpoint=settings.datasets_url,
        timeout=SILENCE,
        concurrency=1,
        get_filename=lambda *_: PART,
        skip_if_exists=False,
    )


async def details(settings: TardisSettings, exchange: str) -> dict[str, Any]:
    """What the archive says about an exchange, without a key; tardis-client cannot ask."""
    import tardis_dev

    found: dict[str, Any] = await tardis_dev.get_exchange_details_async(
        exchange, endpoint=settings.api_url, timeout=SILENCE
    )
    return found


async def fetch_slices(settings: TardisSettings, key: str | None, feed: Feed, folder: Path) -> None:
    """Put the feed's slices into the folder, as the chosen engine's own cache."""
    messages = _by_client if settings.engine == "tardis-client" else _by_dev
    async for _ in messages(settings, key, feed, folder):
        pass


def _by_dev(settings: TardisSettings, key: str | None, feed: Feed, folder: Path) -> Any:
    import tardis_dev

    return tardis_dev.replay(
        exchange=feed.exchange,
        from_date=feed.start,
        to_date=feed.end,
        filters=[
            tardis_dev.Channel(channel.name, list(channel.symbols) or None) for channel in feed.channels
        ],
        api_key=key or "",
        cache_dir=str(folder),
        endpoint=settings.api_url,
        timeout=SILENCE,
        compression="gzip",  # a cut-off zstd stream would be read as a whole one
        decode_response=False,
    )


def _by_client(settings: TardisSettings, key: str | None, feed: Feed, folder: Path) -> Any:
    from tardis_client import Channel as Filter  # type: ignore[import-untyped]
    from tardis_client import TardisClient

    client = TardisClient(
        endpoint=settings.api_url.removesuffix("/v1"), cache_dir=str(folder), http_timeout=SILENCE
    )
    client.api_key = key or ""  # given later: its constructor writes what it gets into the log
    return client.replay(
        feed.exchange,
        _naive(feed.start),
        _naive(feed.end),
        [Filter(channel.name, sorted(channel.symbols)) for channel in feed.channels],
        decode_response=False,
    )


def _naive(moment: datetime) -> str:
    """The client puts this into its URL as it is: an offset's plus sign would be read as a blank."""
    return moment.replace(tzinfo=None).isoformat()


def checked(channels: Sequence[Channel]) -> tuple[Channel, ...]:
    """Channels in an order of their own: the same question is asked the same way."""
    return tuple(sorted(channels, key=lambda channel: channel.name))
