"""Scorecards on disk: evidence by content, and which one is current. What they say is `evaluation`."""

import hashlib
import json
from pathlib import Path

from pipelines.errors import BadData
from pipelines.promotion.pointer import SHA256, check_slot
from resources.registry import durable

CURRENT = "CURRENT.json"


class Scorecards:
    """Saving and loading of scorecards as JSON bytes."""

    root: Path

    def save_scorecard(self, slot: str, content: bytes) -> str:
        """Store a scorecard, make it the slot's current one, and return its sha256."""
        folder = self._scorecard_folder(slot)
        address = hashlib.sha256(content).hexdigest()
        durable.make_folder(folder)
        durable.create(folder / f"{address}.json", content)
        durable.replace(folder / CURRENT, json.dumps({"scorecard": address}).encode())
        return address

    def load_scorecard(self, slot: str, address: str | None = None) -> bytes | None:
        """The scorecard with that sha256, or the current one; None when the slot has none.

        Raises BadData when its content does not have its address.
        """
        folder = self._scorecard_folder(slot)
        if address is None:
            address = self._current(folder)
        if address is None:
            return None
        path = folder / f"{address}.json"
        content = durable.read(path) if SHA256.fullmatch(address) and path.exists() else b""
        found = hashlib.sha256(content).hexdigest()
        if found != address:
            raise BadData(
                f"scorecard of {slot} is damaged: expected {address}, found {found}; evaluate again."
            )
        return content

    def _current(self, folder: Path) -> str | None:
        path = folder / CURRENT
        if not path.exists():
            return None
        try:
            return str(json.loads(durable.read(path))["scorecard"])
        except (ValueError, KeyError, TypeError) as error:
            raise BadData(f"{path} is damaged: expected a scorecard's address, found {error}.") from error

    def _scorecard_folder(self, slot: str) -> Path:
        folder = self.root / "scorecards" / check_slot(slot)
        durable.refuse_links(self.root, folder)
        return folder
