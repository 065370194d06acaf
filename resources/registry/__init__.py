"""The registry on disk: bundles by content, scorecards by content, pointers by generation.

    bundles/<sha256>/...                     a bundle and the MANIFEST.json that was written last
    candidates/<slot>/CANDIDATE.json         the newest fit of a slot, or why there is none
    trials/<slot>.jsonl                      every fit of a slot, one line each, chained
    scorecards/<slot>/<sha256>.json          evidence; CURRENT.json names the newest
    promoted/<slot>/generations/<n>.json     what was promoted, each number once
    promoted/<slot>/LATEST.json              the newest generation, a cache for readers
    promoted/<slot>/backup/<sha256>/...      the bundle promoted before (hard links)

What does not live here: who may be promoted (`pipelines.promotion.policy`), what a bundle means.
"""

from pathlib import Path

from resources.clock import Clock
from resources.registry.durable import sweep
from resources.registry.pointers import Pointers, Reading
from resources.registry.scorecards import Scorecards
from resources.registry.trials import Trials

__all__ = ["Reading", "Registry"]


class Registry(Pointers, Scorecards, Trials):
    """Bundles, candidates, scorecards and pointers under one folder; opening it sweeps temporary files a day old."""

    def __init__(self, root: Path, clock: Clock | None = None) -> None:
        """Open or create the registry at `root`."""
        root.mkdir(parents=True, exist_ok=True)
        self.root = root.resolve()
        self.swept = sweep(self.root, (clock or Clock()).now().timestamp())
