"""What data must be like: limits of the findings, and gaps that somebody excuses by name. Settings, no judgement."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from pipelines.errors import BadSettings
from pipelines.market.recorder_clock import CLOCK_SECONDS
from pipelines.market.symbols import check_symbol

Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Waiver:
    """Unknown bars of [start, end) that may stay unknown; raises BadSettings for what cannot mean anything."""

    symbol: str
    start: datetime
    """UTC; a date is its midnight."""
    end: datetime
    reason: str
    """Why nobody needs them, for whoever reads the report."""
    timeframe: str = ""
    """One timeframe; all of them when left out."""

    def __post_init__(self) -> None:
        check_symbol(self.symbol)
        for name in ("start", "end"):
            moment: datetime = getattr(self, name)
            aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
            object.__setattr__(self, name, aware)
        if self.end <= self.start:
            raise BadSettings(
                f"quality.waived of {self.symbol} ends {self.end} before it starts; swap or correct them."
            )
        if not self.reason.strip():
            raise BadSettings(
                f"quality.waived of {self.symbol} has no reason: expected a sentence; write one."
            )


@dataclass(frozen=True)
class QualityLimits:
    """Limits of the findings; shares are 0..1."""

    unknown_share: float = 0.05
    """Most unknown bars between the first and the last known one: above it nothing is trained (blocking)."""
    outlier_move: float = 0.5
    """A price so far from the median of its neighbours must be confirmed by a second market (blocking)."""
    tick_tolerance: float = 0.001
    """Close and volume of a tick-built bar against the exchange's candle."""
    tick_mismatch_share: float = 0.01
    """Most bars outside that tolerance."""
    crossed_share: float = 0.001
    """Most book states that are crossed or locked."""
    id_gap_share: float = 0.001
    """Most trade ids missing on a day, where the venue counts without gaps."""
    clock_seconds: float = CLOCK_SECONDS
    """Most that local time may be from exchange time, in the median; above it lateness is not judged."""
    negative_delay_share: float = 0.01
    """Most events received before they happened."""
    revision_share: float = 0.01
    """Most candles that the venue changed after they were first seen."""
    filled_share: float = 0.2
    """Most bars without a trade."""
    outside_share: float = 0.5
    """Most of the asked span that may lie before the first bar or after the last."""
    waived: tuple[Waiver, ...] = ()

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name != "waived" and not 0 <= value < float("inf"):
                raise BadSettings(f"quality.{one.name} is {value}: expected a number from 0 on; correct it.")

    def waived_spans(self, symbol: str, timeframe: str) -> Sequence[Span]:
        """Spans whose unknown bars of a symbol and timeframe are excused."""
        return [
            (one.start, one.end)
            for one in self.waived
            if one.symbol == symbol and one.timeframe in ("", timeframe)
        ]
