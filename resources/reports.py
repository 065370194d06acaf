"""Where pages for people to read are kept. What they say is written in pipelines/."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Reports:
    """The folder of HTML reports of one world; made with the first page."""

    folder: Path
