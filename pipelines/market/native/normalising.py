"""From a stream of messages to tables: all at once, or in batches of bounded size. Shapes are the exchanges'."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from pipelines.errors import UnknownName
from pipelines.market.native.binance import BinanceFutures
from pipelines.market.native.bybit import Bybit
from pipelines.market.native.coinbase import Coinbase
from pipelines.market.native.deribit import Deribit
from pipelines.market.native.gathered import Normalised
from pipelines.market.native.hyperliquid import Hyperliquid
from pipelines.market.native.kraken import Kraken
from pipelines.market.native.reader import Reader

READERS: dict[str, type[Reader]] = {
    reader.exchange: reader for reader in (BinanceFutures, Bybit, Coinbase, Deribit, Hyperliquid, Kraken)
}
"""By the tick archive's name of the exchange."""
Messages = Iterable[tuple[datetime | None, Any]]
"""Local time and message, as the exchange sent it; None for a lost connection, text for what is no JSON."""


def open_reader(exchange: str, symbol: str, window: tuple[datetime, datetime], file: str) -> Reader:
    """A reader of one symbol; raises UnknownName for an exchange whose messages are not known."""
    if exchange not in READERS:
        raise UnknownName(
            f"exchange {exchange!r} has messages that nobody here can read: expected one of "
            f"{', '.join(READERS)}; use its daily files instead."
        )
    return READERS[exchange](symbol, window, file)


def normalise(
    exchange: str, messages: Messages, symbol: str, window: tuple[datetime, datetime], file: str
) -> Normalised:
    """Tables of one symbol, with notes; `window`: exchange times lie in [start, end), `file` names quarantined rows.

    Raises UnknownName for an unknown exchange. A message that cannot be read is a quarantined row; one of an
    unknown shape is counted and said.
    """
    reader = open_reader(exchange, symbol, window, file)
    for line, (local_time, message) in enumerate(messages, start=1):
        reader.feed(line, local_time, message)
    reader.close()
    found = reader.drain()
    return replace(found, notes=_notes(found, symbol))


def batches(reader: Reader, messages: Messages, rows: int = 200_000) -> Iterator[Normalised]:
    """The same piece by piece, each of about `rows` rows sent; what is open at the end of a piece goes on."""
    done = 0
    for line, (local_time, message) in enumerate(messages, start=1):
        reader.feed(line, local_time, message)
        if reader.sent - done >= rows:
            done = reader.sent
            yield reader.drain()
    reader.close()
    yield reader.drain()


def _notes(found: Normalised, symbol: str) -> tuple[str, ...]:
    """Sentences for whoever reads the metadata."""
    delay = found.delay
    behind = (
        f"recorder's clock runs {delay.total_seconds():.3f} s against the exchange (median)" if delay else ""
    )
    counts = (
        (found.repeats, "trades came again with equal values and were dropped"),
        (found.missing_ids, "trade ids are missing between the first and the last"),
        (found.out_of_order, "trades came after a younger one and were put in order"),
        (
            found.unusable,
            "book levels could not be used: before the first snapshot, in it already, or after a gap",
        ),
    )
    strange = f"{found.unknown} messages are of a shape that nobody here reads, the first: {found.first}"
    return (
        *([strange] if found.unknown else []),
        *([behind] if delay is not None and delay.total_seconds() < 0 else []),
        *(f"{count} {what}" for count, what in counts if count),
        *(
            f"book of {symbol} invalid {start:%Y-%m-%d %H:%M:%S}–{end:%H:%M:%S}: {reason}"
            for start, end, reason in found.invalid.iter_rows()
        ),
    )
