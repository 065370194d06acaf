"""One writer at a time for what must read, decide and write as one step.

Held by the operating system: gone when its process dies. What one commit of a table does by itself needs no lock.
"""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive(root: str, name: str) -> Iterator[None]:
    """Wait until no other process of this machine holds `name` under a lake's root, then hold it.

    The lock file lies in the machine's temporary folder, since a root may be an object store; writers on several
    machines are not kept apart.
    """
    folder = Path(tempfile.gettempdir()) / f"tidemark-locks-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / hashlib.sha256(f"{root}\n{name}".encode()).hexdigest()[:32]
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
