"""Index and windows: a brute-force oracle decides which windows are whole; views share the matrix's memory."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import BadData, MissingData, UnknownName
from pipelines.features import feature_set
from pipelines.sequences import scaling
from pipelines.sequences.grid import micros, run_position, step_of
from pipelines.sequences.index import COLUMNS, horizon_of, index, window_ends
from pipelines.sequences.labels import labels
from pipelines.sequences.manifest import check_export, describe, index_hash, require_same
from pipelines.sequences.matrix import matrix, open_npy, verify_npy, write_npy
from pipelines.sequences.specs import SPECS, SequenceSpec, spec
from pipelines.sequences.uniqueness import uniqueness
from pipelines.sequences.windows import Windows

TINY = SequenceSpec("tiny", 7, "1m", 5, 5, "test")


def with_columns(bars: pl.DataFrame, holes: list[int]) -> pl.DataFrame:
    at = pl.int_range(pl.len())
    return bars.select(
        "open_time",
        a=pl.when(at.is_in(holes)).then(None).otherwise(at.cast(pl.Float64)),
        b=-at.cast(pl.Float64),
    )


@settings(max_examples=60, deadline=None)
@given(
    missing=st.sets(st.integers(0, 59), max_size=4),
    holes=st.lists(st.integers(0, 50), max_size=4),
    bars=st.integers(1, 12),
)
def test_windows_are_whole_brute_force(make_bars, missing, holes, bars) -> None:
    frame = with_columns(make_bars(60, missing=tuple(missing)), holes)
    times, column = frame["open_time"].to_list(), frame["a"].to_list()
    expected = [
        end
        for end in range(bars - 1, frame.height)
        if (times[end] - times[end - bars + 1]).total_seconds() == 60 * (bars - 1)
        and all(value is not None for value in column[end - bars + 1 : end + 1])
    ]
    assert window_ends(frame, "1m", bars, ["a", "b"]).tolist() == expected


def test_positions_count_from_the_start_of_a_run(make_bars) -> None:
    times = micros(make_bars(8, missing=(3,))["open_time"])
    assert run_position(times, step_of("1m")).tolist() == [0, 1, 2, 0, 1, 2, 3]
    usable = np.array([1, 1, 0, 1, 1, 0, 1], dtype=bool)
    assert run_position(times, step_of("1m"), usable).tolist() == [0, 1, -1, 0, 1, -1, 0]


def test_index_rows_and_labels(make_bars) -> None:
    bars = make_bars(500, missing=(400,))
    outcome = labels(bars, "1m", 5)
    found = index(with_columns(bars, [350]), outcome, TINY, ["a", "b"])
    assert found.columns == list(COLUMNS)
    assert horizon_of(outcome, "1m") == 5
    rows = found["row"].to_list()
    assert rows[0] == 288
    assert not set(range(350, 357)) & set(rows)  # the hole and the six windows over it
    assert not set(range(394, 499)) & set(rows)  # no label before the gap, no σ after it
    assert found["open_time"].to_list() == [bars["open_time"][r] for r in rows]
    assert found["y"].to_list() == [outcome["y"][r] for r in rows]
    assert found["uniqueness"].is_between(0, 1).all()


def test_another_symbol_stacked_below_is_refused(make_bars) -> None:
    bars = make_bars(30)
    with pytest.raises(BadData, match="one symbol"):
        window_ends(with_columns(pl.concat([bars, bars]), []), "1m", 5, ["a"])
    with pytest.raises(BadData, match="no such column"):
        window_ends(with_columns(bars, []), "1m", 5, ["absent"])


@settings(max_examples=60, deadline=None)
@given(at=st.sets(st.integers(0, 60), min_size=1, max_size=30), h=st.integers(1, 15))
def test_uniqueness_is_the_mean_of_one_over_concurrency(at, h) -> None:
    decisions = sorted(at)
    lives = [set(range(t + 1, t + 1 + h)) for t in decisions]
    expected = [np.mean([1 / sum(u in other for other in lives) for u in life]) for life in lives]
    times = np.array(decisions) * step_of("5m") + 10**15
    np.testing.assert_allclose(uniqueness(times, step_of("5m"), h), expected, rtol=1e-9)


def test_views_share_memory_and_batches_equal_them() -> None:
    values = np.arange(400, dtype=np.float32).reshape(100, 4)
    windows = Windows(values, np.array([9, 50, 99]), 10)
    assert np.shares_memory(windows.every, values)
    assert np.shares_memory(windows.view(1), values)
    assert not windows.view(1).flags.writeable
    np.testing.assert_array_equal(windows.view(2), values[90:100])
    buffer = windows.buffer(8)
    batch = windows.batch(np.array([2, 0]), buffer)
    assert np.shares_memory(batch, buffer)
    np.testing.assert_array_equal(batch, windows.every[[90, 0]])
    values[95, 1] = -1
    assert windows.view(2)[5, 1] == -1
    with pytest.raises(BadData, match="window ends"):
        Windows(values, np.array([8]), 10)


def test_a_matrix_is_stored_once_whole_and_by_content(tmp_path) -> None:
    values = matrix(pl.DataFrame({"a": [1.0, None], "b": [2.0, 3.0]}), ["b", "a"])
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, np.array([[2, 1], [3, np.nan]], dtype=np.float32))
    path = write_npy(tmp_path, values)
    written = path.stat().st_mtime_ns
    assert write_npy(tmp_path, values) == path
    assert path.stat().st_mtime_ns == written
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # no temporary file left
    assert isinstance(open_npy(path), np.memmap)
    np.testing.assert_array_equal(verify_npy(path), values)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BadData, match=r"whole \.npy"):
        open_npy(path)
    path.write_bytes(b"")
    with pytest.raises(BadData, match=r"whole \.npy"):
        open_npy(path)


def test_a_flipped_byte_in_a_matrix_is_found(tmp_path) -> None:
    path = write_npy(tmp_path, np.ones((3, 2), dtype=np.float32))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(BadData, match=path.stem):
        verify_npy(path)


def test_scaler_is_robust_leaves_flags_and_disables_constants() -> None:
    rng = np.random.default_rng(0)
    flag, constant = rng.integers(0, 2, 4000), np.full(4000, 3.0)
    sample = np.stack([rng.normal(5, 2, 4000), flag, constant], axis=1)
    sample[0, 0] = 1e9
    scaler = scaling.fit(sample, ["x", "flag", "constant"], ["flag"])
    assert scaler.centre[0] == pytest.approx(5, abs=0.15)
    assert scaler.scale[0] == pytest.approx(2, abs=0.15)
    assert scaler.disabled == ("constant",)
    scaled = scaler.apply(sample.astype(np.float32))
    assert scaled.dtype == np.float32
    assert scaled[0, 0] == scaling.LIMIT
    np.testing.assert_array_equal(scaled[:, 1], flag)
    assert (scaled[:, 2] == 0).all()


def test_manifest_counts_its_bytes(make_bars) -> None:
    bars = make_bars(400)
    found = index(with_columns(bars, []), labels(bars, "1m", 5), TINY, ["a", "b"])
    found = found.with_columns(
        fold=pl.when(pl.col("row") < 350).then(pl.lit("train")).otherwise(pl.lit("test"))
    )
    features = replace(feature_set("v4"), names=("a", "b"))
    manifest = describe({"A-USD": found}, {"A-USD": 400}, TINY, 5, features, {"A-USD": "00"})
    assert manifest.shape == (found.height, 7, 2)
    assert manifest.matrix_bytes == 400 * 2 * 4
    assert sum(manifest.class_shares.values()) == pytest.approx(1)
    early = found.filter(pl.col("row") < 350).height
    assert manifest.folds == {"train": early, "test": found.height - early}
    assert manifest.profile == "default"
    check_export(manifest, manifest.expanded_bytes)
    with pytest.raises(BadData, match=str(manifest.expanded_bytes)):
        check_export(manifest, manifest.expanded_bytes - 1)
    with pytest.raises(MissingData, match="at least one window"):
        describe({}, {}, TINY, 5, features, {})


def test_the_hash_of_an_index_is_the_same_in_every_process_and_sees_every_bit(make_bars) -> None:
    rows = pl.DataFrame(
        {
            "open_time": make_bars(3)["open_time"],
            "row": [4, 5, 6],
            "label": pl.Series([0, 1, 2], dtype=pl.Int8),
        }
    ).with_columns(y=pl.col("row") / 7, uniqueness=pl.lit(0.25), fold=pl.lit("train"))
    assert index_hash(rows) == "238bb6c3b1f7fe848a3e319d8b1840f7e4fec75784deb6646e646937c54471eb"
    assert index_hash(rows.with_columns(sigma=pl.lit(1.0)).select(sorted(rows.columns))) == index_hash(rows)
    others = [
        rows.reverse(),
        rows.head(2),
        rows.drop("y"),
        rows.with_columns(y=-pl.col("y")),
        rows.with_columns(y=pl.lit(None, dtype=pl.Float64)),
        rows.with_columns(y=pl.lit(0.0)),
        rows.with_columns(y=pl.lit(-0.0)),
        rows.with_columns(fold=pl.lit("test")),
        rows.with_columns(fold=pl.lit(None, dtype=pl.String)),
        rows.with_columns(label=pl.lit(None, dtype=pl.Int8)),
        rows.with_columns(label=pl.lit(0, dtype=pl.Int8)),
        rows.with_columns(y=pl.col("uniqueness"), uniqueness=pl.col("y")),
    ]
    assert len({index_hash(one) for one in [rows, *others]}) == 1 + len(others)


def test_the_index_is_a_fact_where_it_is_asked_for(make_bars) -> None:
    bars = make_bars(400)
    rows = index(with_columns(bars, []), labels(bars, "1m", 5), TINY, ["a", "b"])
    features = replace(feature_set("v4"), names=("a", "b"))

    def told(y: float):
        changed = rows.with_columns(y=pl.lit(y), fold=pl.lit("train"))
        return describe({"A-USD": changed}, {"A-USD": 400}, TINY, 5, features, {"A-USD": "00"})

    require_same(told(1), told(2), "tiny dataset of A-USD")
    require_same(told(1), told(1), "tiny dataset of A-USD", index=True)
    with pytest.raises(
        BadData, match=r"tiny dataset of A-USD must have index_sha256 .*; materialize `sequences` again"
    ):
        require_same(told(1), told(2), "tiny dataset of A-USD", index=True)


def test_specs_are_the_table() -> None:
    assert {name: (s.bars, s.timeframe, s.horizon, s.guide_horizon) for name, s in SPECS.items()} == {
        "seq300": (300, "1m", 60, 60),
        "seq500": (500, "1m", 120, 1440),
        "seq800": (800, "1m", 240, 4320),
        "seq500h": (500, "1h", 24, 120),
        "lstm60": (60, "1m", 15, 15),
        "transformer100": (100, "1m", 15, 15),
    }
    with pytest.raises(UnknownName, match="seq300"):
        spec("seq301")
