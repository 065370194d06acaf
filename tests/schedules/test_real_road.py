"""The real files through the real assets: eight minutes of ticks, candles a year later, and hours with an open end."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from assets.dataset_rows import cutoff
from pipelines.evaluation.null_reasons import null_reasons
from pipelines.features import feature_set
from pipelines.market.timeframes import length_of
from pipelines.models.timing_data import prepare
from pipelines.sequences.specs import SequenceSpec
from pipelines.settings import Settings
from resources.clock import Clock
from resources.environment import load_settings
from resources.lake import Lake
from resources.sources import Source
from resources.sources.opening import open_source
from schedules import research
from schedules.data_notes import data_notes, data_tables
from schedules.launches import tick_launches
from schedules.road import SILENT

pytestmark = pytest.mark.real
ROOT = Path(__file__).resolve().parents[2]
MINUTE = timedelta(minutes=1)
COMPLETE = [datetime(2024, 7, 18, 23, 58, tzinfo=UTC) + minute * MINUTE for minute in range(7)]
"""The recording runs from 23:57:01 to 00:05:01: these minutes are whole."""
SINGLE_BAR = [34, *range(36, 47), 48, 50, 53]
"""Numbers (FEATURES.md) of the columns that one whole minute of ticks, and the one before it, give."""
FROM_TICKS = [n for n in range(34, 54) if n != 51]
TICKED = ("BTC-USDT", "ETH-USDT")


def names(numbers: list[int]) -> list[str]:
    """Feature names by their numbers in v5."""
    return [feature_set("v5").names[number - 1] for number in numbers]


@dataclass(frozen=True)
class Ingested:
    """A world in which the tick days, BTC-USDT's minutes and HYPE's hours were ingested and made into features."""

    settings: Settings
    lake: Lake
    source: Source

    def features(self, symbol: str, timeframe: str = "1m") -> pl.DataFrame:
        return self.lake.read("features", {"symbol": symbol, "timeframe": timeframe})

    def bars(self, symbol: str, timeframe: str = "1m") -> pl.DataFrame:
        return self.lake.read("bars", {"symbol": symbol, "timeframe": timeframe})


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingested]:
    if not (ROOT.parent / "shared" / "data").is_dir():
        pytest.skip("no real market data beside the repository")
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.chdir(ROOT)
        root = tmp_path_factory.mktemp("world")
        settings = load_settings(
            {"TIDEMARK_SETTINGS": "settings.real.toml", "TIDEMARK_PATHS__ROOT": str(root)}
        )
        defs = research.build_defs(settings)

        def run(job: str, partition: str | None = None, tags: dict[str, str] | None = None) -> None:
            resolved = defs.resolve_job_def(job)
            resolved.execute_in_process(
                instance=instance, partition_key=partition, tags=tags, run_config=SILENT
            )

        source = open_source(settings, Clock())
        for launch in tick_launches(settings, source):
            run(launch.job, tags=launch.tags)
        for partition in ("BTC-USDT|1m", "HYPE-USDC|1h"):
            run("ingest_candles", partition)
        for symbol in ("BTC-USDT", "HYPE-USDC"):
            run("ingest_funding", symbol)
        for partition in ("BTC-USDT|1m", "ETH-USDT|1m", "HYPE-USDC|1h"):
            run("build_bars_and_features", partition)
        yield Ingested(settings, Lake(settings.paths.lake), source)


@pytest.mark.parametrize("symbol", TICKED)
def test_every_whole_minute_of_ticks_has_its_single_bar_columns(ingested: Ingested, symbol: str) -> None:
    found = ingested.features(symbol).filter(pl.col("open_time").is_in(COMPLETE))
    assert found["open_time"].to_list() == COMPLETE
    for name in names(SINGLE_BAR):
        assert found[name].is_finite().all(), name
    assert (
        found["tick_volatility_5m"].is_not_null().to_list() == [False] * 3 + [True] * 4
    )  # from the fifth on


@pytest.mark.parametrize("symbol", TICKED)
def test_the_other_tick_columns_are_null_and_the_reason_says_how_much_was_needed(
    ingested: Ingested, symbol: str
) -> None:
    features, bars = ingested.features(symbol), ingested.bars(symbol)
    of_ticks = features.filter(bars["origin"] == "ticks")
    said = {name: row["reason"] for row in null_reasons(features, bars, "1m") for name in row["columns"]}
    rest = {"spread_volatility": 11, "large_trade_ratio": 61, "vwap_distance": 60}
    assert set(rest) | {"tick_volatility_5m"} == set(names(FROM_TICKS)) - set(names(SINGLE_BAR))
    for name, minutes in rest.items():
        assert of_ticks[name].null_count() == of_ticks.height == 9
        assert f"needs {minutes} minutes of ticks in a row, the longest run has 9" in said[name]


def test_ticks_of_2024_and_candles_of_2025_are_two_segments(ingested: Ingested) -> None:
    """Nothing crosses the gap: after it every candle column warms up again, and only there is it null."""
    bars, features = ingested.bars("BTC-USDT"), ingested.features("BTC-USDT")
    steps = bars["open_time"].diff().drop_nulls()
    assert (steps != MINUTE).sum() == 1
    assert bars["origin"].value_counts().sort("origin").rows() == [("candle", 73139), ("ticks", 9)]
    second = features.slice(9)
    for name, lookback in (("macd", 276), ("sma_50", 50), ("rsi_14", 15), ("jump_indicator", 62)):
        known = second[name].is_not_null()
        assert not known[: lookback - 1].any(), name
        assert known[lookback - 1 :].all(), name
    assert features[:9]["macd"].null_count() == 9


def test_a_candle_that_may_be_open_is_set_aside_and_named(ingested: Ingested, real_data: Path) -> None:
    sent = pl.read_parquet(real_data / "ohlcv_1h" / "hyperliquid_HYPE_1h.parquet")
    bars = ingested.bars("HYPE-USDC", "1h")
    assert bars.height == sent.height - 1
    assert bars["open_time"][-1] == sent["open_time"][-2]
    aside = ingested.lake.read("quarantine", {"refused_for": "candles", "part": "HYPE-USDC.1h"})
    assert aside["line"].to_list() == [sent.height]
    assert "may still have been open" in aside["reason"][0]


def test_the_report_says_what_is_odd_about_the_data(ingested: Ingested) -> None:
    notes = data_notes(ingested.settings, ingested.source, ingested.lake)
    said = " ".join(f"{subject}: {note}" for subject, note in notes)
    for market in ("binance-futures.BTC-USDT", "binance-futures.ETH-USDT"):
        assert f"{market}: the recorder's clock runs -1.52 s against the exchange" in said
    assert "candles HYPE-USDC.1h: 1 rows set aside" in said
    assert "files of the same folders are claimed by no entry" in said
    assert "incremental_book_L2" in said
    tables = {(one["symbol"], one["timeframe"]): one for one in data_tables(ingested.settings, ingested.lake)}
    assert tables["BTC-USDT", "1m"]["origins"] == {"candle": 73139, "ticks": 9}
    assert tables["BTC-USDT", "1m"]["funding"].endswith("2025-03-06 to 2025-06-24")
    assert tables["ETH-USDT", "1m"]["funding"] == "none"  # not ingested in this world
    assert {one["features"] for one in tables.values()} == {"v4"}


def test_no_symbol_trains_on_its_own_hold_out(ingested: Ingested) -> None:
    """Two histories, one ending a month earlier: each is cut five days before its own end, and only then split."""
    bars, features = ingested.bars("HYPE-USDC", "1h"), ingested.features("HYPE-USDC", "1h")
    early = bars["open_time"][-1] - timedelta(days=30)
    tables = {
        "AAA-USDC": (
            features.filter(pl.col("open_time") <= early),
            bars.filter(pl.col("open_time") <= early),
        ),
        "HYPE-USDC": (features, bars),
    }
    until = {symbol: cutoff(table, "1h", ingested.settings) for symbol, (table, _) in tables.items()}
    days = timedelta(days=ingested.settings.training.holdout_days)
    assert until["HYPE-USDC"] - until["AAA-USDC"] == timedelta(days=30)
    window = SequenceSpec("short", 50, "1h", 6, 6, "for this test")
    data = prepare(tables, window, 6, feature_set("v4").names, until, None, (0.7, 0.2))
    days = timedelta(days=ingested.settings.training.holdout_days)
    for symbol, (table, _) in tables.items():
        end = table["open_time"][-1] + length_of("1h")
        last = data.indexes[symbol]["known_until"].max()
        assert last == end - days == until[symbol]  # all that may be known, and nothing after it
    heights = {symbol: rows.height for symbol, rows in data.parts("test").items()}
    assert 0 < heights["AAA-USDC"] < heights["HYPE-USDC"]
