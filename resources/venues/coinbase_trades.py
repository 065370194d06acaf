"""Coinbase's public trades: windows of whole seconds, halved while an answer is as full as it can be.

The venue takes both ends of a window in seconds and gives at most 1,000 trades of it without saying that there are
more. Each window begins in the second of the last trade before it, which has to come again.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

from pipelines.errors import BadAnswer
from resources.venues.exchange import speaking
from resources.venues.fields import micros, moment_of, part, rows_of
from resources.venues.forward import Rows, Span, Tell, Walk, believed
from resources.venues.trade_forms import COINBASE

MOST = 1000
FIRST_WINDOW, LONGEST_WINDOW = 900, 86_400
"""Seconds of the first window and of the longest one; in between the trades themselves decide."""
FILLED = 0.6
"""Share of a full answer that the next window aims at."""
SECOND = 1_000_000


def windows(exchange: Any, product: str, span: Span, tell: Tell, walked: Walk) -> Iterator[Rows]:
    """The answers that together hold every trade of the span; see the module."""
    venue = exchange.named.venue
    start, stop = micros(span[0]) // SECOND, -(-micros(span[1]) // SECOND)
    low, length, back = start, FIRST_WINDOW, start
    known: frozenset[str] = frozenset()
    while low < stop:
        high = min(stop, low + length)
        rows = believed(partial(_ask, exchange, product, min(low, back), high))
        full = len(rows) >= MOST
        if full and high - low > 1:
            length = (high - low) // 2
            continue
        if full and back < low:
            back, known = low, frozenset()  # the trades that were to come again fill the answer
            continue
        found = {COINBASE.key_of(row) for row in rows}
        if known and not known & found:
            raise BadAnswer(
                f"{venue} leaves out trades of {product}: expected those of "
                f"{moment_of(back * SECOND):%Y-%m-%d %H:%M:%S} UTC to come again in the next answer, found none of "
                "them; nothing after it is used, run the same command again later."
            )
        _note(walked, found, known, (low, high), full)
        yield rows
        tell(f"trades of {venue}", (high - start) / (stop - start))
        timed = [(time, COINBASE.key_of(row)) for row in rows if (time := COINBASE.time_of(row)) is not None]
        latest = max((time for time, _ in timed if time < high * SECOND), default=None)
        if latest is not None:
            back, known = latest // SECOND, frozenset(key for time, key in timed if time == latest)
        density = len(found - known) / (high - low)
        length = min(LONGEST_WINDOW, int(FILLED * MOST / density) if density else 4 * length) or 1
        low = high


def _ask(exchange: Any, product: str, low: int, high: int) -> Rows:
    """Trades from second `low` to second `high`."""
    venue = exchange.named.venue
    with speaking(venue):
        said = exchange.v3PublicGetBrokerageMarketProductsProductIdTicker(
            {"product_id": product, "limit": MOST, "start": str(low), "end": str(high)}
        )
    return rows_of(part(said, "trades", venue), "trades", venue, COINBASE.needed)


def _note(walked: Walk, found: set[str], known: frozenset[str], seconds: tuple[int, int], full: bool) -> None:
    low, high = seconds
    walked.pages += 1
    walked.overlap += len(known & found)
    if full:
        walked.crowded.append(low * SECOND)
    if found <= known:
        walked.empty.append((moment_of(low * SECOND), moment_of(high * SECOND)))
