"""From ticks to sequences on three days: one run for a range, checks per partition, and no write without a change."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from pipelines.features import feature_set
from pipelines.market.quality import BLOCKING
from tests.assets.world import DAYS, SILENT, World, checks, enough, materialised, metadata, toml, why

MINUTE, HOUR = "BTC-USD|1m", "BTC-USD|1h"
KEYS = {"symbol": "BTC-USD", "timeframe": "1m"}
FIRST, LAST = (f"{day}|synthetic.BTC-USD" for day in DAYS)


def test_a_range_of_days_is_one_run_with_one_commit_a_table(world: World) -> None:
    result = world.run("ingest_ticks", FIRST, LAST)
    assert result.success
    assert materialised(result) == {"trades", "order_book", "minute_bars"}
    partitions = {e.partition for e in result.get_asset_materialization_events()}
    assert partitions == {f"2026-01-0{day}|synthetic.BTC-USD" for day in (1, 2, 3)}
    assert world.versions() == {"minute_bars": 1, "order_book": 1, "trades": 1}
    assert len(world.lake.dates("minute_bars", "synthetic.BTC-USD")) == 3
    assert world.instance.get_runs_count() == 1


def test_a_day_by_itself_equals_the_same_day_of_a_range(world: World, tmp_path: Path) -> None:
    """The second day reads 61 minutes of the first, however it was launched."""
    other = World(tmp_path / "other", world.instance)
    assert world.run("ingest_ticks", FIRST, LAST).success
    for day in (1, 2, 3):
        assert other.run("ingest_ticks", f"2026-01-0{day}|synthetic.BTC-USD").success
    key = {"market": "synthetic.BTC-USD"}
    one, two = (each.lake.read("minute_bars", key) for each in (world, other))
    assert one.height > 2 * 1440
    assert one.equals(two)
    midnight = two.filter(pl.col("open_time").dt.date() == date(2026, 1, 2)).head(1)
    assert midnight["large_trades"].null_count() == 0  # null until 61 minutes are known


@pytest.fixture
def built(tmp_path: Path, instance: dg.DagsterInstance) -> World:
    world = World(tmp_path, instance, enough())
    world.ingest()
    for partition in (HOUR, MINUTE):
        assert world.run("build_bars_and_features", partition).success
    assert world.run("build_sequences", "BTC-USD|lstm60").success
    return world


def test_the_stages_from_bars_to_sequences(built: World) -> None:
    bars, features = built.lake.read("bars", KEYS), built.lake.read("features", KEYS)
    assert bars["open_time"].equals(features["open_time"])
    assert bars["open_time"].is_sorted()
    assert bars["open_time"][0] >= datetime(2026, 1, 1, tzinfo=UTC)
    assert bars["open_time"][-1] < datetime(2026, 1, 4, tzinfo=UTC)
    assert set(bars["origin"].unique()) <= {"ticks", "candle", "verified-empty"}
    assert "ticks" in bars["origin"]
    wanted = {*feature_set("v5").names, *feature_set("meta17_funding").names}
    assert wanted <= set(features.columns)
    windows = built.lake.read("sequences", {"symbol": "BTC-USD", "window": "lstm60"})
    ends = windows["open_time"]
    assert ends.is_sorted()
    assert ends[0] >= bars["open_time"][0] + timedelta(minutes=59)
    assert windows["known_until"].max() <= bars["open_time"][-1] + timedelta(minutes=1)


def test_every_materialisation_says_what_it_wrote(world: World) -> None:
    world.ingest()
    result = world.run("build_bars_and_features", MINUTE)
    assert {"is_consistent": True, "adds_up": True, "is_finite": True}.items() <= checks(result).items()
    assert all(checks(result)[name] for name in BLOCKING)
    for table in ("bars", "features"):
        said = metadata(result, table)
        assert said["dagster/partition_row_count"] == world.lake.row_count(table, KEYS) > 4000
        assert said["sha256"] == world.lake.fingerprint(table, KEYS).sha256
        assert said["table_version"] == world.lake.version(table)
        assert said["first"].startswith("2026-01-01")
        assert said["last"].startswith("2026-01-03")


def test_running_everything_again_writes_no_new_version(built: World) -> None:
    before = built.versions()
    assert {
        "trades",
        "order_book",
        "minute_bars",
        "candles",
        "funding",
        "bars",
        "features",
        "sequences",
    } <= set(before)
    built.ingest()
    for partition in (HOUR, MINUTE):
        assert built.run("build_bars_and_features", partition).success
    assert built.run("build_sequences", "BTC-USD|lstm60").success
    assert built.versions() == before


def test_too_short_a_history_for_a_window_is_refused_with_a_sentence(built: World) -> None:
    result = built.run("build_sequences", "BTC-USD|seq500h")
    assert not result.success
    assert "NotEnoughEvidence: not enough evidence: BTC-USD|seq500h has 72 bars and no window of 500" in why(
        result
    )
    assert not built.lake.exists("sequences", {"symbol": "BTC-USD", "window": "seq500h"})


def test_a_day_that_the_source_does_not_have_is_refused(world: World) -> None:
    """BTC's files hold no day at all: the sentence names the market and the days."""
    text = toml(source='[source]\nkind = "files"\n[[source.files]]\n' + candle_entry(world.root))
    files = World(world.root, world.instance, text)
    result = files.run("ingest_ticks", FIRST, LAST)
    assert not result.success
    said = (
        "MissingData: synthetic.BTC-USD: no trades on 3 of 3 asked days, 2026-01-01 to 2026-01-03: expected"
    )
    assert said in why(result)
    assert "the source has no day at all" in why(result)
    assert not (world.root / "world" / "lake").exists()


def test_inconsistent_bars_block_the_features_of_their_run_and_of_no_other(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    """BTC's candles have a high below the low, ETH's are sound; nothing else is known of either."""
    world = World(tmp_path, instance, toml(("BTC-USD", "ETH-USD")))
    for partition in (MINUTE, "ETH-USD|1m"):
        assert world.run("ingest_candles", partition).success
    broken = world.lake.read("candles", KEYS).with_columns(high=pl.col("low") * 0.9)
    world.lake.replace_months("candles", broken, KEYS)
    bad, good = (world.run("build_bars_and_features", p) for p in (MINUTE, "ETH-USD|1m"))
    assert not bad.success
    assert checks(bad) == {"is_consistent": False}
    assert materialised(bad) == set()
    assert not world.lake.exists("bars", KEYS)
    assert not world.lake.exists("features", KEYS)
    assert good.success
    assert {"is_consistent": True, "adds_up": True, "is_finite": True}.items() <= checks(good).items()
    assert all(checks(good)[name] for name in BLOCKING)


def spoil(world: World, table: str) -> None:
    """The last row of a stored minute table gets an infinite volume."""
    rows = world.lake.read(table, KEYS)
    last = pl.int_range(pl.len()) == pl.len() - 1
    volume = pl.when(last).then(float("inf")).otherwise("volume").alias("volume")
    world.lake.replace_months(table, rows.with_columns(volume), KEYS)


def test_bars_that_fail_their_check_leave_the_good_ones_and_are_recorded(world: World) -> None:
    """Whoever reads bars asks no check: what is stored must be sound. Repaired candles turn the check green again."""
    assert world.run("ingest_candles", MINUTE).success
    good = world.lake.read("candles", KEYS)
    assert world.run("build_bars_and_features", MINUTE).success
    before = {table: world.lake.fingerprint(table, KEYS) for table in ("bars", "features")}
    spoil(world, "candles")
    bad = world.run("build_bars_and_features", MINUTE)
    assert not bad.success
    assert materialised(bad) == set()
    assert (
        "BadData: bars BTC-USD|1m are not consistent: expected no fault, found not_finite 1 in 4320 rows"
        in why(bad)
    )
    assert {table: world.lake.fingerprint(table, KEYS) for table in before} == before
    assert verdict(world, "bars", "is_consistent") == ("FAILED", MINUTE)
    world.lake.replace_months("candles", good, KEYS)
    assert world.run("build_bars_and_features", MINUTE).success
    assert verdict(world, "bars", "is_consistent") == ("SUCCEEDED", MINUTE)


def test_features_that_are_not_finite_leave_the_good_ones_and_are_recorded(world: World) -> None:
    """An infinite volume among the stored bars, which their own check would have refused, spoils features too."""
    assert world.run("ingest_candles", MINUTE).success
    assert world.run("build_bars_and_features", MINUTE).success
    before = world.lake.fingerprint("features", KEYS)
    spoil(world, "bars")
    judged, spoilt = world.lake.read("data_quality", KEYS), world.lake.fingerprint("bars", KEYS).sha256
    world.lake.replace("data_quality", judged.with_columns(bars_sha256=pl.lit(spoilt)), KEYS)
    alone = dg.materialize(
        [a for a in world.research.assets or () if a.key == dg.AssetKey("features")],
        partition_key=MINUTE,
        resources=world.research.resources,
        instance=world.instance,
        run_config=SILENT,
        raise_on_error=False,
    )
    assert checks(alone) == {"is_finite": False}
    assert materialised(alone) == set()
    assert (
        "BadData: features BTC-USD|1m are not finite: expected rows without NaN and infinity, found "
        in why(alone)
    )
    assert world.lake.fingerprint("features", KEYS) == before
    assert verdict(world, "features", "is_finite") == ("FAILED", MINUTE)


def verdict(world: World, asset: str, check: str) -> tuple[str, str | None]:
    """Status and partition of the newest evaluation of a check that the instance keeps."""
    key = dg.AssetCheckKey(dg.AssetKey(asset), check)
    (newest,) = world.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    return newest.status.value, newest.partition


def candle_file(folder: Path, minutes: int = 3000) -> Path:
    """A CSV of one-minute candles from 2026-01-01 that go up and down by one."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    lines = ["open_time,open,high,low,close,volume"]
    for i in range(minutes):
        opened, closed = 100 + i % 2, 100 + (i + 1) % 2
        lines.append(f"{start + timedelta(minutes=i):%Y-%m-%d %H:%M},{opened},102,99,{closed},{1 + i % 7}")
    path = folder / "candles.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def candle_entry(folder: Path) -> str:
    return f'glob = "{candle_file(folder)}"\nkind = "ohlcv"\nsymbol = "BTC-USD"\ntimeframe = "1m"\n'


def test_files_with_candles_only_go_all_the_way_without_ticks_and_funding(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    """3,000 minutes: 50 whole hours. No flow feature has a source, so the set is v4; funding is absent, not zero."""
    rest = enough().replace('root = "world"', f'root = "{tmp_path}/files"')
    text = rest.replace(
        rest[rest.index("[source]") : rest.index("[costs]")],
        '[source]\nkind = "files"\n[[source.files]]\n' + candle_entry(tmp_path),
    )
    world = World(tmp_path, instance, text)
    assert world.run("ingest_candles", MINUTE).success
    refused = world.run("ingest_funding", "BTC-USD")
    assert "MissingData: BTC-USD: the source has no funding" in why(refused)
    built = {p: world.run("build_bars_and_features", p) for p in (MINUTE, HOUR)}
    assert all(result.success for result in built.values())
    assert world.lake.row_count("bars", KEYS) == 3000
    assert world.lake.row_count("bars", {**KEYS, "timeframe": "1h"}) == 50
    assert set(world.lake.read("bars", KEYS)["origin"]) == {"candle"}
    features = world.lake.read("features", KEYS)
    assert metadata(built[MINUTE], "features")["set"] == "v4"
    assert not set(feature_set("meta17_funding").names) & set(features.columns)
    assert world.run("build_sequences", "BTC-USD|lstm60").success
