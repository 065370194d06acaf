"""Pointers on disk: generations that are each won once, and LATEST.json, their cache.

The generation file is the promotion; a kill between it and LATEST.json loses nothing, because readers compare
both. What does not live here: the records themselves (`pipelines.promotion.pointer`).
"""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pipelines.errors import BadBundle, MissingData, NotPromotable
from pipelines.promotion.pointer import Pointer, check_slot, parse, rolled_back
from resources.registry import durable
from resources.registry.bundles import Bundles

LATEST = "LATEST.json"
log = logging.getLogger(__name__)


class Reading(NamedTuple):
    """What a slot points to, and everything that was wrong on the way; no pointer means no order."""

    pointer: Pointer | None
    notes: tuple[str, ...]


class Pointers(Bundles):
    """Promotion, roll-back and reading of slots."""

    root: Path

    def promote(self, slot: str, pointer: Pointer, expected: int | None = None) -> Pointer:
        """Make `pointer` the next generation of a slot; its `generation` and `previous` are filled in here.

        `expected`: the generation the decision was made against (0: none yet). Raises NotPromotable when
        another promoter has won meanwhile, BadBundle when the bundle is not in the registry or damaged.
        """
        self.load(pointer.sha256)
        highest = max(self._generations(slot), default=0)
        if expected is not None and expected != highest:
            raise NotPromotable(
                f"slot {slot} moved on: expected generation {expected}, found {highest};"
                " judge the candidate against the new champion."
            )
        before = self.read(slot).pointer
        return self._publish(slot, pointer.succeeding(before, highest + 1), before)

    def rollback(self, slot: str, promoted_at: str) -> Pointer:
        """A new generation that points to the bundle promoted before the current one.

        Raises MissingData when nothing is promoted, NotPromotable when nothing was before.
        """
        current = self.read(slot).pointer
        if current is None:
            raise MissingData(
                f"slot {slot} has no pointer: expected one to roll back; promote a bundle first."
            )
        for number in sorted(self._generations(slot), reverse=True):
            pointer, _ = self._generation(slot, number)
            if pointer is not None and pointer.sha256 == current.previous:
                highest = max(self._generations(slot))
                record = rolled_back(current, pointer, promoted_at).succeeding(current, highest + 1)
                return self._publish(slot, record, current)
        raise NotPromotable(
            f"slot {slot} cannot be rolled back: expected an intact bundle before generation"
            f" {current.generation}, found {current.previous or 'none'}; promote another bundle."
        )

    def read(self, slot: str) -> Reading:
        """What a slot points to now, with every referenced byte verified: the highest intact generation.

        LATEST.json must say the same. Every fault on the way is a note, logged as a warning: a torn or
        lagging LATEST.json, a damaged record, a damaged bundle. A slot never promoted gives no pointer and
        no note.
        """
        found: Pointer | None = None
        notes: list[str] = []
        for number in sorted(self._generations(slot), reverse=True):
            found, fault = self._generation(slot, number)
            if found is not None:
                break
            notes.append(fault)
        notes += self._compare_latest(slot, found)
        for note in notes:
            log.warning("pointer %s: %s", slot, note)
        return Reading(found, tuple(notes))

    def _compare_latest(self, slot: str, found: Pointer | None) -> list[str]:
        """What LATEST.json says other than the generation that is used."""
        path = self._slot_folder(slot) / LATEST
        if found is None and not path.exists():
            return []
        used = f"generation {found.generation} is used" if found else "nothing is used"
        try:
            latest = parse(durable.read(path), LATEST)
        except (OSError, BadBundle) as error:
            return [f"{LATEST} cannot be read ({error}); {used}."]
        if latest != found:
            return [f"{LATEST} names generation {latest.generation}; {used}."]
        return []

    def _publish(self, slot: str, record: Pointer, before: Pointer | None) -> Pointer:
        folder = self._slot_folder(slot)
        durable.make_folder(folder / "generations")
        if before is not None:
            durable.link_folder(self._bundle_folder(before.sha256), folder / "backup" / before.sha256)
        if not durable.create(folder / "generations" / f"{record.generation}.json", record.to_json()):
            raise NotPromotable(
                f"generation {record.generation} of slot {slot} is taken: expected to be first, found another"
                " promoter's record; judge the candidate against the new champion."
            )
        self._refresh(slot)
        return record

    def _refresh(self, slot: str) -> None:
        """Bring LATEST.json up to the highest intact generation; under a lock, so that it never goes back."""
        folder = self._slot_folder(slot)
        with _locked(folder / ".lock"):
            intact = (self._generation(slot, n)[0] for n in sorted(self._generations(slot), reverse=True))
            pointer = next(filter(None, intact), None)
            if pointer is not None:
                durable.replace(folder / LATEST, pointer.to_json())

    def _generations(self, slot: str) -> list[int]:
        """Numbers on disk, intact or not."""
        folder = self._slot_folder(slot) / "generations"
        names = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
        return [int(n.removesuffix(".json")) for n in names if n.removesuffix(".json").isdecimal()]

    def _generation(self, slot: str, number: int) -> tuple[Pointer | None, str]:
        pointer, fault = self._verified(self._slot_folder(slot) / "generations" / f"{number}.json")
        if pointer is not None and pointer.generation != number:
            return None, f"generation {number} of {slot} calls itself {pointer.generation}; it is not used."
        return pointer, fault

    def _verified(self, path: Path) -> tuple[Pointer | None, str]:
        """A record whose bundle is intact, or None and what is wrong."""
        try:
            durable.refuse_links(self.root, path)
            pointer = parse(durable.read(path), str(path.relative_to(self.root)))
            self.load(pointer.sha256)
        except OSError as error:
            return None, f"{path.relative_to(self.root)} cannot be read: {error.strerror}."
        except BadBundle as error:
            return None, str(error)
        return pointer, ""

    def _slot_folder(self, slot: str) -> Path:
        folder = self.root / "promoted" / check_slot(slot)
        durable.refuse_links(self.root, folder)
        return folder


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
