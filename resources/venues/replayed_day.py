"""One UTC day from the archive's replay of raw messages. What a message means: pipelines/market/native."""

from datetime import datetime, timedelta

import polars as pl

from pipelines.errors import UnknownName
from pipelines.market.native.book_updates import invalidate
from pipelines.market.native.far_trades import far_from_neighbours
from pipelines.market.native.gathered import Normalised
from pipelines.market.native.normalising import normalise
from pipelines.market.rows import QUARANTINE
from pipelines.market.tardis.books import BookBuilder
from pipelines.market.tardis.rebuilding import notes_of, typed_updates
from resources.progress import Progress
from resources.sources.gathering import judged_clock
from resources.sources.source import Delivery
from resources.tardis import Archive
from resources.tardis.engines import Channel

MARGIN = timedelta(minutes=1)
"""Messages are replayed by local time; a recorder's clock may be so far from the exchange's."""
CHANNELS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "binance-futures": (("trade",), ("depth", "depthSnapshot")),
    "bybit": (("publicTrade",), ("orderbook.500",)),
    "coinbase": (("market_trades",), ("level2",)),
    "deribit": (("trades",), ("book",)),
    "hyperliquid": (("trades",), ("l2Book",)),
    "kraken": (("trade",), ("book",)),
}
"""Channels of trades and of books, by the archive's names (docs.tardis.dev, historical data details)."""
LOWER = ("binance-futures",)
"""Exchanges whose channels name symbols in small letters."""
SNAPSHOTS_ONLY = ("hyperliquid",)


class ReplayedDay:
    """Days of one archive, replayed."""

    def __init__(self, archive: Archive, progress: Progress) -> None:
        self.archive, self.progress = archive, progress

    def trades(self, exchange: str, symbol: str, span: tuple[datetime, datetime]) -> Delivery:
        """TRADES of [start, end); raises UnknownName for an exchange whose messages nobody here reads."""
        found = self._normalised(exchange, symbol, span, _channels(exchange)[0])
        far = pl.Series(far_from_neighbours(found.trades["price"].to_numpy()))
        aside = found.trades.filter(far).select(
            pl.lit(f"replay of {exchange}").alias("file"),
            pl.lit(None, pl.Int64).alias("line"),
            pl.lit("price is more than half off the median of the ten trades around it").alias("reason"),
            pl.concat_str(pl.all().cast(pl.String).fill_null(""), separator=",").alias("text"),
        )
        return judged_clock(
            Delivery(
                found.trades.filter(~far),
                pl.concat([found.quarantine.select(*QUARANTINE), aside]),
                found.notes,
                duplicates=found.repeats,
            )
        )

    def book(self, exchange: str, symbol: str, span: tuple[datetime, datetime]) -> Delivery:
        """ORDER_BOOK of [start, end), rebuilt; a lost message makes it unknown until the next snapshot."""
        found = self._normalised(exchange, symbol, span, _channels(exchange)[1])
        builder = BookBuilder(snapshots_replace=exchange in SNAPSHOTS_ONLY)
        book = pl.concat([builder.feed(typed_updates(found.updates)), builder.finish()])
        book = invalidate(book, found.invalid)
        gaps = tuple(
            f"book invalid {row['time']:%H:%M:%S}–{row['end']:%H:%M:%S}: {row['reason']}"
            for row in found.invalid.iter_rows(named=True)
        )
        return judged_clock(
            Delivery(
                book.filter(pl.col("time").is_between(*span, closed="left")).sort(
                    "time", maintain_order=True
                ),
                found.quarantine.select(*QUARANTINE),
                (*found.notes, *gaps, *notes_of(builder)),
            )
        )

    def _normalised(
        self, exchange: str, symbol: str, span: tuple[datetime, datetime], names: tuple[str, ...]
    ) -> Normalised:
        asked = symbol.lower() if exchange in LOWER else symbol
        start, end = span
        messages = self.archive.replay(
            exchange, [Channel(name, (asked,)) for name in names], start - MARGIN, end + MARGIN
        )
        self.progress.tell(f"replay of {exchange} {symbol}", 0.0)
        return normalise(exchange, messages, symbol, span, f"replay of {exchange} {start:%Y-%m-%d}")


def _channels(exchange: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if exchange not in CHANNELS:
        raise UnknownName(
            f"exchange {exchange!r} cannot be replayed here: expected one of {', '.join(CHANNELS)}; set "
            "source.venues.tardis.replay = false to read its daily files."
        )
    return CHANNELS[exchange]
