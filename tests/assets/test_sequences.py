"""`sequences`: too few labels are refused with both counts, the folds are training's, no manifest is just believed."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest
import torch

from assets.sequences import combinatorial_splits
from pipelines.errors import BadData, NotEnoughEvidence, UnknownName
from pipelines.models.timing_split import split
from pipelines.promotion.bundle import Bundle
from pipelines.sequences.matrix import write_npy
from pipelines.sequences.specs import SPECS, spec
from pipelines.sequences.torch_windows import WindowDataset, whole_batches
from resources.datasets import FOLDS, Datasets
from resources.exports import write
from resources.tracking import Tracking
from schedules import launches, road
from schedules.export import export_of
from schedules.road import Road
from tests.assets.world import World, checks, enough, metadata, toml, why

START = datetime(2024, 1, 1, tzinfo=UTC)
MINUTE, PARTITION = "BTC-USD|1m", "BTC-USD|lstm60"
KEYS = {"symbol": "BTC-USD", "window": "lstm60"}
COUNTS = r"n_eff \d+ of 30 in test and \d+ of 100 in training"


def datasets(world: World) -> Datasets:
    return Datasets(world.root / world.settings.paths.datasets)


def with_features(world: World) -> World:
    """One symbol's candles and features of minutes."""
    assert world.run("ingest_candles", MINUTE).success
    assert world.run("build_bars_and_features", MINUTE).success
    return world


def test_long_histories_say_how_they_can_be_split() -> None:
    window, minutes = spec("lstm60"), 60_000
    times = pl.datetime_range(START, START + timedelta(minutes=minutes - 1), "1m", eager=True)
    rows = pl.DataFrame({"open_time": times}).with_columns(
        fold=pl.when(pl.int_range(pl.len()) < 50_000).then(pl.lit("train")).otherwise(pl.lit("holdout"))
    )
    said = "15 splits of 6 groups, 2 tested at a time, with an embargo of 5:35:00"
    assert combinatorial_splits(rows, window, "v5", "always") == said
    assert combinatorial_splits(rows.head(9_000), window, "v5", "always").startswith("walk-forward only: ")
    assert combinatorial_splits(rows, window, "v5", "XNYS").startswith("walk-forward only: XNYS closes")


def test_the_embargo_counts_how_far_hours_reach_back() -> None:
    """v5_hours looks back 3,061 minutes: with 60 minutes of a window that is 3,120."""
    times = pl.datetime_range(START, START + timedelta(minutes=120_000), "1m", eager=True)
    rows = pl.DataFrame({"open_time": times, "fold": "train"})
    assert combinatorial_splits(rows, spec("lstm60"), "v5_hours", "always").endswith(
        "with an embargo of 2 days, 4:00:00"
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Five days of minutes with a hold-out of one, and their lstm60."""
    text = enough().replace("2026-01-04", "2026-01-06").replace("holdout_days = 0", "holdout_days = 1")
    with dg.DagsterInstance.ephemeral() as instance:
        world = with_features(World(tmp_path_factory.mktemp("built"), instance, text))
        assert world.run("build_sequences", PARTITION).success
        yield world


def test_the_folds_are_the_split_that_training_makes(built: World) -> None:
    rows = built.lake.read("sequences", KEYS)
    window, config = spec("lstm60"), built.settings.training.timing
    last = built.lake.read("bars", {"symbol": "BTC-USD", "timeframe": "1m"})["open_time"][-1]
    until = last.replace(day=last.day - 1, hour=0, minute=0)
    until = until.replace(day=until.day + 1) if last.hour == 23 else until
    usable = rows.filter(pl.col("known_until") <= until)
    assert (rows["fold"] == "holdout").sum() == rows.height - usable.height > 1000
    cut = split({"BTC-USD": usable}, window, 15, config.train_share, config.validation_share)
    for name in ("train", "validate", "test"):
        assert rows.filter(pl.col("fold") == name).equals(cut.part(usable, name))
    manifest = datasets(built).open("BTC-USD", "lstm60").manifest
    assert manifest.folds == dict(rows["fold"].value_counts().iter_rows())
    assert set(manifest.folds) == {"train", "validate", "test", "purged", "holdout"}
    assert "each symbol by itself" in manifest.folds_are
    assert (manifest.profile, manifest.horizon) == ("default", 15)


def test_what_is_mapped_is_the_index_of_the_lake(built: World) -> None:
    """A person opens the dataset and trains on it: nothing is read but what a batch asks for."""
    rows, held = built.lake.read("sequences", KEYS), datasets(built).open("BTC-USD", "lstm60")
    assert held.ends.tolist() == rows["row"].to_list()
    assert held.labels.tolist() == rows["label"].to_list()
    assert [FOLDS[number] for number in held.folds] == rows["fold"].to_list()
    assert not held.ends.flags.writeable
    assert not held.labels.flags.writeable
    for fold in FOLDS:
        inside = rows.filter(pl.col("fold") == fold)
        windows, own = held.part(fold)
        assert (windows.ends.tolist(), own.tolist()) == (inside["row"].to_list(), inside["label"].to_list())
    with pytest.raises(UnknownName, match="fold 'tests' is not known"):
        held.part("tests")
    (inputs, labels), *_ = whole_batches(WindowDataset(*held.part("train")), 16, shuffle=False)
    assert inputs.shape == (16, 60, held.matrix.shape[1])
    assert labels.tolist() == rows.filter(pl.col("fold") == "train")["label"].head(16).to_list()
    assert not torch.isnan(inputs).any()


def test_an_index_that_is_not_there_or_of_other_windows_is_said(built: World) -> None:
    root = datasets(built).root
    path = root / "manifests" / "BTC-USD.lstm60.json"
    before = path.read_text()
    record = json.loads(before)
    try:
        path.write_text(json.dumps(record | {"ends": "0" * 64}))
        with pytest.raises(BadData, match=r"column 0{64}.npy must be a whole .npy file"):
            datasets(built).open("BTC-USD", "lstm60")
        other = write_npy(root / "indexes", np.arange(3)).stem
        path.write_text(json.dumps(record | {"ends": other}))
        with pytest.raises(BadData, match=r"must have \d+ windows, found 3 ends"):
            datasets(built).open("BTC-USD", "lstm60")
        path.write_text(json.dumps({name: said for name, said in record.items() if name != "labels"}))
        with pytest.raises(BadData, match="found no labels; build it again"):
            datasets(built).open("BTC-USD", "lstm60")
    finally:
        path.write_text(before)


def test_both_counts_stand_beside_what_was_written(built: World) -> None:
    said = metadata(built.run("build_sequences", PARTITION), "sequences")
    assert said["combinatorial"].startswith(
        "walk-forward only: not enough evidence: 6 groups of at least 1 day, "
    )
    rows = built.lake.read("sequences", KEYS)
    test = rows.filter(pl.col("fold") == "test")["open_time"].n_unique() // 16
    training = rows.filter(pl.col("fold") == "train")["open_time"].n_unique() // 16
    assert said["independent_test"] == test >= 30
    assert said["independent_training"] > training >= 100  # with those of the validation
    assert (said["horizon"], said["horizons"]) == (15, "default")
    assert sum(said["folds"].values()) == said["windows"]


@pytest.fixture
def tracked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tracking that only numbers its runs."""
    monkeypatch.setattr(Tracking, "record", lambda *_, **__: "run 1")


@pytest.mark.usefixtures("tracked")
def test_training_reads_a_dataset_that_is_as_stated(built: World) -> None:
    result = built.run("retrain_timing", "lstm60")
    assert result.success, why(result)
    candidate = built.registry.candidate("timing/lstm60")
    manifest = Bundle.from_files(built.registry.load(candidate["bundle"]), candidate["bundle"]).manifest
    assert manifest.horizon == 15
    rows = built.lake.read("sequences", KEYS)
    judged = built.lake.read("forecasts", {"recipe": "timing", "slot": "lstm60"}).filter(
        pl.col("label").is_not_null()
    )
    assert judged["open_time"].equals(rows.filter(pl.col("fold") == "test")["open_time"])


FACTS: dict[str, Callable[[Any], Any]] = {
    "sequence": lambda _: "seq300",
    "symbols": lambda _: ["ETH-USD"],
    "horizon": lambda h: h + 1,
    "rows": lambda n: n + 1,
    "windows": lambda n: n - 1,
    "shape": lambda s: [s[0], s[1] + 1, s[2]],
    "start": lambda t: t.replace("2026", "2025"),
    "until": lambda t: t.replace("2026", "2027"),
    "matrix_bytes": lambda n: n + 4,
    "expanded_bytes": lambda n: n - 4,
    "class_shares": lambda shares: {**shares, "UP": shares["UP"] + 1e-9},
    "folds": lambda folds: {**folds, "test": folds["test"] + 1},
    "folds_are": lambda _: "common to all symbols",
    "features_sha256": lambda _: "0" * 64,
    "matrix_sha256": lambda _: {"BTC-USD": "0" * 64},
}


@pytest.fixture
def manifest(built: World) -> Iterator[Path]:
    """The stored manifest's file, put back after the test."""
    path = datasets(built).root / "manifests" / "BTC-USD.lstm60.json"
    kept = path.read_bytes()
    yield path
    path.write_bytes(kept)


def refusal(world: World) -> str:
    """Why a training fails."""
    result = world.run("retrain_timing", "lstm60")
    assert not result.success
    sentence = why(result)
    assert "errors.BadData: " in sentence
    return sentence


@pytest.mark.parametrize("fact", FACTS)
def test_a_manifest_with_one_false_fact_trains_nothing(built: World, manifest: Path, fact: str) -> None:
    record = json.loads(manifest.read_bytes())
    true = record["manifest"][fact]
    false = record["manifest"][fact] = FACTS[fact](true)
    manifest.write_text(json.dumps(record))
    sentence = refusal(built)
    assert "dataset of BTC-USD" in sentence
    for value in (true, false):
        inner = value.get("BTC-USD", value) if isinstance(value, dict) else value
        told = [inner] if not isinstance(inner, list) else inner
        told = [inner["UP"]] if fact == "class_shares" else [inner["test"]] if fact == "folds" else told
        assert all(str(one) in sentence for one in told), (value, sentence)


def test_a_manifest_that_lacks_a_fact_or_has_another_trains_nothing(built: World, manifest: Path) -> None:
    record = json.loads(manifest.read_bytes())
    del record["manifest"]["profile"]
    record["manifest"]["colour"] = "blue"
    manifest.write_text(json.dumps(record))
    assert "found colour, profile missing or unknown; materialize `sequences` again" in refusal(built)


def test_a_flipped_byte_of_the_matrix_trains_nothing(built: World) -> None:
    (path,) = (datasets(built).root / "matrices").iterdir()
    kept = path.read_bytes()
    path.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    try:
        assert f"must have matrix_sha256 {{'BTC-USD': '{path.stem}'}}" in refusal(built)
    finally:
        path.write_bytes(kept)


def swapped(rows: pl.DataFrame) -> pl.DataFrame:
    """The folds of the first and the last window exchanged: every count stays."""
    folds = rows["fold"].to_list()
    folds[0], folds[-1] = folds[-1], folds[0]
    return rows.with_columns(fold=pl.Series(folds))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (swapped, r"must have fold train at 2026-01-01 \d\d:\d\d, found holdout \(2 of \d+ windows differ\)"),
        (lambda rows: rows.drop("fold"), r"must have folds \{.*\} as its manifest says, found \{None: \d+\}"),
        (lambda rows: rows.head(-1), r"must have windows \d+ as its manifest says, found \d+"),
        (
            lambda rows: rows.with_columns(pl.col("row") - 1),
            r"must have row \d+ at 2026-01-01 \d\d:\d\d, found \d+",
        ),
        (lambda rows: rows.with_columns(label=2 - pl.col("label")), "must have class_shares"),
    ],
    ids=["fold", "no fold", "window", "row", "label"],
)
def test_an_index_that_is_not_what_its_tables_give_trains_nothing(
    built: World, change: Callable[[pl.DataFrame], pl.DataFrame], says: str
) -> None:
    kept = built.lake.read("sequences", KEYS)
    built.lake.replace("sequences", change(kept), KEYS)
    try:
        assert re.search(says, refusal(built))
    finally:
        built.lake.replace("sequences", kept, KEYS)


def test_a_table_of_before_there_were_folds_trains_nothing(built: World) -> None:
    kept = built.lake.read("sequences", KEYS)
    try:
        shutil.rmtree(Path(built.lake.root) / "sequences")
        built.lake.replace("sequences", kept.drop("fold"), KEYS)
        assert "must hold 'fold', found no such column; materialize `sequences` again" in refusal(built)
    finally:
        shutil.rmtree(Path(built.lake.root) / "sequences")
        built.lake.replace("sequences", kept, KEYS)


def test_settings_that_move_a_fold_ask_for_the_sequences_again(built: World) -> None:
    text = enough().replace("2026-01-04", "2026-01-06").replace("holdout_days = 0", "holdout_days = 2")
    assert "the settings or the rows were changed: materialize `sequences` again" in refusal(
        World(built.root, built.instance, text)
    )


def guided(world: World) -> World:
    """The same world with the guide's horizons."""
    text = enough().replace("[training]", '[training]\nhorizons = "guide"')
    return World(world.root, world.instance, text)


@pytest.mark.usefixtures("tracked")
def test_a_profile_governs_labels_bundle_scorecard_and_export(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """lstm60 has one horizon in both profiles, so here the guide's is given another."""
    monkeypatch.setitem(SPECS, "lstm60", replace(SPECS["lstm60"], guide_horizon=20))
    world = with_features(World(tmp_path, instance, enough()))
    assert world.run("build_sequences", PARTITION).success
    guide = guided(world)
    sentence = refusal(guide)
    assert (
        "made for a horizon of 15 bars (profile default), expected 20 bars (training.horizons = 'guide')"
        in sentence
    )
    said = metadata(guide.run("build_sequences", PARTITION), "sequences")
    assert (said["horizon"], said["horizons"]) == (20, "guide")
    rows = guide.lake.read("sequences", KEYS)
    assert (rows["known_until"] - rows["known_from"]).unique().dt.total_minutes().to_list() == [21]
    stored = datasets(guide).open("BTC-USD", "lstm60").manifest
    assert (stored.horizon, stored.profile) == (20, "guide")
    assert "horizon of 20 bars (profile guide), expected 15 bars (training.horizons = 'default')" in refusal(
        world
    )
    result = guide.run("retrain_timing", "lstm60")
    assert result.success, why(result)
    candidate = guide.registry.candidate("timing/lstm60")
    bundle = Bundle.from_files(guide.registry.load(candidate["bundle"]), candidate["bundle"]).manifest
    assert (bundle.horizon, bundle.horizon_seconds) == (20, 1200)
    card = json.loads(guide.registry.load_scorecard("timing/lstm60") or b"")["scorecard"]
    assert card["subject"]["horizon"] == 20
    path = write(export_of(guide.settings, "lstm60", tmp_path), tmp_path / "out", lambda *_: None)
    told = json.loads(torch.load(path, weights_only=True)["manifest"])
    assert (told["horizon"], told["profile"]) == (20, "guide")


def test_too_few_labels_are_refused_and_an_older_dataset_goes(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The click on a guide's horizon: red, both counts; training then refuses with the same words, green and judged."""
    monkeypatch.setitem(SPECS, "lstm60", replace(SPECS["lstm60"], guide_horizon=100))
    world = with_features(World(tmp_path, instance, enough()))
    assert world.run("build_sequences", PARTITION).success
    guide = guided(world)
    result = guide.run("build_sequences", PARTITION)
    assert not result.success
    sentence = why(result)
    assert re.search(rf"NotEnoughEvidence: .*: BTC-USD\|lstm60 at a horizon of 100 bars: {COUNTS}", sentence)
    assert not datasets(guide).exists("BTC-USD", "lstm60")
    with pytest.raises(NotEnoughEvidence, match=COUNTS):
        datasets(guide).open("BTC-USD", "lstm60")
    training = guide.run("retrain_timing", "lstm60")
    assert training.success
    assert checks(training) == {"is_promotable": False}
    counts = re.search(COUNTS, sentence)
    assert counts is not None
    assert not guide.lake.exists("sequences", {"symbol": "BTC-USD", "window": "lstm60"})
    assert counts.group() in metadata(training, "timing")["refused"]
    assert world.run("build_sequences", PARTITION).success
    assert datasets(world).exists("BTC-USD", "lstm60")


def test_on_the_road_a_refused_dataset_is_left_out_with_its_sentence_and_nothing_failed(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    world = with_features(World(tmp_path, instance, toml()))
    silent = road.TerminalProgress()
    silent.console.quiet = True
    travelled = Road(world.settings, instance, silent)
    wanted = [
        one
        for one in launches.sequence_launches(world.settings, {MINUTE})
        if one.partition.endswith("seq300")
    ]
    assert travelled.stage("sequences", wanted) == []
    assert travelled.failures == []
    ((note, sentence),) = travelled.notes()
    assert note == "build_sequences BTC-USD|seq300"
    assert re.search(COUNTS, sentence)
    assert [
        one.partition for one in travelled.stage("timing", [launches.Launch("retrain_timing", "seq300")])
    ] == ["seq300"]
    assert travelled.failures == []
