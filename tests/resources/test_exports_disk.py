"""Exports and the disk: refused before a byte where it cannot hold them; one writer; nothing left after a kill."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from pipelines.errors import BadSettings
from resources.exports import write
from tests.resources.export_maker import silent, stored


def free(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """A disk with so many bytes free when nothing lies in the folder."""

    def usage(folder: Path) -> SimpleNamespace:
        return SimpleNamespace(free=size - sum(p.stat().st_size for p in folder.rglob("*.raw")))

    monkeypatch.setattr(shutil, "disk_usage", usage)


def test_a_disk_that_cannot_hold_the_file_is_refused_before_a_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed export left is removed before the disk is measured."""
    export, out = stored(tmp_path / "datasets"), tmp_path / "out"
    left = out / f".{export.name}.partial"
    left.mkdir(parents=True)
    (left / "windows.raw").write_bytes(b"x")
    free(monkeypatch, 2 * export.manifest.expanded_bytes)
    path = write(export, out, silent)
    path.unlink()
    free(monkeypatch, 2 * export.manifest.expanded_bytes - 1)
    with pytest.raises(
        BadSettings, match=r"needs 0.0 GB while it is written, .* has 0.0 GB free; name another"
    ):
        write(export, out, silent)
    assert list(out.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from resources.exports import write
from tests.resources.export_maker import stored
def tell(what, share):
    if share > 0.4:
        os.kill(os.getpid(), signal.SIGKILL)
write(stored(Path(sys.argv[1]) / "killed"), Path(sys.argv[1]) / "out", tell)
"""


def test_what_a_killed_export_left_is_removed_by_the_next(tmp_path: Path) -> None:
    root, out = Path(__file__).parents[2], tmp_path / "out"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    export = stored(tmp_path / "datasets")
    scratch = out / f".{export.name}.partial"
    assert (scratch / "windows.raw").stat().st_size == export.manifest.expanded_bytes
    path = write(export, out, silent)
    assert list(out.iterdir()) == [path]


def test_a_second_export_of_the_same_name_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    export, out = stored(tmp_path / "datasets"), tmp_path / "out"
    said: list[str] = []

    def tell(what: str, share: float) -> None:
        if not said:
            with pytest.raises(BadSettings, match=rf"one writer, found pid {os.getpid()} on host") as refusal:
                write(export, tmp_path / "datasets" / ".." / "out", silent)
            said.append(str(refusal.value))
            write(export, tmp_path / "elsewhere", silent)

    path = write(export, out, tell)
    assert said[0].startswith(f"{export.name} in {out} must have one writer, found pid")
    assert said[0].endswith("; wait for that one or name another folder.")
    assert list(out.iterdir()) == [path]
    assert torch.load(path, weights_only=True)["windows"].shape == export.manifest.shape


def test_nothing_of_a_person_is_removed(tmp_path: Path) -> None:
    export, out = stored(tmp_path / "datasets"), tmp_path / "out"
    theirs = out / f".{export.name}.partial" / "notes.txt"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("mine")
    write(export, out, silent)
    assert theirs.read_text() == "mine"
    assert list(theirs.parent.iterdir()) == [theirs]
