"""Exports: every window of every symbol stands in the file as a model would see it, and the size is said before."""

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from pipelines.errors import BadData, MissingData, UnknownName
from pipelines.features import best_set, compute, feature_set
from pipelines.features.encoding import windows as encoded
from pipelines.sequences.index import index
from pipelines.sequences.labels import labels
from pipelines.sequences.manifest import describe
from pipelines.sequences.matrix import content_hash, matrix
from pipelines.sequences.specs import SPECS, spec
from pipelines.settings import parse
from resources.datasets import Datasets
from resources.exports import Export, prepare, write
from resources.lake import Lake, Receipt
from schedules.export import export_of, main
from tests.assets.world import toml

_found = importlib.util.spec_from_file_location(
    "feature_makers", Path(__file__).parents[1] / "pipelines" / "features" / "makers.py"
)
assert _found is not None
assert _found.loader is not None
makers = importlib.util.module_from_spec(_found)
_found.loader.exec_module(makers)

WINDOW = spec("lstm60")
RECEIPT = Receipt("features", 1, 1, None, None, "0" * 64, ())
ROWS = 900


def silent(what: str, share: float) -> None:
    assert 0 < share <= 1


def stored(folder: Path, candles: tuple[str, ...] = ()) -> Export:
    """Two symbols with a gap; those in `candles` have no ticks."""
    datasets, indexes = Datasets(folder), {}
    for seed, symbol in enumerate(("BTC-USD", "ETH-USD")):
        bars = makers.bars(ROWS, seed=seed, gaps=(500,))
        bars = makers.without_ticks(bars) if symbol in candles else bars
        features = compute(bars, "1m")
        chosen = best_set(features)
        found = index(features, labels(bars, "1m", WINDOW.horizon), WINDOW, chosen.names)
        indexes[symbol] = found.with_columns(fold=pl.lit("train"))
        values = matrix(features, chosen.names)
        manifest = describe(
            {symbol: indexes[symbol]}, {symbol: ROWS}, WINDOW, WINDOW.horizon, chosen, {symbol: content_hash(values)}
        )  # fmt: skip
        datasets.save(symbol, manifest, values, indexes[symbol], RECEIPT, RECEIPT)
    return prepare("lstm60", {symbol: datasets.open(symbol, "lstm60") for symbol in indexes}, indexes)


def test_the_file_holds_every_window_as_a_model_sees_it(tmp_path: Path) -> None:
    export = stored(tmp_path / "datasets")
    path = write(export, tmp_path / "out", silent)
    held = torch.load(path, weights_only=True)
    windows, bars, width = export.manifest.shape
    assert path.name == "timing_training_data_v5_lstm60.pt"
    assert held["windows"].shape == (windows, bars, width)
    assert export.manifest.expanded_bytes == windows * bars * width * 4
    assert 1.0 <= path.stat().st_size / export.manifest.expanded_bytes < 1.02, "the size that was said"
    rows = pl.concat(export.indexes.values())
    assert held["label"].tolist() == rows["label"].to_list()
    assert held["open_time_us"].tolist() == rows["open_time"].to_physical().to_list()
    assert held["fold"] == ["train"] * windows
    assert held["symbols"].count("BTC-USD") == export.indexes["BTC-USD"].height
    for number in (0, windows // 2, windows - 1):
        symbol = held["symbols"][number]
        end = int(rows["row"][number])
        raw = export.datasets[symbol].matrix[end - bars + 1 : end + 1][None]
        assert np.array_equal(held["windows"][number].numpy(), encoded(np.array(raw), held["features"])[0])
        first = makers.START + timedelta(minutes=end + (5 if end >= 500 else 0))
        assert rows["open_time"][number] == first
    assert not list((tmp_path / "out").glob("tmp*")), "nothing is left beside the file"


def test_the_size_is_said_before_a_byte_is_written(tmp_path: Path) -> None:
    export = stored(tmp_path)
    windows, bars, width = export.manifest.shape
    assert export.announcement.startswith(
        f"timing_training_data_v5_lstm60.pt: {windows:,} windows of {bars} bars and {width} features of BTC-USD, "
        f"ETH-USD, {windows * bars * width * 4 / 1e9:.2f} GB"
    )


def test_a_person_reads_the_size_before_the_disk_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    export = stored(tmp_path / "datasets", candles=("BTC-USD", "ETH-USD"))
    said_before: list[str] = []

    def watched(export: Export, folder: Path, tell: Callable[[str, float], None]) -> Path:
        said_before.append(capsys.readouterr().out)
        return write(export, folder, tell)

    monkeypatch.setattr("schedules.export.load_settings", lambda: None)
    monkeypatch.setattr("schedules.export.export_of", lambda *_: export)
    monkeypatch.setattr("schedules.export.write", watched)
    assert main(["lstm60", str(tmp_path / "out")]) == 0
    assert said_before[0].strip() == export.announcement
    assert export.announcement.startswith("timing_training_data_v4_lstm60.pt: ")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["timing_training_data_v4_lstm60.pt"]


def test_a_changed_matrix_is_not_exported(tmp_path: Path) -> None:
    """One bit of the file that training maps."""
    export = stored(tmp_path)
    path = Path(str(export.datasets["ETH-USD"].matrix.filename))
    held = bytearray(path.read_bytes())
    held[-1] ^= 1
    path.chmod(0o644)
    path.write_bytes(held)
    datasets = {symbol: Datasets(tmp_path).open(symbol, "lstm60") for symbol in export.datasets}
    with pytest.raises(BadData, match="lstm60 dataset of ETH-USD must have matrix_sha256"):
        prepare("lstm60", datasets, export.indexes)


def test_symbols_of_different_features_are_not_put_into_one_file(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="2 different feature sets"):
        stored(tmp_path, candles=("ETH-USD",))
    assert feature_set("v4").sha256 != feature_set("v5").sha256


def test_a_dataset_of_another_horizon_is_not_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = stored(tmp_path)
    monkeypatch.setitem(SPECS, "lstm60", replace(WINDOW, guide_horizon=20))
    with pytest.raises(
        BadData,
        match=r"horizon of 15 bars \(profile default\), expected 20 bars \(training.horizons = 'guide'\)",
    ):
        prepare("lstm60", export.datasets, export.indexes, "guide")


def test_rows_that_their_manifest_does_not_describe_are_not_exported(tmp_path: Path) -> None:
    export = stored(tmp_path)
    count = export.indexes["ETH-USD"].height
    shorter = {**export.indexes, "ETH-USD": export.indexes["ETH-USD"].head(count - 1)}
    with pytest.raises(
        BadData, match=f"of ETH-USD must have windows {count} as its manifest says, found {count - 1}"
    ):
        prepare("lstm60", export.datasets, shorter)


def test_symbols_can_be_named_and_one_without_a_dataset_is_said(tmp_path: Path) -> None:
    symbols = ("BTC-USD", "ETH-USD", "SOL-USD")
    settings = parse(toml(symbols), {}, "test")
    whole = stored(tmp_path / settings.paths.datasets)
    lake = Lake(tmp_path / settings.paths.lake)
    for symbol, rows in whole.indexes.items():
        lake.replace("sequences", rows, {"symbol": symbol, "window": "lstm60"})

    def exported(*only: str) -> Export:
        return export_of(settings, "lstm60", tmp_path, only)

    assert exported().manifest == whole.manifest
    alone = exported("ETH-USD")
    assert list(alone.datasets) == ["ETH-USD"]
    assert alone.manifest.shape == (whole.indexes["ETH-USD"].height, *whole.manifest.shape[1:])
    with pytest.raises(UnknownName, match="symbols are BTC-USD, ETH-USD, SOL-USD, found 'XRP-USD'; name one"):
        exported("BTC-USD", "XRP-USD")
    with pytest.raises(MissingData, match="found none of SOL-USD: it was not made; materialize `sequences`"):
        exported("ETH-USD", "SOL-USD")
    Datasets(tmp_path / settings.paths.datasets).refuse("SOL-USD", "lstm60", "n_eff 2 of 30 in test")
    with pytest.raises(MissingData, match=r"a lstm60 dataset of SOL-USD, found none .* n_eff 2 of 30"):
        exported("SOL-USD")
    with pytest.raises(
        MissingData, match="seq300 dataset of BTC-USD and of ETH-USD and of SOL-USD, found none"
    ):
        export_of(settings, "seq300", tmp_path)


def test_no_dataset_and_no_such_window_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MissingData, match="materialize `sequences` first"):
        prepare("seq300", {}, {})
    assert main(["seq301", str(tmp_path)]) == 2
    assert "sequence 'seq301' is not known" in capsys.readouterr().err
