"""The lock that keeps one writer per file: held by the operating system, gone when its process dies."""

import fcntl
import os
import socket
from pathlib import Path

from pipelines.errors import SessionRefused


def take(path: Path) -> int:
    """File descriptor of the held lock; SessionRefused names the process that holds it instead."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(descriptor, 500).decode() or "a process that has not said its name yet"
        os.close(descriptor)
        raise SessionRefused(
            f"journal {path.stem} has a writer already: expected none, found {holder};"
            " stop that one or use another session name."
        ) from error
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"pid {os.getpid()} on host {socket.gethostname()}".encode())
    return descriptor
