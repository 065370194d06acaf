"""A cheap candidate on 3,000 hours whose volume tells the drift to come, its tables, and a pointer to it."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from assets.promotion import pointer_to
from pipelines.market.timeframes import length_of
from pipelines.models.candidate import Candidate
from pipelines.promotion.pointer import Pointer
from tests.assets.world import World

SLOT = "boosted_trees/BTC-USD/1h"


@dataclass(frozen=True)
class Zoo:
    """The candidate and the bars it was fitted on; the bars go on after its training."""

    symbol: str
    candidate: Candidate
    bars: pl.DataFrame

    @property
    def slot(self) -> str:
        """Where it is promoted."""
        return f"boosted_trees/{self.symbol}/{self.timeframe}"

    @property
    def timeframe(self) -> str:
        """Of its bars."""
        return self.candidate.bundle.manifest.timeframe

    @property
    def sha256(self) -> str:
        """Content address of the bundle."""
        return self.candidate.bundle.sha256

    @property
    def trained_until(self) -> datetime:
        """End of what training knew."""
        return datetime.fromisoformat(self.candidate.bundle.manifest.training_end)

    def keep(self, world: World) -> None:
        """Make it the newest candidate of its slot."""
        world.registry.save(self.candidate.bundle.to_files(), self.sha256)
        world.registry.save_candidate(self.slot, {"bundle": self.sha256, "mlflow_run_id": "run"})

    def promote(self, world: World, judged: datetime | None = None) -> Pointer:
        """Point its slot at it, on a scorecard whose last judged bar closed at `judged`."""
        self.keep(world)
        bars_ahead = (
            self.candidate.bundle.manifest.horizon + 1
        )  # training ends where the last label was known
        judged_until = self.trained_until - bars_ahead * length_of(self.timeframe)
        record = {
            "candidate": {"mlflow_run_id": "run"},
            "scorecard": {"end": (judged_until if judged is None else judged).isoformat()},
            "verdicts": [{"gate": "G1", "passed": True}],
        }
        pointer = pointer_to(self.candidate.bundle, record, "2026-06-01T00:00:00+00:00")
        return world.registry.promote(self.slot, pointer)

    def record_bars(self, world: World, until: datetime | None = None) -> None:
        """Put the bars before `until` into the lake."""
        frame = self.bars if until is None else self.bars.filter(pl.col("open_time") < until)
        world.lake.replace_months("bars", frame, {"symbol": self.symbol, "timeframe": self.timeframe})
