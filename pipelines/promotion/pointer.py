"""Slots and pointers: what is promoted, as a record that can be written, read back and rolled back. Pure.

What does not live here: files (`resources.registry`), whether a bundle may be promoted (`policy`).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from pipelines.errors import BadBundle, UnknownName

SHA256 = re.compile(r"[0-9a-f]{64}")
SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""One folder name of a slot: no dot, so neither `..` nor a temporary name can be one."""
RESERVED = ("generations", "backup")
"""Folders inside a slot."""


def slot_of(recipe: str, partition: str = "") -> str:
    """The slot of a recipe and a partition key: `boosted_trees`, `BTC-USD|1m` -> `boosted_trees/BTC-USD/1m`.

    A recipe without partitions has an empty key. Raises UnknownName for anything that is not a safe path.
    """
    return check_slot("/".join([recipe, *partition.split("|")] if partition else [recipe]))


def check_slot(slot: str) -> str:
    """The slot itself; raises UnknownName unless it is 1 to 4 plain names joined by `/`."""
    segments = slot.split("/")
    plain = all(SEGMENT.fullmatch(segment) and segment not in RESERVED for segment in segments)
    if len(segments) > 4 or not plain:
        raise UnknownName(
            f"slot {slot!r} is no slot: expected recipe/partition like boosted_trees/BTC-USD/1m; correct it."
        )
    return slot


@dataclass(frozen=True)
class Pointer:
    """One generation of a slot; the newest is also its LATEST.json."""

    generation: int  # 1, 2, ... without a repeat
    bundle: str  # where it lies, `bundles/<sha256>`
    sha256: str  # of the bundle
    feature_columns: tuple[str, ...]  # in order
    meta_classifier: str  # file of the bundle that holds the weights
    calibrator: str  # method and parameters, as text
    training_meta: dict[str, Any]  # training span, data and code fingerprints, metrics
    schema_hash: str  # sha256 of the ordered features
    mlflow_run_id: str  # empty when tracking was off
    verdicts: tuple[dict[str, Any], ...]  # each gate's verdict that this promotion stands on
    promoted_at: str  # ISO 8601 UTC
    previous: str | None  # sha256 of the bundle that was promoted before

    def to_json(self) -> bytes:
        """The record as JSON, keys sorted, one line and a newline at the end."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False).encode() + b"\n"

    def succeeding(self, before: "Pointer | None", generation: int) -> "Pointer":
        """The same pointer as the given generation after `before`.

        `previous` is always another bundle than this one: a record that is written once more, because the
        one of `before` is torn, keeps what `before` could be rolled back to.
        """
        again = before is not None and before.sha256 == self.sha256
        previous = None if before is None else before.previous if again else before.sha256
        return replace(self, generation=generation, previous=previous)


def rolled_back(current: Pointer, target: Pointer, promoted_at: str) -> Pointer:
    """The generation after `current` that points to the bundle of `target` again; evidence comes along."""
    return replace(target, promoted_at=promoted_at).succeeding(current, current.generation + 1)


def parse(text: bytes, where: str) -> Pointer:
    """Read a record; raises BadBundle naming `where` for torn JSON, other fields or wrong types."""
    try:
        record = json.loads(text)
        pointer = _pointer(record)
    except (ValueError, TypeError, KeyError) as error:
        raise BadBundle(
            f"{where} is not a pointer: expected the {len(fields(Pointer))} fields of one, found {error};"
            " promote again or roll back."
        ) from error
    return pointer


def _pointer(record: Mapping[str, Any]) -> Pointer:
    names = {each.name for each in fields(Pointer)}
    if not isinstance(record, dict) or set(record) != names:
        raise ValueError(f"the keys {sorted(record) if isinstance(record, dict) else type(record).__name__}")
    if type(record["generation"]) is not int or record["generation"] < 1:
        raise ValueError(f"generation {record['generation']!r}")
    if not SHA256.fullmatch(record["sha256"]) or record["bundle"] != f"bundles/{record['sha256']}":
        raise ValueError(f"bundle {record['bundle']!r} with sha256 {record['sha256']!r}")
    if record["previous"] is not None and not SHA256.fullmatch(record["previous"]):
        raise ValueError(f"previous {record['previous']!r}")
    tuples = {key: tuple(record[key]) for key in ("feature_columns", "verdicts")}
    return Pointer(**{**record, **tuples})
