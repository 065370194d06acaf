"""The trial ledger: one line for every fit of a slot, promoted or not. What it costs is `pipelines.evaluation`.

Whoever tries twenty configurations and shows the best has shown the luck of twenty (Bailey & López de Prado
2014), so the count must not depend on anyone's memory. Lines are only ever appended, each holds the sha256 of
the line before it, and the candidate's record names the newest one: a ledger that was edited or cut short no
longer fits. `trials/<slot>.jsonl`; needs POSIX (`flock`).
"""

import fcntl
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.errors import BadData, MissingData
from pipelines.promotion.pointer import check_slot
from resources.registry import durable
from resources.registry.candidates import Candidates

START = "0" * 64  # what stands for the line before the first


@dataclass(frozen=True)
class Anchor:
    """Where a ledger ended when a candidate was recorded."""

    line: int  # lines up to and including it
    sha256: str  # of that line

    def to_json(self) -> dict[str, Any]:
        """As it stands in a candidate's record."""
        return {"trial": asdict(self)}


class Trials(Candidates):
    """Recording and counting the fits of a slot."""

    def record_trial(self, slot: str, bundle: str, *, data: str, code: str, at: datetime) -> Anchor:
        """Append one fit, durably before this returns, and say where the ledger now ends.

        `bundle`: its sha256; `data`, `code`: fingerprints; `at`: aware time. A last line that a killed writer
        left without its end was never acknowledged and is dropped. Raises BadData when the ledger is broken.
        """
        path = self._ledger(slot)
        durable.make_folder(path.parent)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            content = file.read()
            whole = content[: content.rfind(b"\n") + 1]
            hashes = [line["sha256"] for line in _lines(whole, path)]
            if len(whole) < len(content):
                file.truncate(len(whole))
            entry = {
                "at": at.isoformat(),
                "bundle": bundle,
                "code": code,
                "data": data,
                "previous": (hashes or [START])[-1],
            }
            line = json.dumps(entry, sort_keys=True).encode()
            file.write(line + b"\n")
            file.flush()
            os.fsync(descriptor)
        durable.sync_folder(path.parent)
        return Anchor(len(hashes) + 1, _hash(line))

    def trials(self, slot: str) -> int:
        """How many different bundles were ever fitted for a slot; the same inputs again are the same bundle.

        Raises BadData when a line was changed, when the ledger no longer holds what the slot's newest candidate
        says of it, or when that candidate's bundle is not in it.
        """
        path, record = self._ledger(slot), self._newest(slot)
        content = durable.read(path) if path.exists() else b""
        lines = _lines(content[: content.rfind(b"\n") + 1], path)
        if "trial" in record:
            _holds(lines, Anchor(**record["trial"]), path)
        tried = {line["bundle"] for line in lines}
        if "bundle" in record and record["bundle"] not in tried:
            raise BadData(
                f"{path} must hold bundle {record['bundle']}, the newest candidate of {slot}, found {len(tried)} "
                "others: it was fitted without a trial on record; train it again."
            )
        return len(tried)

    def anchor(self, slot: str) -> dict[str, Any]:
        """The `trial` of the slot's newest candidate as it stands in its record; empty without one."""
        record = self._newest(slot)
        return {"trial": record["trial"]} if "trial" in record else {}

    def _newest(self, slot: str) -> dict[str, Any]:
        try:
            return self.candidate(slot)
        except MissingData:
            return {}

    def _ledger(self, slot: str) -> Path:
        path = self.root / "trials" / f"{check_slot(slot)}.jsonl"
        durable.refuse_links(self.root, path)
        return path


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _lines(content: bytes, path: Path) -> list[dict[str, str]]:
    """The entries with the `sha256` of their lines; raises BadData where one does not follow the one before."""
    found: list[dict[str, str]] = []
    previous = START
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            entry = json.loads(line)
            stated, bundle = str(entry["previous"]), str(entry["bundle"])
        except (ValueError, KeyError, TypeError) as error:
            raise BadData(
                f"{path} line {number} must be a trial, found {error!r}; restore the ledger from a backup."
            ) from error
        if stated != previous:
            raise BadData(
                f"{path} line {number} must follow a line with sha256 {previous[:12]}, found {stated[:12]}: the "
                "ledger was changed; restore it from a backup."
            )
        previous = _hash(line)
        found.append({"bundle": bundle, "sha256": previous})
    return found


def _holds(lines: list[dict[str, str]], anchor: Anchor, path: Path) -> None:
    if len(lines) < anchor.line:
        raise BadData(
            f"{path} must hold at least {anchor.line} trials, found {len(lines)}: the ledger was cut short; "
            "restore it from a backup."
        )
    found = lines[anchor.line - 1]["sha256"]
    if found != anchor.sha256:
        raise BadData(
            f"{path} line {anchor.line} must have sha256 {anchor.sha256[:12]}, found {found[:12]}: the ledger was "
            "changed; restore it from a backup."
        )
