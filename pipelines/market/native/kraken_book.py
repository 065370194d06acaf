"""The levels of one Kraken book, as text, for its checksum. Order books of the tables are built elsewhere."""

from bisect import bisect_left, insort
from decimal import Decimal
from zlib import crc32

BEST = 10


class KrakenBook:
    """Bids and asks down to a depth."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self._sorted: dict[str, list[Decimal]] = {"bid": [], "ask": []}  # best first: bids by minus the price
        self._text: dict[str, dict[Decimal, tuple[str, str]]] = {"bid": {}, "ask": {}}

    def set(self, side: str, price: str, amount: str) -> None:
        """Put a level; amount 0 removes it."""
        key = Decimal(price) if side == "ask" else -Decimal(price)
        keys, texts = self._sorted[side], self._text[side]
        if Decimal(amount) == 0:
            if texts.pop(key, None) is not None:
                del keys[bisect_left(keys, key)]
            return
        if key not in texts:
            insort(keys, key)
        texts[key] = (price, amount)

    def trim(self) -> list[tuple[str, str, str]]:
        """Drop levels beyond the depth; returns them as removals."""
        fallen = []
        for side, keys in self._sorted.items():
            texts = self._text[side]
            fallen += [(side, texts.pop(key)[0], "0") for key in keys[self.depth :]]
            del keys[self.depth :]
        return fallen

    def checksum(self) -> int:
        """CRC32 over the digits of the ten best asks, then bids, without points and leading zeros."""
        digits = "".join(
            text.replace(".", "").lstrip("0")
            for side in ("ask", "bid")
            for key in self._sorted[side][:BEST]
            for text in self._text[side][key]
        )
        return crc32(digits.encode())
