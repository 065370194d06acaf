"""Pointers on disk: generations that are each won once, and LATEST.json, their cache.

The generation file is the promotion; a kill between it and LATEST.json loses nothing, because readers compare
both. The newest number decides: when its record is damaged nothing older is used in its place, since what came
before may have been withdrawn. What does not live here: the records themselves (`pipelines.promotion.pointer`).
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

        A bundle that the newest intact generation points to already stays that generation, which is returned
        unchanged: a new one would point back to itself and leave nothing to roll back to.
        `expected`: the generation the decision was made against (`newest`; 0: none yet). Raises NotPromotable
        when another promoter has won meanwhile, BadBundle when the bundle is not in the registry or damaged.
        """
        self.load(pointer.sha256)
        highest = self.newest(slot)
        if expected is not None and expected != highest:
            raise NotPromotable(
                f"slot {slot} moved on: expected generation {expected}, found {highest};"
                " judge the candidate against the new champion."
            )
        current, _ = self._generation(slot, highest)
        if current is not None and current.sha256 == pointer.sha256:
            self._refresh(slot)
            return current
        before = self.read(slot).pointer
        return self._publish(slot, pointer.succeeding(before, highest + 1), before)

    def rollback(self, slot: str, promoted_at: str) -> Pointer:
        """A new generation that points to the bundle promoted before the current one.

        The current bundle itself may be damaged: its record alone says what came before.
        Raises MissingData when nothing readable is promoted, NotPromotable when nothing was before.
        """
        intact, notes = self.read(slot)
        current = intact or self._newest_record(slot)
        if current is None:
            raise MissingData(
                f"slot {slot} has no pointer: expected one to roll back, found"
                f" {' '.join(notes) or 'none'}; promote a bundle first."
            )
        for number in sorted(self._generations(slot), reverse=True):
            pointer, _ = self._generation(slot, number)
            if pointer is not None and pointer.sha256 == current.previous:
                record = rolled_back(current, pointer, promoted_at)
                return self._publish(slot, record.succeeding(current, self.newest(slot) + 1), intact)
        raise NotPromotable(
            f"slot {slot} cannot be rolled back: expected an intact bundle before generation"
            f" {current.generation}, found {current.previous or 'none'}; promote another bundle."
        )

    def newest(self, slot: str) -> int:
        """The highest generation number that was ever seen in a slot, its record intact or not; 0: none."""
        latest, _ = self._record(self._slot_folder(slot) / LATEST)
        return max([*self._generations(slot), latest.generation if latest else 0])

    def read(self, slot: str) -> Reading:
        """What a slot points to now, with every referenced byte verified: the newest generation or nothing.

        A torn record of the newest generation is replaced by LATEST.json when that is the same generation and
        intact. Every fault on the way is a note, logged as a warning: a torn or lagging LATEST.json, a damaged
        record, a damaged bundle. A slot never promoted gives no pointer and no note.
        """
        path, number = self._slot_folder(slot) / LATEST, self.newest(slot)
        if number == 0 and not path.exists():
            return Reading(None, ())
        found, fault = self._generation(slot, number)
        latest, torn = self._record(path)
        if found is None and latest is not None and latest.generation == number:
            found, _ = self._verified(path)
        used = f"generation {found.generation} is used" if found else "nothing is used"
        notes = [fault] if fault else []
        if torn:
            notes.append(f"{LATEST} cannot be read ({torn}); {used}.")
        elif latest != found or fault:
            notes.append(f"{LATEST} names generation {latest.generation if latest else 'none'}; {used}.")
        for note in notes:
            log.warning("pointer %s: %s", slot, note)
        return Reading(found, tuple(notes))

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
        """Bring LATEST.json up to the newest generation; under a lock, so that it never goes back."""
        folder = self._slot_folder(slot)
        with _locked(folder / ".lock"):
            pointer, _ = self._generation(slot, self.newest(slot))
            if pointer is not None:
                durable.replace(folder / LATEST, pointer.to_json())

    def _generations(self, slot: str) -> list[int]:
        """Numbers on disk, intact or not."""
        folder = self._slot_folder(slot) / "generations"
        names = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
        return [int(n.removesuffix(".json")) for n in names if n.removesuffix(".json").isdecimal()]

    def _generation(self, slot: str, number: int) -> tuple[Pointer | None, str]:
        """The record of a generation with an intact bundle, or None and what is wrong."""
        pointer, fault = self._verified(self._generation_path(slot, number))
        if pointer is not None and pointer.generation != number:
            return None, f"generation {number} of {slot} calls itself {pointer.generation}; it is not used."
        return pointer, fault

    def _newest_record(self, slot: str) -> Pointer | None:
        """The record of the newest generation, from its own file or from LATEST.json, whatever its bundle."""
        number = self.newest(slot)
        paths = (self._generation_path(slot, number), self._slot_folder(slot) / LATEST)
        records = (self._record(path)[0] for path in paths)
        return next((r for r in records if r is not None and r.generation == number), None)

    def _generation_path(self, slot: str, number: int) -> Path:
        return self._slot_folder(slot) / "generations" / f"{number}.json"

    def _verified(self, path: Path) -> tuple[Pointer | None, str]:
        """A record whose bundle is intact, or None and what is wrong."""
        pointer, fault = self._record(path)
        if pointer is not None:
            try:
                self.load(pointer.sha256)
            except BadBundle as error:
                return None, str(error)
        return pointer, fault

    def _record(self, path: Path) -> tuple[Pointer | None, str]:
        """A record that can be read, or None and what is wrong."""
        try:
            durable.refuse_links(self.root, path)
            return parse(durable.read(path), str(path.relative_to(self.root))), ""
        except OSError as error:
            return None, f"{path.relative_to(self.root)} cannot be read: {error.strerror}."
        except BadBundle as error:
            return None, str(error)

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
