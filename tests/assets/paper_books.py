"""What the paper tests look at: a session's journal, and the session with a journal and progress of their choice."""

from pathlib import Path

import polars as pl

from assets.obedience import obey
from assets.paper import config_of, trade
from resources.clock import Clock
from resources.journal import Journal, JournalReader
from resources.progress import LogProgress, Progress
from tests.assets.world import World
from tests.assets.zoo import Zoo


def journal_of(world: World) -> Path:
    return world.root / world.settings.paths.artifacts / "journals" / "main.db"


def books(path: Path) -> dict[str, pl.DataFrame]:
    with JournalReader(path) as journal:
        return {"decisions": journal.decisions(), "fills": journal.fills(), "equity": journal.equity()}


def served(zoo: Zoo) -> pl.DataFrame:
    """The bars after the training."""
    return zoo.bars.filter(pl.col("open_time") >= zoo.trained_until)


def session(world: World, path: Path, progress: Progress | None = None) -> int:
    """What the asset does, with a journal and a progress of the test's choice."""
    terms = world.settings.session("main")
    obeyed, _ = obey(world.registry, terms)
    config = config_of(terms, obeyed, world.settings)
    with Journal(path, config) as journal:
        return trade(journal, config, world.settings, world.lake, obeyed, Clock(), progress or LogProgress())
