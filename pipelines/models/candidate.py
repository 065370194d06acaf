"""What a training run hands over: bundle, out-of-sample forecasts, what every fit saw. No fitting here."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from pipelines.promotion.bundle import Bundle

Progress = Callable[[str, float], None]
"""Called with a sentence and the share done, 0 to 1."""


def silent(_what: str, _share: float) -> None:
    """A progress that nobody watches."""


@dataclass(frozen=True)
class Fit:
    """One fit and the span of information [start, until) that it used, labels included."""

    what: str  # `fold 0: booster`
    start: datetime
    until: datetime
    serves_from: datetime  # open of the first bar that it forecasts

    @property
    def honest(self) -> bool:
        """Whether nothing it saw lies after the first bar it serves."""
        return self.until <= self.serves_from

    def to_json(self) -> dict[str, Any]:
        """The record as it stands in a manifest."""
        return {
            "what": self.what,
            "start": self.start.isoformat(),
            "until": self.until.isoformat(),
            "serves_from": self.serves_from.isoformat(),
        }


@dataclass(frozen=True)
class Candidate:
    """A fitted bundle not yet promoted.

    `forecasts`: out-of-sample, of every bar of the test spans that a session would forecast, with columns
    symbol, open_time, p_down, p_neutral, p_up, sigma, expected, fold, label, y (null where the outcome is
    unknown), clim_down, clim_neutral, clim_up (class shares of that fold's training rows).
    """

    bundle: Bundle
    forecasts: pl.DataFrame
    fits: list[Fit]
