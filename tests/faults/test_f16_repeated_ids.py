"""F16: trades that come twice, with the same values or with others. Counted once; a contradiction is set aside."""

from datetime import timedelta

import polars as pl
import pytest

from tests.assets.world import metadata
from tests.faults.conftest import NOW, START
from tests.faults.ticks import Roads, ingest, minutes, ticks, with_trades
from tests.resources.venues.tapes import tape
from tests.venue import Venue, VenueData

pytestmark = pytest.mark.slow
MARKET = "coinbase.BTC-USD"
TAPE = tape(3000, seconds=2 * 3600, start=START + timedelta(hours=9))
TENTH = TAPE.filter(pl.col("id") % 10 == 0)


def quarantined(table: pl.DataFrame) -> int:
    return table.filter(pl.col("reason").str.contains("repeats the id of trade .* with other values")).height


@pytest.mark.parametrize("name", ["coinbase", "kraken"])
def test_f16_the_volume_is_the_same_however_often_a_trade_comes(name: str, road: Roads) -> None:
    """Invariant: the sum of the volume does not change under replay; the user sees the quarantine's count."""
    market = f"{name}.BTC-USD"
    part = {"refused_for": "trades", "part": f"{market}.2026-03-01"}
    with Venue(VenueData(trades={(name, "BTC-USD"): TAPE}), now=NOW) as venue:
        running = road(venue, minutes(market), with_trades(venue))
        venue.play("F16", how="duplicate")
        doubled = metadata(ingest(running, market=market), "trades")
        assert ticks(running, market=market).equals(TAPE.select(ticks(running, market=market).columns))
        assert "trades came again with equal values and were dropped" in running.notes("trades")
        assert doubled["quarantined"] == 0
        venue.stop_faults()
        replayed = metadata(ingest(running, market=market), "trades")
        assert replayed["sha256"] == doubled["sha256"]
        venue.play("F16", how="mutate")
        mutated = [metadata(ingest(running, market=market), "trades") for _ in range(2)]
        assert [each["quarantined"] for each in mutated] == [TENTH.height] * 2
        assert mutated[0]["sha256"] == mutated[1]["sha256"]
        assert quarantined(running.lake.read("quarantine", part)) == TENTH.height
        stored = ticks(running, market=market)
        assert stored["id"].equals(TAPE["id"])
        sound = stored.join(TENTH, on="id", how="anti")
        assert sound["amount"].sum() == pytest.approx(TAPE.join(TENTH, on="id", how="anti")["amount"].sum())
        venue.stop_faults()
        assert metadata(ingest(running, market=market), "trades")["quarantined"] == 0
        assert not running.lake.exists("quarantine", part), (
            "a clean answer empties what an earlier one refused"
        )
