"""What was verified about a fetched file, kept beside it; a file without its manifest is no file of ours."""

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path

ENDING = ".manifest.json"
STEP = 2**20


@dataclass(frozen=True)
class Manifest:
    """One daily file."""

    exchange: str
    data_type: str
    day: date
    symbol: str
    length: int  # bytes, packed
    sha256: str  # of the packed bytes
    rows: int  # lines after the header
    first: datetime | None  # local time of the earliest and of the latest row
    last: datetime | None
    beside: int  # rows whose local time is not of the day
    fetched_at: datetime
    engine: str

    def of(self, path: Path) -> bool:
        """Whether a file is the one that was verified, to the byte."""
        return path.stat().st_size == self.length and sha256_of(path) == self.sha256

    def write(self, path: Path) -> None:
        """Keep it beside `path`, as a whole or not at all."""
        target = manifest_path(path)
        part = target.with_name(f".{target.name}.part")
        part.write_text(json.dumps(asdict(self), default=_text, indent=1), encoding="utf-8")
        part.replace(target)


def read_manifest(path: Path) -> Manifest | None:
    """The manifest of a file, or None when there is none that can be read."""
    try:
        kept = json.loads(manifest_path(path).read_bytes())
        moments = {name: kept[name] and datetime.fromisoformat(kept[name]) for name in ("first", "last")}
        stamp = datetime.fromisoformat(kept["fetched_at"])
        return Manifest(**{**kept, **moments, "day": date.fromisoformat(kept["day"]), "fetched_at": stamp})
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None  # the file is then fetched again: nothing is believed that cannot be checked


def manifest_path(path: Path) -> Path:
    """Where a file's manifest lies."""
    return path.with_name(path.name + ENDING)


def sha256_of(path: Path) -> str:
    """Of the bytes as they lie on the disk."""
    digest = sha256()
    with path.open("rb") as file:
        while piece := file.read(STEP):
            digest.update(piece)
    return digest.hexdigest()


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
