"""F14: an hour without candles and trades, and another price after it. It splits the series; nothing reaches across."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from pipelines.features import best_set
from pipelines.sequences.index import index
from pipelines.sequences.labels import labels
from pipelines.sequences.specs import spec
from tests.faults.conftest import MINUTE, NOW, START
from tests.faults.ticks import Roads, finding, minutes
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
GAP = (START + timedelta(hours=12), START + timedelta(hours=13))
BARS = 300
"""Of a window of seq300."""


def jumped(factor: float = 1.4) -> pl.DataFrame:
    """A day whose prices are so many times as high from the gap's end on."""
    late = pl.col("open_time") >= GAP[1]
    prices = ("open", "high", "low", "close")
    return synthetic_candles(START, 1440).with_columns(
        pl.when(late).then((pl.col(name) * factor).round(2)).otherwise(name).alias(name) for name in prices
    )


def no_sample_crosses(samples: pl.DataFrame, bars: int) -> None:
    """Windows reach back `bars` bars and labels ahead to known_until; neither touches both sides of the gap."""
    begin = pl.col("open_time") - (bars - 1) * MINUTE
    crossing = samples.filter((begin < GAP[1]) & (pl.col("known_until") > GAP[0]))
    before = samples.filter(pl.col("known_until") <= GAP[0]).height
    after = samples.filter(begin >= GAP[1]).height
    assert crossing.is_empty()
    assert before > 20
    assert after > 20
    assert before + after == samples.height
    assert samples["y"].abs().max() < 0.1, "the jump of 40 % is in no label"  # type: ignore[operator]


@pytest.mark.parametrize(
    ("market", "says"),
    [
        ("coinbase.BTC-USD", "coinbase left out 240 trade ids there"),
        ("hyperliquid.BTC-USDC", "answered nothing for 2026-03-01 12:00 to 13:00 UTC, asked twice"),
    ],
)
def test_f14_no_sample_crosses_the_edge_of_a_segment(market: str, says: str, road: Roads) -> None:
    """Invariant: no sample crosses a segment edge; the ledger lists the segments with what lies between them."""
    name, _, symbol = market.partition(".")
    data = VenueData(candles={(name, symbol, "1m"): jumped()}, derive_trades=True)
    with Venue(data, now=NOW) as venue:
        venue.play("F14", start=GAP[0], end=GAP[1])
        running = road(venue, minutes(market))
        assert running.ingest(symbol).success, running.notes()
        assert says in running.notes()
        built = running.build(symbol)
        assert built.success, running.notes()
    segments = running.table("coverage", symbol).select("time", "end", "kind", "bars").rows()
    assert segments == [
        (START, GAP[0], "present", 720),
        (*GAP, "unknown", 60),
        (GAP[1], START + timedelta(days=1), "present", 660),
    ]
    assert finding(built, "gaps") == (True, "60 of 1,440 bars are unknown (4.17%).")
    features, window = running.table("features", symbol), spec("seq300")
    outcome = labels(running.table("bars", symbol), window.timeframe, window.horizon)
    samples = index(features, outcome, window, best_set(features).names)
    no_sample_crosses(samples, BARS)


def test_too_much_that_is_unknown_stops_the_features_and_names_the_gap(road: Roads) -> None:
    """Above the share of the settings nothing is made; the longest segments between are named."""
    start, end = GAP[0], GAP[0] + timedelta(hours=3)
    data = VenueData(candles={("hyperliquid", "BTC-USDC", "1m"): jumped()})
    with Venue(data, now=NOW) as venue:
        venue.play("F14", start=start, end=end)
        running = road(venue, minutes("hyperliquid.BTC-USDC"))
        assert running.ingest("BTC-USDC").success
        assert not running.build("BTC-USDC").success
        assert "2026-03-01 12:00 to 2026-03-01 15:00 (180 bars)" in running.notes()
        assert running.table("features", "BTC-USDC").is_empty()


def test_a_jump_that_nobody_confirms_is_refused_by_name(road: Roads) -> None:
    """The fake gain of 786 % of the table: nothing is made of it before a second market says that it is real."""
    with Venue(VenueData(candles={("hyperliquid", "BTC-USDC", "1m"): jumped(8.86)}), now=NOW) as venue:
        venue.play("F14", start=GAP[0], end=GAP[1])
        running = road(venue, minutes("hyperliquid.BTC-USDC"))
        assert running.ingest("BTC-USDC").success
        assert not running.build("BTC-USDC").success
        assert "at 2026-03-01 13:00" in running.notes()
        assert "add a second market" in running.notes()
        assert running.table("features", "BTC-USDC").is_empty()


def test_a_quiet_hour_is_no_gap(road: Roads) -> None:
    """The same hole with ids that go on across it: nobody traded, so the bars are empty and the series is one."""
    quiet = _without(synthetic_candles(START, 1440), *GAP)
    data = VenueData(candles={("coinbase", "BTC-USD", "1m"): quiet}, derive_trades=True)
    with Venue(data, now=NOW) as venue:
        running = road(venue, minutes("coinbase.BTC-USD"))
        assert running.ingest().success, running.notes()
        assert len(venue.of_kind("trades")) >= 2, "candles alone cannot tell"
        assert running.build().success, running.notes()
    assert running.totals() == {"present": 1380, "verified-empty": 60, "unknown": 0, "venue-down": 0}


def _without(candles: pl.DataFrame, start: datetime, end: datetime) -> pl.DataFrame:
    return candles.filter(~pl.col("open_time").is_between(start, end, closed="left"))


def test_an_outage_at_the_live_edge_is_no_quiet_market(road: Roads) -> None:
    """Candles and trades of the newest twenty minutes are late: nothing is filled in, and they come when they come."""
    noon, late = START + timedelta(hours=12), START + timedelta(hours=11, minutes=40)
    candles = synthetic_candles(START, 1440)
    data = VenueData(candles={("coinbase", "BTC-USD", "1m"): candles}, derive_trades=True)
    with Venue(data, now=noon + timedelta(seconds=5)) as venue:
        running = road(venue, minutes("coinbase.BTC-USD"))
        venue.play("F14", start=late, end=noon + MINUTE)
        assert running.ingest().success, running.notes()
        assert "no trade after it has been seen yet" in running.notes()
        assert running.build().success, running.notes()
        assert running.totals() == {"present": 700, "verified-empty": 0, "unknown": 740, "venue-down": 0}
        assert running.table("bars")["open_time"].max() == late - MINUTE
        venue.stop_faults()
        venue.advance(60.0)
        running = road(
            venue, minutes("coinbase.BTC-USD")
        )  # another process: it measures the venue's clock anew
        assert running.ingest().success, running.notes()
    stored = running.table("candles")
    assert stored["open_time"][-1] == noon
    assert stored["volume"].to_list() == candles["volume"].head(721).to_list()
    assert set(stored["origin"]) == {"candle"}
