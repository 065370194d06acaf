"""Removal of content-addressed .npy files that nobody names, and of what killed writers of them left. No names here."""

import logging
import re
from collections.abc import Collection, Iterable
from pathlib import Path

OURS = re.compile(r"[0-9a-f]{64}\.npy|tmp\w+\.partial")  # what pipelines.sequences.matrix.write_npy writes
log = logging.getLogger(__name__)


def sweep(folders: Iterable[Path], named: Collection[str], before: float) -> list[Path]:
    """Remove files of `folders` last changed before `before` (seconds since 1970) whose content is not in `named`.

    `named`: sha256 in hex. Returns what is gone. Whoever calls it keeps out those who write files and name them later.
    """
    found = (path for folder in folders for path in sorted(folder.glob("*")) if OURS.fullmatch(path.name))
    return [path for path in found if path.stem not in named and _removed(path, before)]


def _removed(path: Path, before: float) -> bool:
    try:
        if path.lstat().st_mtime >= before:
            return False
        path.unlink()
    except OSError as fault:  # a file that stays costs bytes; the dataset that was just stored is whole
        log.warning("%s is named by no dataset and stays: %s", path, fault)
        return False
    return True
