"""Datasets on disk: no more than what is named; nothing that is named or in use goes; an older manifest is said."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from pipelines.errors import BadData, NotEnoughEvidence
from pipelines.features import feature_set
from pipelines.sequences.manifest import Manifest, describe
from pipelines.sequences.matrix import content_hash
from pipelines.sequences.specs import spec
from pipelines.sequences.torch_windows import WindowDataset
from resources import datasets as module
from resources.datasets import GRACE, Dataset, Datasets
from resources.lake import Receipt

START = datetime(2026, 1, 1, tzinfo=UTC)
RECEIPT = Receipt("features", 1, 1, None, None, "0" * 64, ())
FEATURES = feature_set("v4")
ROWS = 3000


def matrix_of(seed: int, rows: int = ROWS) -> NDArray[np.float32]:
    values = np.random.default_rng(seed).normal(size=(rows, len(FEATURES.names)))
    return values.astype(np.float32)


def index_of(window: str, rows: int = ROWS) -> pl.DataFrame:
    opened = pl.datetime_range(START, START + timedelta(minutes=rows - 1), "1m", eager=True, time_unit="us")
    made = spec(window)
    return pl.DataFrame({"open_time": opened, "row": np.arange(rows)}).with_columns(
        label=(pl.col("row") % 3).cast(pl.Int8),
        y=pl.col("row") / 1e6,
        uniqueness=pl.lit(0.5),
        known_until=pl.col("open_time") + timedelta(minutes=made.horizon + 2),
        fold=pl.lit("train"),
    )[made.bars - 1 :]


def make(
    root: Path, values: NDArray[np.float32], window: str = "lstm60", symbol: str = "BTC-USD"
) -> tuple[Path, Manifest]:
    """Store a dataset; the file of its matrix and its manifest."""
    rows, asked = index_of(window, values.shape[0]), spec(window)
    hashed = {symbol: content_hash(values)}
    manifest = describe({symbol: rows}, {symbol: values.shape[0]}, asked, asked.horizon, FEATURES, hashed)
    return Datasets(root).save(symbol, manifest, values, rows, RECEIPT, RECEIPT), manifest


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def aged(paths: Iterable[Path], seconds: float = GRACE + 60) -> None:
    """As if nobody had written or opened them for that long."""
    for path in paths:
        then = path.stat().st_mtime - seconds
        os.utime(path, (then, then))


def test_a_dataset_made_daily_keeps_one_matrix(tmp_path: Path) -> None:
    for day in range(6):
        aged(files(tmp_path), 86_400)
        values = matrix_of(day, ROWS + 100 * day)
        make(tmp_path, values)
        Datasets(tmp_path).open("BTC-USD", "lstm60")
        assert sum(path.stat().st_size for path in files(tmp_path)) <= 1.1 * values.nbytes


def test_the_matrix_of_a_dataset_opened_lately_stays_for_workers_that_start_afresh(tmp_path: Path) -> None:
    """The file is a month old, its training has just begun."""
    old, _ = make(tmp_path, matrix_of(0))
    aged([old], 30 * 86_400)
    trained = WindowDataset(*Datasets(tmp_path).open("BTC-USD", "lstm60").part("train"))
    make(tmp_path, matrix_of(1))
    again = WindowDataset.__new__(WindowDataset)
    again.__setstate__(trained.__getstate__())
    assert np.array_equal(again[0][0], trained[0][0])
    aged([old])
    make(tmp_path, matrix_of(2))
    assert not old.exists()
    assert np.array_equal(again[5][0], trained[5][0]), "what is mapped outlives its name"


def test_what_another_window_or_symbol_names_stays(tmp_path: Path) -> None:
    """One matrix of all windows of a symbol; columns of equal content are one file of both symbols."""
    shared, _ = make(tmp_path, matrix_of(0))
    assert make(tmp_path, matrix_of(0), "transformer100")[0] == shared
    make(tmp_path, matrix_of(7), symbol="ETH-USD")
    aged(files(tmp_path))
    make(tmp_path, matrix_of(1, ROWS + 1))
    assert shared.exists()
    for symbol, window in (("BTC-USD", "transformer100"), ("ETH-USD", "lstm60")):
        held = Datasets(tmp_path).open(symbol, window)
        assert held.ends.tolist() == index_of(window)["row"].to_list()
        assert held.matrix.shape == (ROWS, len(FEATURES.names))
    aged(files(tmp_path))
    make(tmp_path, matrix_of(1, ROWS + 1), "transformer100")
    assert not shared.exists()
    assert Datasets(tmp_path).open("ETH-USD", "lstm60").manifest.windows == index_of("lstm60").height


def test_a_refused_dataset_leaves_no_matrix_for_long(tmp_path: Path) -> None:
    path, _ = make(tmp_path, matrix_of(0))
    Datasets(tmp_path).refuse("BTC-USD", "lstm60", "n_eff 2 of 30 in test")
    assert path.exists(), "written just now"
    aged(files(tmp_path))
    Datasets(tmp_path).refuse("BTC-USD", "lstm60", "n_eff 2 of 30 in test")
    assert [one.name for one in files(tmp_path)] == ["BTC-USD.lstm60.json"]
    with pytest.raises(NotEnoughEvidence, match="n_eff 2 of 30"):
        Datasets(tmp_path).open("BTC-USD", "lstm60")


def test_what_a_killed_writer_left_goes_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    make(tmp_path, matrix_of(0))
    folder = tmp_path / "matrices"
    left, young, foreign = folder / "tmpab12_x.partial", folder / "tmpcd34_y.partial", folder / "notes.npy"
    for path in (left, young, foreign):
        path.write_bytes(b"x")
    aged([left, foreign])
    make(tmp_path, matrix_of(0))
    assert not left.exists()
    assert young.exists()
    assert foreign.exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from resources import datasets
from tests.resources.test_datasets import make, matrix_of
datasets.sweep = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
make(Path(sys.argv[1]), matrix_of(1))
"""


def test_a_kill_before_the_sweep_leaves_the_new_dataset_and_the_next_save_sweeps(tmp_path: Path) -> None:
    old, _ = make(tmp_path, matrix_of(0))
    aged([old])
    root = Path(__file__).parents[2]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=False,
    )
    assert killed.returncode == -9
    assert old.exists()
    held = Datasets(tmp_path).open("BTC-USD", "lstm60")
    assert np.array_equal(held.matrix, matrix_of(1))
    make(tmp_path, matrix_of(1), "transformer100")
    assert not old.exists()
    assert np.array_equal(Datasets(tmp_path).open("BTC-USD", "lstm60").matrix, matrix_of(1))


def test_writers_at_once_never_sweep_what_the_other_has_not_named_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any grace, two windows of one symbol, and a third that only reads."""
    monkeypatch.setattr(module, "GRACE", -60.0)
    faults: list[BaseException] = []

    def one(window: str) -> None:
        try:
            for number in range(25):
                make(tmp_path, matrix_of(number % 3, 200), window)
                held: Dataset = Datasets(tmp_path).open("BTC-USD", window)
                assert np.array_equal(held.matrix, matrix_of(number % 3, 200))
        except BaseException as fault:
            faults.append(fault)

    def read() -> None:
        try:
            while any(thread.is_alive() for thread in writers):
                Datasets(tmp_path).open("BTC-USD", "lstm60")
        except BaseException as fault:
            faults.append(fault)

    make(tmp_path, matrix_of(0, 200))
    writers = [threading.Thread(target=one, args=(window,)) for window in ("lstm60", "transformer100")]
    reader = threading.Thread(target=read)
    for thread in (*writers, reader):
        thread.start()
    for thread in (*writers, reader):
        thread.join()
    assert not faults
    assert len(list((tmp_path / "matrices").iterdir())) == 1


def test_a_manifest_that_cannot_be_read_sweeps_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old, _ = make(tmp_path, matrix_of(0), "transformer100")
    aged([old])
    (tmp_path / "manifests" / "BTC-USD.transformer100.json").write_text("{")
    make(tmp_path, matrix_of(1))
    assert old.exists()
    assert "nothing is swept under" in caplog.text


def test_a_matrix_of_which_only_reading_is_allowed_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, matrix_of(0))

    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("resources.datasets.os.utime", refused)
    assert Datasets(tmp_path).open("BTC-USD", "lstm60").matrix.shape[0] == ROWS


def test_a_manifest_of_before_there_was_a_hash_of_the_index_is_said(tmp_path: Path) -> None:
    make(tmp_path, matrix_of(0))
    path = tmp_path / "manifests" / "BTC-USD.lstm60.json"
    record = json.loads(path.read_text())
    del record["manifest"]["index_sha256"]
    path.write_text(json.dumps(record))
    with pytest.raises(BadData, match="found index_sha256 missing or unknown; materialize `sequences` again"):
        Datasets(tmp_path).open("BTC-USD", "lstm60")


def test_a_file_written_just_now_stays_though_nobody_names_it(tmp_path: Path) -> None:
    old, _ = make(tmp_path, matrix_of(0))
    make(tmp_path, matrix_of(1))
    assert old.exists()
    assert old.stat().st_mtime > time.time() - GRACE
