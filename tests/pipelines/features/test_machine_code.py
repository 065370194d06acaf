"""Machine code on disk: found by its own source only, whatever happened to the files; each in processes of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
SOURCE = """
import numpy as np
from pipelines.features.compiled import each_row, kernel
LIMIT = {limit}

@kernel
def _limited(values):
    out = np.empty_like(values)
    for i in range(out.size):
        out[i] = min(values[i], LIMIT)
    return out

@each_row
def _row(value):
    return min(value, LIMIT)
"""
SAY = (
    "print(mine._limited(np.full(3, 9.0))[0], mine._row(np.full(3, 9.0))[0],"
    " sum(mine._limited.compiled().stats.cache_hits.values()),"
    " sum(mine._row.compiled().stats.cache_hits.values()))"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(SOURCE.format(limit=5.0))
    return tmp_path


def python(folder: Path, code: str = SAY, **environment: str) -> tuple[list[str], str]:
    """What a process prints, in words, and what it says in its log."""
    path = os.pathsep.join([str(folder), str(REPOSITORY)])
    done = subprocess.run(
        [sys.executable, "-c", f"import numpy as np, mine; {code}"],
        env={**os.environ, "PYTHONPATH": path, **environment},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout.split(), done.stderr


def kept(folder: Path, kind: str) -> list[Path]:
    return sorted((folder / "__pycache__").glob(f"*.{kind}"))


def test_a_second_process_compiles_nothing(folder: Path) -> None:
    assert python(folder)[0] == ["5.0", "5.0", "0", "0"]
    assert python(folder) == (["5.0", "5.0", "1", "1"], "")


def test_code_of_an_older_source_is_never_found(folder: Path) -> None:
    """A process is started, the file is updated, only then the process computes; the next one has the new source."""
    update = f"open(mine.__file__, 'w').write({SOURCE.format(limit=6.0)!r}); {SAY}"
    assert python(folder, update)[0] == ["5.0", "5.0", "0", "0"]
    assert python(folder)[0] == ["6.0", "6.0", "0", "0"]
    (folder / "mine.py").write_text(SOURCE.format(limit=5.0))
    assert python(folder)[0] == ["5.0", "5.0", "1", "1"], "both are kept"


def test_code_with_other_checks_is_other_code(folder: Path) -> None:
    assert python(folder)[0][2:] == ["0", "0"]
    assert python(folder, NUMBA_BOUNDSCHECK="1")[0][2:] == ["0", "0"]
    assert python(folder)[0][2:] == ["1", "1"]


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
def test_a_damaged_file_is_made_anew_with_a_word(folder: Path, kind: str) -> None:
    python(folder)
    for path in kept(folder, kind):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    said, log = python(folder)
    assert said[:2] == ["5.0", "5.0"]
    assert log.count("is damaged") == 2
    assert python(folder) == (["5.0", "5.0", "1", "1"], "")


def test_without_a_folder_to_write_to_it_computes_and_says_so(folder: Path) -> None:
    said, log = python(folder, NUMBA_CACHE_DIR=str(folder / "mine.py" / "no folder"))
    assert said == ["5.0", "5.0", "0", "0"]
    assert "no folder to keep machine code in: mine.py is compiled anew by every process" in log
