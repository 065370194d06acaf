"""What a trade costs: fee, half the spread, slippage.

What does not live here: funding and borrow, not charged yet.
"""

import math
from dataclasses import dataclass, fields

from pipelines.errors import BadSettings
from pipelines.trading.money import PPB

PPB_PER_BP = 100_000


@dataclass(frozen=True)
class Costs:
    """Costs of one side of a trade, each in basis points (1e-4) of the traded notional."""

    fee_bps: float = 2.0  # bp, charged by the venue on the notional
    half_spread_bps: float = 0.5  # bp, from the open to the touch
    slippage_bps: float = 0.0  # bp, beyond the touch

    def __post_init__(self) -> None:
        """Refuse negative, non-finite and absurd costs with BadSettings."""
        for each in fields(self):
            bps = getattr(self, each.name)
            if not (math.isfinite(bps) and 0 <= bps < 10_000):
                raise BadSettings(f"costs.{each.name} is {bps!r}: expected 0 <= bp < 10000; correct it.")

    @property
    def round_trip(self) -> float:
        """Fraction of the notional that entering and leaving costs: 2 (fee + half spread + slippage) 1e-4."""
        return 2 * (self.fee_bps + self.half_spread_bps + self.slippage_bps) * 1e-4

    @property
    def fee_ppb(self) -> int:
        """Fee of one side in parts per billion."""
        return round(self.fee_bps * PPB_PER_BP)

    def fee(self, notional: int) -> int:
        """Fee on a notional (minor quote units, either sign), rounded up."""
        return -(-abs(notional) * self.fee_ppb // PPB)

    def fill_price(self, open_price: int, side: int) -> int:
        """Price at which a side (+1 buys, -1 sells) fills at an open: worse by half spread and slippage."""
        adverse = round((self.half_spread_bps + self.slippage_bps) * PPB_PER_BP)
        away = -(-open_price * adverse // PPB)
        return max(1, open_price + side * away)
