"""Bad input ends the road with one sentence and exit code 2, and nothing of it is written; too little data does not."""

import gzip
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from schedules import paper, research, road

ROOT = Path(__file__).resolve().parents[2]
assert paper.defs
assert research.defs  # imported with the settings of the repository, before any test changes the environment
START = datetime(2024, 9, 1, tzinfo=UTC)


def hours(count: int = 400) -> pl.DataFrame:
    """Candles of a random walk, gapless: open follows close."""
    rng = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, count)))
    start = np.append(100.0, close[:-1])
    return pl.DataFrame(
        {
            "open_time": [f"{START + timedelta(hours=hour):%Y-%m-%d %H:%M:%S}" for hour in range(count)],
            "open": start.round(4),
            "high": (np.maximum(start, close) * 1.002).round(4),
            "low": (np.minimum(start, close) * 0.998).round(4),
            "close": close.round(4),
            "volume": rng.uniform(1, 900, count).round(3),
        }
    )


SETTINGS = """
[universe]
start = 2024-09-01
end = 2024-12-01
timeframes = ["1h"]
windows = []
symbols = [{{ symbol = "BTC-USDC", primary = "hyperliquid.BTC-USDC" }}]
[source]
kind = "files"
files = [{{ glob = "{folder}/*.csv*", kind = "ohlcv", market = "hyperliquid.BTC-USDC", timeframe = "1h" }}]
[costs]
fee_bps = 5.0
half_spread_bps = 0.5
[training]
holdout_days = 1
trees = {{}}
timing = {{}}
[gates]
required = ["effective_sample"]
[[sessions]]
name = "hours"
symbols = ["BTC-USDC"]
timeframe = "1h"
slot = "boosted_trees/{{symbol}}/{{timeframe}}"
capital = 1000
max_position = 1.0
margin = 0.0
[paths]
root = "{folder}/world"
"""


@pytest.fixture
def travelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[[str, str], tuple[int, str, str]]]:
    """Runs the road on settings in which `old` stands as `new`; gives exit code, output and errors."""
    levels = {name: logging.getLogger(name).level for name in ("dagster", "alembic")}
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    monkeypatch.chdir(ROOT)

    def run(old: str = "", new: str = "") -> tuple[int, str, str]:
        text = SETTINGS.format(folder=tmp_path)
        assert old in text
        (tmp_path / "settings.toml").write_text(text.replace(old, new) if old else text)
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("TIDEMARK_SETTINGS", str(tmp_path / "settings.toml"))
        code = road.main()
        said = capsys.readouterr()
        return code, said.out, said.err

    yield run
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def good(folder: Path) -> None:
    hours().write_csv(folder / "good.csv")


def nothing(_folder: Path) -> None:
    """No file at all."""


def empty(folder: Path) -> None:
    (folder / "empty.csv").write_bytes(b"")


def header_only(folder: Path) -> None:
    hours().head(0).write_csv(folder / "header.csv")


def cut_off(folder: Path) -> None:
    packed = gzip.compress(hours().write_csv().encode())
    (folder / "cut.csv.gz").write_bytes(packed[: len(packed) // 2])


def swapped(folder: Path) -> None:
    hours().rename({"close": "volume", "volume": "close"}).write_csv(folder / "swapped.csv")


@pytest.mark.parametrize(
    ("files", "old", "new", "sentence"),
    [
        (nothing, "", "", "matches no file"),
        (empty, "", "", "is empty: expected ohlcv rows"),
        (header_only, "", "", "found none at all"),
        (cut_off, "", "", "cannot be unpacked: expected a whole gzip"),
        (swapped, "", "", "check its columns and units"),
        (good, "end = 2024-12-01", "end = 2024-08-01", "is not after universe.start"),
        (good, 'timeframes = ["1h"]', 'timeframes = ["1h", "7m"]', "timeframe '7m' is not known"),
        (good, 'timeframe = "1h" }', 'timeframe = "7m" }', "timeframe '7m' is not known"),
        (good, 'symbol = "BTC-USDC"', 'symbol = "btc"', "symbol 'btc' is not a symbol"),
        (good, 'market = "hyperliquid.BTC-USDC"', 'market = "hyperliquid.ETH-USDC"', "has no ticks"),
        (good, "start = 2024-09-01", "start = 2024-11-01", "files hold no 1h candle"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(
    files: Callable[[Path], None],
    old: str,
    new: str,
    sentence: str,
    tmp_path: Path,
    travelled: Callable[[str, str], tuple[int, str, str]],
) -> None:
    files(tmp_path)
    code, _, err = travelled(old, new)
    assert code == 2
    assert sentence in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert not [path for path in (tmp_path / "world").rglob("*") if path.is_file()]


def test_too_little_data_is_a_result(tmp_path: Path, travelled: Callable[..., tuple[int, str, str]]) -> None:
    """400 hours leave no 100 independent labels: refused in words, exit code 0, and the report says so."""
    good(tmp_path)
    code, out, err = travelled()
    assert (code, err) == (0, "")
    assert "not enough evidence: n_eff" in out
    assert "1 slots judged: 0 promoted, 0 refused by a gate, 1 without enough data" in out
    page = (tmp_path / "world" / "reports" / "report.html").read_text()
    for words in (
        "Refused before a model was made",
        "not enough evidence: n_eff",
        "400 candle",
        "needs ticks; every bar",
    ):
        assert words in page
