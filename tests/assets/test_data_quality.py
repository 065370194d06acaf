"""bars with their ledger, and data_quality: what is found is told, and a blocking finding stops its own features."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from assets import features
from assets.bars import bars_of, ledger_of
from assets.data_quality import require_trainable
from assets.feature_months import Made
from assets.repairing import repair
from pipelines.errors import MissingData, NotEnoughEvidence
from pipelines.market.coverage import totals
from pipelines.market.quality import BLOCKING, TELLING
from pipelines.market.schemas import EVIDENCE, FIRST_SEEN
from pipelines.market.synthetic import SyntheticConfig
from pipelines.market.synthetic.faults import dropped
from tests.assets.world import REST, SILENT, SYNTHETIC, World, checks, materialised, metadata, toml, why

MINUTE, KEYS = "BTC-USD|1m", {"symbol": "BTC-USD", "timeframe": "1m"}
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 4, tzinfo=UTC)
BARS = 3 * 1440
DENSE = SYNTHETIC.replace(
    "trades_per_day = 1_500", "trades_per_day = 30_000"
)  # hardly a minute without a trade
ALL = {"is_consistent", "adds_up", *BLOCKING, *TELLING, "is_finite", "is_causal"}


def build(world: World, partition: str = MINUTE) -> dg.ExecuteInProcessResult:
    return world.run("build_bars_and_features", partition)


def without(world: World, start: datetime, minutes: int, symbol: str = "BTC-USD") -> None:
    """The stored candles of a symbol lose a span."""
    keys = {**KEYS, "symbol": symbol}
    inside = pl.col("open_time").is_between(start, start + timedelta(minutes=minutes), closed="left")
    world.lake.replace_months("candles", world.lake.read("candles", keys).filter(~inside), keys)


@pytest.fixture
def world(tmp_path: Path, instance: dg.DagsterInstance) -> World:
    primary = 'primary = "synthetic.BTC-USD"\n'
    return World(
        tmp_path, instance, toml(source=DENSE).replace(primary, f'{primary}second = "other.BTC-USD"\n')
    )


@pytest.fixture
def candles(world: World) -> World:
    assert world.run("ingest_candles", MINUTE).success
    return world


def page(world: World, name: str = "BTC-USD_1m") -> Path:
    return world.root / world.settings.paths.reports / "data_quality" / f"{name}.html"


def test_sound_ticks_and_candles_pass_every_check_and_say_so(world: World) -> None:
    world.ingest()
    result = build(world)
    assert result.success
    assert checks(result) == dict.fromkeys(ALL, True)
    assert materialised(result) == {"bars", "data_quality", "features"}
    said = metadata(result, "data_quality")
    assert sum(said["coverage"].values()) == BARS
    assert (
        said["coverage"] == metadata(result, "bars")["coverage"] == totals(world.lake.read("coverage", KEYS))
    )
    assert Path(said["report"]) == page(world).resolve()
    assert "Data quality of BTC-USD 1m" in page(world).read_text()
    assert said["known"] == "`███`"
    found = world.lake.read("data_quality", KEYS)
    assert found["name"].to_list() == [*BLOCKING, *TELLING]
    looked_at = dict(found.select("name", "value").iter_rows())
    assert None not in [
        looked_at[name] for name in ("ticks_match_candles", "trade_ids", "crossed_books", "clock")
    ]
    assert build(world, "BTC-USD|1h").success
    hours = world.lake.read("data_quality", {**KEYS, "timeframe": "1h"})
    assert hours.filter(pl.col("name") == "clock")["value"].to_list() == [None]  # ticks are judged once


def test_minutes_the_recorder_lost_are_unknown_in_the_ledger(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    lossy = DENSE + "drop_minutes = 0.04\n"
    world = World(tmp_path, instance, toml(source=lossy))
    world.ingest()
    build(world)
    config = world.settings.source.synthetic
    assert isinstance(config, SyntheticConfig)
    first = (START - datetime(1970, 1, 1, tzinfo=UTC)).days
    lost = sum(int(dropped(config, "BTC-USD", first + day).sum()) for day in range(3))
    assert lost > 0
    counted = totals(world.lake.read("coverage", KEYS))
    assert counted["unknown"] == lost
    assert sum(counted.values()) == BARS


def test_too_many_unknown_minutes_stop_their_own_features_and_training_and_no_others(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    world = World(tmp_path, instance, toml(("BTC-USD", "ETH-USD"), DENSE))
    for symbol in ("BTC-USD", "ETH-USD"):
        assert world.run("ingest_candles", f"{symbol}|1m").success
        without(world, START + timedelta(hours=6), 400 if symbol == "BTC-USD" else 40, symbol)
    bad, good = build(world), build(world, "ETH-USD|1m")
    assert not bad.success
    assert materialised(bad) == {"bars", "data_quality"}
    assert [name for name, passed in checks(bad).items() if not passed] == ["gaps"]
    sentence = (
        "not enough evidence: of BTC-USD 1m 400 of 4,320 bars are unknown (9.26%), expected at most 5.00%; longest: "
        "2026-01-01 06:00 to 2026-01-01 12:40 (400 bars)"
    )
    assert f"NotEnoughEvidence: {sentence}" in why(bad)
    assert sentence in page(world).read_text()  # the page is where somebody looks for the reason
    assert not world.lake.exists("features", KEYS)
    with pytest.raises(NotEnoughEvidence, match="400 of 4,320 bars are unknown"):
        require_trainable(world.lake, world.settings, "BTC-USD", "1m")
    assert good.success
    assert checks(good)["gaps"]
    assert require_trainable(world.lake, world.settings, "ETH-USD", "1m").unknown == 40


def test_a_waived_gap_is_told_and_stops_nothing(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    waiver = (
        '[[quality.waived]]\nsymbol = "BTC-USD"\nstart = 2026-01-01T06:00:00Z\nend = 2026-01-01T12:40:00Z\n'
        'reason = "the recorder was being moved"\n'
    )
    world = World(tmp_path, instance, toml(source=DENSE, rest=REST + waiver))
    assert world.run("ingest_candles", MINUTE).success
    without(world, START + timedelta(hours=6), 400)
    result = build(world)
    assert result.success
    assert "400 more are waived by name" in metadata(result, "data_quality")["findings"]
    assert require_trainable(world.lake, world.settings, "BTC-USD", "1m").waived == 400


def alone(world: World) -> dg.ExecuteInProcessResult:
    """`features` by itself, as a click on it or `make materialize` does."""
    job = world.research.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        asset_selection=[dg.AssetKey("features")],
        partition_key=MINUTE,
        instance=world.instance,
        run_config=SILENT,
        raise_on_error=False,
    )


def test_features_by_themselves_need_bars_that_were_judged_and_found_good(candles: World) -> None:
    """F27: what was refused is not made by clicking on the next asset."""
    sound = candles.lake.read("candles", KEYS)
    assert build(candles).success
    assert alone(candles).success
    absurd = sound.with_columns(
        high=pl.when(pl.col("open_time") == START + timedelta(hours=9))
        .then(pl.col("high") * 3)
        .otherwise("high")
    )
    candles.lake.replace_months("candles", absurd, KEYS)
    before = candles.lake.fingerprint("features", KEYS)
    assert not build(candles).success
    assert "BadData: data of BTC-USD|1m is not what it should be: outliers: 1 of 4,320 bars" in why(
        alone(candles)
    )
    bars = candles.lake.read("bars", KEYS)
    candles.lake.replace_months("bars", bars.with_columns(pl.col("volume") * 2), KEYS)
    assert "found those of other bars; materialize `data_quality` first." in why(alone(candles))
    assert candles.lake.fingerprint("features", KEYS) == before


def test_bars_that_come_while_features_are_made_were_not_judged(
    candles: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Judged when the run began; those that it read are newer, and nobody has looked at them."""
    assert build(candles).success
    before = candles.lake.fingerprint("features", KEYS)
    bars = candles.lake.read("bars", KEYS)
    honest = features.made_now

    def after_others_wrote(*given: Any) -> Made:
        candles.lake.replace_months("bars", bars.with_columns(pl.col("volume") * 2), KEYS)
        return honest(*given)

    monkeypatch.setattr(features, "made_now", after_others_wrote)
    assert "found those of other bars; materialize `data_quality` first." in why(alone(candles))
    assert candles.lake.fingerprint("features", KEYS) == before


def test_an_absurd_price_stops_the_features_until_it_is_repaired(candles: World) -> None:
    sound = candles.lake.read("candles", KEYS)
    here = pl.col("open_time") == START + timedelta(hours=9)
    absurd = sound.with_columns(high=pl.when(here).then(pl.col("high") * 3).otherwise("high"))
    candles.lake.replace_months("candles", absurd, KEYS)
    bad = build(candles)
    assert [name for name, passed in checks(bad).items() if not passed] == ["outliers"]
    assert "BadData: data of BTC-USD|1m is not what it should be: outliers: 1 of 4,320 bars" in why(bad)
    assert not candles.lake.exists("features", KEYS)
    candles.lake.replace_months("candles", sound, KEYS)
    assert build(candles).success


def test_evidence_and_a_second_market_become_rows_that_say_so(candles: World) -> None:
    """An hour is lost: 10 minutes verified empty, 10 in an outage, 20 unknown with a second market, 20 without one."""
    sound, hour = candles.lake.read("candles", KEYS), START + timedelta(hours=9)
    without(candles, hour, 60)
    spans = [(0, 10, "verified-empty"), (10, 20, "venue-down"), (20, 60, "unknown")]
    evidence = pl.DataFrame(
        [
            {
                "time": hour + timedelta(minutes=a),
                "end": hour + timedelta(minutes=b),
                "kind": kind,
                "reason": f"said {kind}",
                "seen_at": END,
            }
            for a, b, kind in spans
        ],
        schema=EVIDENCE,
    )
    candles.lake.replace("candle_evidence", evidence, KEYS)
    second = sound.filter(
        ~pl.col("open_time").is_between(hour + timedelta(minutes=40), hour + timedelta(minutes=59))
    )
    names = {"seen_at": pl.lit(END), "origin": pl.lit("candle"), "market": pl.lit("other.BTC-USD")}
    second = (
        second.select(list(sound.columns))
        .with_columns(**names)
        .select(list(FIRST_SEEN))
        .cast(pl.Schema(FIRST_SEEN))
    )
    candles.lake.replace_months("second_candles", second, KEYS)
    (note,) = repair(candles.lake, candles.settings, "BTC-USD", "1m")
    assert note == "20 unknown bars were filled from other.BTC-USD, the first at 2026-01-01 09:20 UTC"
    assert repair(candles.lake, candles.settings, "BTC-USD", "1m") == ()
    result = build(candles)
    assert result.success
    outside = ~pl.col("open_time").is_between(hour, hour + timedelta(minutes=59))
    silent = sound.filter(outside & (pl.col("volume") == 0)).height
    assert metadata(result, "bars")["coverage"] == {
        "present": BARS - 40 - silent, "verified-empty": 10 + silent, "unknown": 20, "venue-down": 10,
    }  # fmt: skip
    bars = candles.lake.read("bars", KEYS)
    lost = bars.filter(pl.col("open_time").is_between(hour, hour + timedelta(minutes=59)))
    origins = ["verified-empty"] * 10 + ["second-venue"] * 20
    assert lost["origin"].to_list() == origins
    before = bars.filter(pl.col("open_time") < hour)["close"][-1]
    assert set(lost["close"][:10]) == {before}
    ledger = candles.lake.read("coverage", KEYS)
    holes = ledger.filter(pl.col("kind").is_in(["unknown", "venue-down"]))
    assert holes.select("bars", "reason").rows() == [
        (10, "said venue-down"),
        (20, "said unknown; other.BTC-USD has no bar here either"),
    ]


def test_bars_that_have_not_closed_yet_are_not_expected(candles: World) -> None:
    """At 00:10:02 of the last day, with candles up to midnight: nine bars could be had and are not."""
    without(candles, START + timedelta(days=2), 1440)
    told = bars_of(candles.lake, candles.settings, "BTC-USD", "1m")
    now = START + timedelta(days=2, minutes=10, seconds=2)
    ledger, wrong = ledger_of(told, candles.settings, KEYS, now)
    assert wrong == ()
    counts = totals(ledger)
    assert (counts["unknown"], counts["venue-down"], sum(counts.values())) == (9, 0, 2889)


def test_rows_outside_the_universe_are_no_bars_of_it(candles: World) -> None:
    before = candles.lake.read("candles", KEYS)
    early = before.head(30).with_columns(pl.col("open_time") - timedelta(hours=12))
    candles.lake.replace_months("candles", pl.concat([early, before]), KEYS)
    assert build(candles).success
    assert candles.lake.row_count("bars", KEYS) == BARS


def test_training_on_bars_without_a_ledger_is_refused(candles: World) -> None:
    with pytest.raises(MissingData, match="bars of BTC-USD 1m have no coverage ledger"):
        require_trainable(candles.lake, candles.settings, "BTC-USD", "1m")


def test_a_red_finding_is_kept_for_its_partition(candles: World) -> None:
    without(candles, START + timedelta(hours=6), 400)
    build(candles)
    key = dg.AssetCheckKey(dg.AssetKey("data_quality"), "gaps")
    (newest,) = candles.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    assert (newest.status.value, newest.partition) == ("FAILED", MINUTE)
