"""Exchange-native messages → trades, book updates and quotes; and archives in an exchange's own layout.

`normalise` takes (local time, message) pairs as recorded or replayed, `batches` the same in bounded memory. Not here:
reading captures (resources/sources/captures.py), replay over HTTP, rebuilding books from updates
(pipelines/market/tardis).
"""

from pipelines.market.native.book_updates import invalidate
from pipelines.market.native.gathered import INVALID, QUOTES, UPDATES, Normalised
from pipelines.market.native.normalising import READERS, Messages, batches, normalise, open_reader

__all__ = [
    "INVALID",
    "QUOTES",
    "READERS",
    "UPDATES",
    "Messages",
    "Normalised",
    "batches",
    "invalidate",
    "normalise",
    "open_reader",
]
