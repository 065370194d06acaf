"""Files that survive `kill -9`: temporary name, fsync, rename, fsync of the folder.

What is in them is not known here. The commit protocol of `honesty-and-reliability.md` 2.2. An fsync that
raises aborts the write and is not retried. Windows has no fsync of folders; this module needs POSIX.
"""

import os
import secrets
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path

from pipelines.errors import BadBundle

DAY = 86_400.0  # seconds


def read(path: Path) -> bytes:
    """The bytes of a plain file, read once; BadBundle for a link or anything else, OSError when absent."""
    if path.is_symlink():
        raise BadBundle(f"{path} is a symbolic link: expected a plain file; replace it by the file itself.")
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BadBundle(f"{path} is no plain file: expected one; remove it.")
        return file.read()


def refuse_links(root: Path, path: Path) -> None:
    """Raises BadBundle when `path` leaves `root` or passes through a symbolic link below it."""
    if ".." in path.parts or not path.is_relative_to(root):
        raise BadBundle(f"{path} is outside the registry: expected a path under {root}; correct it.")
    for part in (path, *path.parents):
        if part == root:
            return
        if part.is_symlink():
            raise BadBundle(f"{part} is a symbolic link: expected a plain folder or file; remove the link.")


def make_folder(folder: Path) -> None:
    """Create a folder and its parents, each durable in its own parent."""
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    for part in reversed(missing):
        part.mkdir(exist_ok=True)
        sync_folder(part.parent)


def replace(path: Path, content: bytes) -> None:
    """Write a file as a whole: readers see the old bytes or the new."""
    temporary = _written(path, content)
    temporary.replace(path)
    sync_folder(path.parent)


def create(path: Path, content: bytes) -> bool:
    """Write a file as a whole if nobody has yet; False when it exists. Of many at once exactly one gets True.

    The hard link is the exclusive step (as `O_CREAT | O_EXCL`), and unlike that it never shows a torn file.
    """
    temporary = _written(path, content)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    sync_folder(path.parent)
    return True


def create_folder(final: Path, files: Mapping[str, bytes], manifest: str) -> bool:
    """Write a folder as a whole, the file `manifest` last; False when it exists already."""
    if final.exists():
        return False
    make_folder(final.parent)
    temporary = _temporary(final)
    temporary.mkdir()
    for name in sorted(files, key=lambda name: name == manifest):
        _write_synced(temporary / name, files[name])
    return adopt_folder(temporary, final)


def link_folder(source: Path, final: Path) -> bool:
    """A second name for every file of a folder; False when it exists already."""
    if final.exists():
        return False
    make_folder(final.parent)
    temporary = _temporary(final)
    temporary.mkdir()
    for file in sorted(source.iterdir()):
        os.link(file, temporary / file.name, follow_symlinks=False)
    return adopt_folder(temporary, final)


def adopt_folder(temporary: Path, final: Path) -> bool:
    """Give a finished temporary folder its final name; False, and it is removed, when another came first."""
    sync_folder(temporary)
    try:
        temporary.rename(final)
    except OSError:
        if not final.is_dir():
            raise
        shutil.rmtree(temporary)
        return False
    sync_folder(final.parent)
    return True


def sweep(root: Path, now: float) -> int:
    """Remove temporary files and folders older than a day at `now` (seconds since 1970); how many."""
    old = [path for path in root.rglob("*.tmp-*") if _modified(path) < now - DAY]
    for path in old:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return len(old)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _temporary(final: Path) -> Path:
    return final.with_name(f"{final.name}.tmp-{os.getpid()}-{secrets.token_hex(6)}")


def _written(final: Path, content: bytes) -> Path:
    temporary = _temporary(final)
    _write_synced(temporary, content)
    return temporary


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _modified(path: Path) -> float:
    """Time of the last change; the far future when another sweep removed it meanwhile."""
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return float("inf")
