"""Which source the settings ask for. The sources themselves are `synthetic` and `files`."""

from dataclasses import asdict
from pathlib import Path

from pipelines.errors import BadSettings
from pipelines.settings import Settings
from resources.clock import Clock
from resources.sources.files import FilesSource
from resources.sources.source import Source
from resources.sources.synthetic import SyntheticSource
from resources.world import claim


def open_source(settings: Settings, clock: Clock, root: Path = Path()) -> Source:
    """The settings' source; nothing is read or generated before it is asked for something.

    `root`: under which paths.root of the settings lies; the user's own files are relative to the working directory.
    """
    source, universe = settings.source, settings.universe
    if source.kind == "files":
        return FilesSource(
            source.files, Path(), clock.now(), cache=root / settings.paths.lake / "tick_days.json"
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
