"""Which source the settings ask for. The sources themselves are `synthetic`, `files` and resources/venues."""

from dataclasses import asdict
from pathlib import Path

from pipelines.errors import BadSettings
from pipelines.market.symbols import Market
from pipelines.settings import Settings
from resources.clock import Clock
from resources.environment import secrets_of
from resources.progress import LogProgress, Progress
from resources.sources.files import FilesSource
from resources.sources.source import Source
from resources.sources.synthetic import SyntheticSource
from resources.world import claim


def open_source(
    settings: Settings, clock: Clock, root: Path = Path(), progress: Progress | None = None
) -> Source:
    """The settings' source; nothing is read, generated or asked before it is asked for something.

    `root`: under which paths.root of the settings lies; the user's own files are relative to the working directory.
    """
    source, universe = settings.source, settings.universe
    if source.kind == "files":
        return FilesSource(
            source.files,
            Path(),
            clock.now(),
            cache=root / settings.paths.lake / "tick_days.json",
            primaries={s.symbol: Market.parse(s.primary) for s in universe.symbols},
        )
    if source.venues is not None:
        from resources.venues.source import VenueSource

        return VenueSource(
            source.venues,
            universe,
            root / settings.paths.root / "venues",
            clock,
            progress or LogProgress(),
            secrets_of,
        )
    if source.synthetic is None:
        raise BadSettings("source.kind is 'synthetic' but source.synthetic is missing; add it.")
    claim(root / settings.paths.root, asdict(source.synthetic))
    return SyntheticSource(
        source.synthetic,
        tuple(s.symbol for s in universe.symbols),
        universe.start,
        universe.end,
        clock.now(),
    )
