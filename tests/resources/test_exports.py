"""Exports: every window of every symbol stands in the file as a model would see it, and the size is said before."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from pipelines.errors import BadData, MissingData, UnknownName
from pipelines.features import feature_set
from pipelines.features.encoding import windows as encoded
from pipelines.sequences.manifest import index_hash
from pipelines.sequences.specs import SPECS
from pipelines.settings import parse
from resources.datasets import Datasets
from resources.exports import Export, prepare, write
from resources.lake import Lake
from schedules.export import export_of, main
from tests.assets.world import toml
from tests.resources.export_maker import WINDOW, makers, silent, stored


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
    assert list((tmp_path / "out").iterdir()) == [path], "nothing is left beside the file"


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


def other_row(rows: pl.DataFrame, **change: object) -> pl.DataFrame:
    """The third row with another value in a column."""
    third = pl.int_range(pl.len()) == 2
    return rows.with_columns(
        pl.when(third).then(pl.lit(value)).otherwise(pl.col(name)).cast(rows.schema[name]).alias(name)
        for name, value in change.items()
    )


def swapped_labels(rows: pl.DataFrame) -> pl.DataFrame:
    """Two labels exchanged: every count and share stays."""
    labels = rows["label"].to_list()
    up, down = labels.index(2), labels.index(0)
    labels[up], labels[down] = 0, 2
    return rows.with_columns(label=pl.Series(labels, dtype=rows.schema["label"]))


AGAIN = "materialize `sequences` again"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            swapped_labels,
            rf"must have label (0|2) at 2.*, found (0|2) in the table \(2 of \d+ windows differ\); {AGAIN}",
        ),
        (
            lambda rows: other_row(rows, row=rows["row"][2] + 1),
            rf"must have row \d+ at .* \(1 of \d+ windows differ\); {AGAIN}",
        ),
        (
            lambda rows: other_row(rows, y=np.nextafter(rows["y"][2], 1)),
            f"must have index_sha256 .*; {AGAIN}",
        ),
        (lambda rows: other_row(rows, y=None), f"must have index_sha256 .*; {AGAIN}"),
        (
            lambda rows: other_row(rows, uniqueness=rows["uniqueness"][2] / 2),
            f"must have index_sha256 .*; {AGAIN}",
        ),
        (
            lambda rows: other_row(rows, open_time=rows["open_time"][2] + timedelta(seconds=1)),
            f"must have index_sha256 .*; {AGAIN}",
        ),
    ],
    ids=["labels", "row", "y", "no y", "uniqueness", "time"],
)
def test_rows_of_another_run_than_the_matrix_are_not_exported(
    tmp_path: Path, change: Callable[[pl.DataFrame], pl.DataFrame], says: str
) -> None:
    """A kill after the dataset is stored and before its rows are: counts and shares may agree."""
    export = stored(tmp_path)
    changed = {**export.indexes, "ETH-USD": change(export.indexes["ETH-USD"])}
    with pytest.raises(BadData, match=f"lstm60 dataset of ETH-USD {says}"):
        prepare("lstm60", export.datasets, changed)


def test_folds_other_than_those_that_are_mapped_are_not_exported(tmp_path: Path) -> None:
    """The index files and the manifest may disagree too, when one of them is damaged."""
    export = stored(tmp_path)
    held = export.datasets["ETH-USD"]
    folds = held.folds.copy()
    folds[4] = 77
    with pytest.raises(BadData, match=r"must have fold unknown at .*, found train in the table \(1 of"):
        prepare("lstm60", {**export.datasets, "ETH-USD": replace(held, folds=folds)}, export.indexes)


def test_rows_as_the_lake_gives_them_are_those_of_the_manifest(tmp_path: Path) -> None:
    """Another width of integers and another encoding of text are the same rows; another order is not."""
    export = stored(tmp_path)
    rows = export.indexes["BTC-USD"]
    wide = rows.with_columns(pl.col("label").cast(pl.Int64), pl.col("fold").cast(pl.Categorical))
    assert index_hash(wide) == index_hash(rows) == export.manifest.index_sha256["BTC-USD"]
    assert index_hash(rows.reverse()) != index_hash(rows)


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
