"""Candles of a venue over several runs: what was decided on stays, whatever is handed in, changed or run at once."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from assets.refreshing import refresh
from pipelines.market.symbols import Market
from pipelines.sequences.labels import labels
from resources.clock import Clock
from resources.sources.opening import open_source
from tests.assets.world import metadata, why
from tests.faults import conftest
from tests.faults.conftest import MINUTE, START, Road
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
CANDLES = synthetic_candles(START, 1440)
KEYS = {"symbol": "BTC-USDC", "timeframe": "1m"}
HOLE = [START + k * MINUTE for k in range(300, 310)]
PRICES = ("open", "high", "low", "close")
Roads = Callable[..., Road]


def dearer(candles: pl.DataFrame, factor: float) -> pl.DataFrame:
    return candles.with_columns((pl.col(name) * factor).round(2) for name in PRICES)


@pytest.fixture
def road(tmp_path: Path, instance: dg.DagsterInstance) -> Roads:
    def opened(venue: Venue, universe: str) -> Road:
        return Road(venue, tmp_path, instance, universe, venue.source_settings())

    return opened


def universe_of(market: str, **more: str) -> str:
    return conftest.universe_of(market, timeframes='["1m", "1h"]', **more)


def both(second: str = "kraken", symbol: str = "BTC-USDC") -> str:
    return universe_of(f"hyperliquid.{symbol}", more=f'second = "{second}.{symbol}"\n')


def on_hyperliquid(factor: float = 1.004) -> VenueData:
    return VenueData(
        candles={
            ("hyperliquid", "BTC-USDC", "1m"): CANDLES,
            ("kraken", "BTC-USDC", "1m"): dearer(CANDLES, factor),
            ("coinbase", "BTC-USDC", "1m"): CANDLES,
        }
    )


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes, seconds=10)


def run(road: Road, symbol: str = "BTC-USDC") -> dict[str, Any]:
    """Ingest and build; the metadata of `candles`."""
    ran = road.ingest(symbol)
    assert ran.success, why(ran)
    built = road.build(symbol)
    assert built.success, why(built)
    return metadata(ran, "candles")


def in_hole(bars: pl.DataFrame) -> list[tuple[str, float]]:
    return bars.filter(pl.col("open_time").is_in(HOLE)).select("origin", "close").rows()


def test_what_a_second_market_filled_stays_when_the_venue_hands_its_own_in(road: Roads) -> None:
    with Venue(on_hyperliquid(), now=at(320)) as venue:
        venue.play("F13", venue="hyperliquid", minutes=HOLE)
        said = run(first := road(venue, both()))
        assert (
            "10 unknown bars were filled from kraken.BTC-USDC, the first at 2026-03-01 05:00 UTC"
            in said["notes"]
        )
        filled = in_hole(first.table("bars", "BTC-USDC"))
        assert [origin for origin, _ in filled] == ["second-venue"] * 10
        features = first.table("features", "BTC-USDC")
        venue.stop_faults()
        venue.now = at(340)
        run(again := road(venue, both()))
        assert in_hole(again.table("bars", "BTC-USDC")) == filled
        assert again.table("features", "BTC-USDC").head(features.height).equals(features)


def test_no_label_rests_on_a_price_of_another_market(road: Roads) -> None:
    hole = [START + k * MINUTE for k in range(600, 610)]
    with Venue(on_hyperliquid(), now=at(700)) as venue:
        venue.play("F13", venue="hyperliquid", minutes=hole)
        run(found := road(venue, both()))
        bars = found.table("bars", "BTC-USDC")

    def known(given: pl.DataFrame) -> set[datetime]:
        return set(labels(given, "1m", 5).filter(pl.col("label").is_not_null())["open_time"])

    here = known(bars.with_columns(origin=pl.lit("candle")))
    foreign = {time for time in here if time + MINUTE in hole or time + 6 * MINUTE in hole}
    assert len(foreign) == 15
    assert known(bars) == here - foreign


def test_a_candle_of_a_minute_that_was_verified_empty_is_a_revision(road: Roads) -> None:
    gone = START + 297 * MINUTE
    data = VenueData(candles={("coinbase", "BTC-USDC", "1m"): CANDLES}, derive_trades=False)
    with Venue(data, now=at(300)) as venue:
        venue.play("F13", minutes=[gone])
        run(first := road(venue, universe_of("coinbase.BTC-USDC")))
        flat = first.table("bars", "BTC-USDC").filter(pl.col("open_time") == gone)
        assert flat.select("origin", "volume").rows() == [("verified-empty", 0.0)]
        venue.stop_faults()
        venue.now = at(301)
        said = run(again := road(venue, universe_of("coinbase.BTC-USDC")))
        assert said["revised"] == 1
        after = again.table("bars", "BTC-USDC").filter(pl.col("open_time") == gone)
        assert after.equals(flat)
        venue.now = at(303)
        run(third := road(venue, universe_of("coinbase.BTC-USDC")))
        assert third.table("bars", "BTC-USDC").filter(pl.col("open_time") == gone).equals(flat)
    revised = third.table("candle_revisions", "BTC-USDC")
    assert revised["open_time"].to_list() == [gone]
    assert revised["volume"].to_list() == CANDLES.filter(pl.col("open_time") == gone)["volume"].to_list()


def test_another_primary_market_never_continues_a_history(road: Roads) -> None:
    with Venue(on_hyperliquid(1.03), now=at(600)) as venue:
        run(here := road(venue, universe_of("hyperliquid.BTC-USDC")))
        before = here.table("candles", "BTC-USDC")
        venue.now = at(900)
        there = road(venue, universe_of("kraken.BTC-USDC"))
        ran = there.ingest("BTC-USDC")
        assert not ran.success
        assert (
            "stored candles of BTC-USDC 1m are of hyperliquid.BTC-USDC and the settings now name kraken.BTC-USDC"
            in there.notes()
        )
        assert not there.build("BTC-USDC").success, (
            "bars of the old market are not made for the new one either"
        )
        assert there.table("candles", "BTC-USDC").equals(before)


def test_another_second_market_starts_anew_and_none_at_all_fills_nothing(road: Roads) -> None:
    with Venue(on_hyperliquid(), now=at(600)) as venue:
        venue.play("F13", venue="hyperliquid", minutes=HOLE)
        run(first := road(venue, both()))
        assert [origin for origin, _ in in_hole(first.table("bars", "BTC-USDC"))] == ["second-venue"] * 10
        run(none := road(venue, universe_of("hyperliquid.BTC-USDC")))
        assert in_hole(none.table("bars", "BTC-USDC")) == []
        said = run(other := road(venue, both("coinbase")))
        assert "the second market until now, were dropped" in said["notes"]
        assert set(other.table("second_candles", "BTC-USDC")["market"]) == {"coinbase.BTC-USDC"}
        assert in_hole(other.table("bars", "BTC-USDC")) == [
            ("second-venue", close) for close in CANDLES.filter(pl.col("open_time").is_in(HOLE))["close"]
        ]


class Interrupted:
    """A source during whose answer something else happens."""

    def __init__(self, source: Any, meanwhile: Callable[[], None]) -> None:
        self._source, self._meanwhile = source, meanwhile
        self.recheck_bars = source.recheck_bars

    def candles_in(self, *asked: Any, **more: Any) -> Any:
        found = self._source.candles_in(*asked, **more)
        self._meanwhile()
        return found

    def committed(self, *about: Any) -> None:
        self._source.committed(*about)


def test_two_runs_at_once_keep_what_both_got_and_the_first_value_of_it(road: Roads, tmp_path: Path) -> None:
    data = VenueData(candles={("coinbase", "BTC-USDC", "1m"): CANDLES})
    with Venue(data, now=at(600)) as venue:
        here = road(venue, universe_of("coinbase.BTC-USDC"))
        settings, market = here.world.settings, Market.parse("coinbase.BTC-USDC")

        def fresh() -> Any:
            return open_source(settings, Clock(), tmp_path)

        def faster() -> None:
            venue.now = at(660)
            refresh(fresh(), here.lake, settings, market, "1m", "candles")

        refresh(Interrupted(fresh(), faster), here.lake, settings, market, "1m", "candles")
        assert here.table("candles", "BTC-USDC").height == 660
        venue.play("F12", at=START + 630 * MINUTE, bars=3, field="close", factor=1.01)
        refresh(fresh(), here.lake, settings, market, "1m", "candles")
        kept = here.table("candles", "BTC-USDC")
    assert kept["close"].to_list() == CANDLES["close"].head(660).to_list()


def test_a_new_minute_writes_its_own_month_only(road: Roads, tmp_path: Path) -> None:
    long = synthetic_candles(START - timedelta(days=27), 28 * 1440)
    data = VenueData(candles={("coinbase", "BTC-USDC", "1m"): long}, derive_trades=False)
    universe = universe_of("coinbase.BTC-USDC", start="2026-02-02")
    with Venue(data, now=START + timedelta(hours=1, seconds=10)) as venue:
        run(here := road(venue, universe))
        whole = here.table("candles", "BTC-USDC")
        venue.now = START + timedelta(days=1, seconds=10)
        run(again := road(venue, universe))
        changed = again.lake.read("candles", KEYS)
        files = again.lake.partitions("candles")
    assert whole.height == 27 * 1440 + 60
    assert changed["close"].to_list() == long["close"].to_list()
    assert [part["month"] for part in files] == ["2026-02", "2026-03"]


def test_a_hole_that_stays_leaves_one_row_of_evidence_however_often_it_is_asked_about(road: Roads) -> None:
    with Venue(on_hyperliquid(), now=at(400)) as venue:
        venue.play("F13", venue="hyperliquid", minutes=HOLE)
        rows = []
        for _ in range(3):
            run(here := road(venue, universe_of("hyperliquid.BTC-USDC")))
            rows.append(here.table("candle_evidence", "BTC-USDC").height)
    assert rows[0] == rows[1] == rows[2] > 0
