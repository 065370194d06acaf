"""Candidates on disk: the newest fit of each slot, or why there is none. Bundles themselves are in bundles.py."""

import json
from pathlib import Path
from typing import Any

from pipelines.errors import BadData, MissingData
from pipelines.promotion.pointer import check_slot
from resources.registry import durable

NEWEST = "CANDIDATE.json"


class Candidates:
    """Saving and loading of the newest candidate of a slot."""

    root: Path

    def save_candidate(self, slot: str, record: dict[str, Any]) -> None:
        """Make a record the slot's newest candidate: `{bundle, mlflow_run_id, trial}` or `{refused, kind, trial}`.

        `trial`: where the ledger of trials.py ended; a refusal repeats the one before, if there was any.
        """
        folder = self.root / "candidates" / check_slot(slot)
        durable.make_folder(folder)
        durable.replace(folder / NEWEST, json.dumps(record, sort_keys=True).encode())

    def candidate(self, slot: str) -> dict[str, Any]:
        """The newest candidate of a slot; raises MissingData when none was ever fitted."""
        path = self.root / "candidates" / check_slot(slot) / NEWEST
        if not path.exists():
            raise MissingData(
                f"slot {slot} has no candidate: expected a fitted bundle or a refusal; train it first."
            )
        try:
            record: dict[str, Any] = json.loads(durable.read(path))
        except ValueError as error:
            raise BadData(
                f"{path} is damaged: expected a candidate's record, found {error}; train it again."
            ) from error
        return record
