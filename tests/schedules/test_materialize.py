"""One partition from the command line: bad input is one sentence and exit code 2, and nothing is written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def materialize(world: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    home = world / "home"
    home.mkdir(exist_ok=True)
    (home / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text().replace(".dagster/", f"{home}/"))
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "schedules.materialize", *arguments],
        cwd=ROOT,
        env={**os.environ, "DAGSTER_HOME": str(home), "TIDEMARK_PATHS__ROOT": str(world / "made")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("featurs", "BTC-USD|1m"), ("'featurs'", "features")),
        (("features", "BTC-USD|2m"), ("'BTC-USD|2m'", "BTC-USD|1m")),
        (("features", "XXX-USD|1m"), ("'XXX-USD|1m'", "BTC-USD|1m")),
        (("trades", "2099-01-01|synthetic.BTC-USD"), ("2099-01-01", "2026-01-01|synthetic.BTC-USD")),
        (("scorecard/tmng", "seq300"), ("'scorecard/tmng'", "scorecard/timing")),
        (("features",), ("'BTC-USD|1m'",)),
        (("features", "BTC-USD|1m"), ("table 'bars'", "symbol=BTC-USD")),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(
    tmp_path: Path, arguments: tuple[str, ...], names: tuple[str, ...]
) -> None:
    done = materialize(tmp_path, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert all(name in done.stderr for name in names)
    assert not (tmp_path / "made" / "lake").exists()


def test_a_partition_is_made_and_described(tmp_path: Path) -> None:
    done = materialize(tmp_path, "candles", "BTC-USD|1h")
    assert (done.returncode, done.stderr) == (0, "")
    assert "dagster/partition_row_count: 2880" in done.stdout
