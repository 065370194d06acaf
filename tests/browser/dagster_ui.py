"""`dagster dev` over a temporary home and world, as `make ui` starts it, and GraphQL to talk to it. Loopback only."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 60.0  # seconds until the page answers
GRACE = 10.0  # seconds between asking the processes to end and killing them


def home(folder: Path) -> Path:
    """A Dagster home with the repository's own dagster.yaml, its paths made absolute under `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    shipped = (REPOSITORY / "dagster.yaml").read_text(encoding="utf-8")
    assert shipped.count("base_dir: .dagster/") == 3, (
        "every store of dagster.yaml must move to the temporary home"
    )
    moved = shipped.replace("base_dir: .dagster/", f"base_dir: {folder}/")
    (folder / "dagster.yaml").write_text(moved, encoding="utf-8")
    (folder / ".nux").mkdir(exist_ok=True)
    (folder / ".nux" / "nux.yaml").write_text("seen: 1\n", encoding="utf-8")  # no dialog on the first visit
    return folder


@contextmanager
def served(dagster_home: Path, overrides: Mapping[str, str]) -> Iterator[str]:
    """The address of a running UI with its daemon; every process of its group is gone at the end.

    The group is its own because `dagster dev` inherits ignored signals from a shell's background job.
    """
    port = _free_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TIDEMARK_")}
    environment = {**clean, **overrides, "DAGSTER_HOME": str(dagster_home), "PYTHONWARNINGS": "ignore"}
    command = [
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "-w",
        "workspace.yaml",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
    ]
    with (dagster_home / "dev.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _await(process, address, dagster_home / "dev.log")
            yield address
        finally:
            _end(process)


def ask(address: str, query: str, variables: Mapping[str, Any] | None = None) -> Any:
    """The data of one GraphQL request; errors of GraphQL itself fail loudly."""
    body = json.dumps({"query": query, "variables": dict(variables or {})}).encode()
    request = urllib.request.Request(f"{address}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        said = json.load(answer)
    assert "errors" not in said, said["errors"]
    return said["data"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(process: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, (
            f"dagster dev ended with {process.returncode}: {log.read_text()[-2000:]}"
        )
        try:
            with urllib.request.urlopen(f"{address}/server_info", timeout=5):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
    raise AssertionError(f"no answer from {address} in {PATIENCE:.0f} s: {log.read_text()[-2000:]}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ask the whole group, then kill what is left of it."""
    os.killpg(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline and _group_lives(process):
        time.sleep(0.1)
    if _group_lives(process):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=GRACE)


def _group_lives(process: "subprocess.Popen[bytes]") -> bool:
    process.poll()  # reaps the leader, which would count as alive otherwise
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True
