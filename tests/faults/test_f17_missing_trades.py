"""F17: trades that never came, from an exchange and in a daily dump. Their ids show it, and so do the candles."""

from datetime import timedelta

import polars as pl
import pytest

from pipelines.market.quality.agreement import differences
from tests.faults.conftest import NOW, START, Road
from tests.faults.ticks import (
    DAY,
    MARKET,
    SYMBOL,
    Roads,
    book_rows,
    files,
    finding,
    from_archive,
    ingest,
    l2_file,
    minutes,
    trades_file,
    with_trades,
)
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
CANDLES = synthetic_candles(START, 1440)
TOLERANCE = 0.001


def flagged(road: Road, sentence: str) -> int:
    """Tick-built bars further than the tolerance from the exchange's candle; the sentence must count them all."""
    apart = differences(road.table("bars"), road.table("candles"))
    wrong = apart.filter((pl.col("volume").abs() > TOLERANCE) | (pl.col("close").abs() > TOLERANCE)).height
    assert sentence.startswith(
        f"{wrong:,} of {apart.height:,} tick-built bars differ from the exchange's candle"
    )
    return wrong


def test_f17_a_bar_agrees_with_the_exchanges_candle_or_is_flagged(road: Roads) -> None:
    """Invariant: bar volume within 0.1 % of the exchange's candle, or flagged; coverage of ids by day is said."""
    data = VenueData(candles={("coinbase", "BTC-USD", "1m"): CANDLES}, derive_trades=True)
    with Venue(data, now=NOW) as venue:
        running = road(venue, minutes("coinbase.BTC-USD"), with_trades(venue))
        assert running.ingest().success
        ingest(running)
        assert "100 % of the trade ids came, 0 are missing" in running.notes("trades")
        whole = running.build()
        assert flagged(running, finding(whole, "ticks_match_candles")[1]) == 0
        assert finding(whole, "trade_ids")[0]
        assert finding(whole, "ticks_match_candles")[0]
        venue.play("F17", every=10)
        ingest(running)
        assert "90.02 % of the trade ids came, 575 are missing" in running.notes("trades")
        thinned = running.build()
        assert thinned.success, running.notes()
    agree, sentence = finding(thinned, "ticks_match_candles")
    assert not agree
    assert flagged(running, sentence) > 500
    passed, sentence = finding(thinned, "trade_ids")
    assert not passed
    assert (
        f"trade ids cover 90.016% of the worst of 1 days ({DAY}: 575 of 5,759 ids are not there)" in sentence
    )


@pytest.mark.parametrize(("factor", "flagged_bars"), [(1.0009, 0), (1.0011, 1)])
def test_a_tenth_of_a_percent_is_the_limit(road: Roads, factor: float, flagged_bars: int) -> None:
    """One candle whose volume is a little larger than what its trades add up to."""
    heavy = CANDLES.with_columns(volume=pl.lit(1000.0))  # so that the factor survives the venue's decimals
    data = VenueData(candles={("coinbase", "BTC-USD", "1m"): heavy}, derive_trades=True)
    with Venue(data, now=NOW) as venue:
        venue.play("F12", at=START + timedelta(hours=9), bars=1, field="volume", factor=factor)
        running = road(venue, minutes("coinbase.BTC-USD"), with_trades(venue))
        assert running.ingest().success
        ingest(running)
        sentence = finding(running.build(), "ticks_match_candles")[1]
    assert flagged(running, sentence) == flagged_bars


def test_a_daily_dump_with_missing_ids_is_measured_by_day(road: Roads) -> None:
    """The same inside a file of the archive: every tenth line is gone, the others are used, and the day is flagged."""
    data = VenueData(tardis_files=files(trades=trades_file(), incremental_book_L2=l2_file(book_rows())))
    with Venue(data, now=NOW + timedelta(days=3)) as venue:
        venue.play("F17", every=10, kind="dataset")
        running = road(venue, minutes(MARKET), from_archive(venue))
        ingest(running, "ingest_ticks", MARKET)
        built = running.build(SYMBOL)
        assert built.success, running.notes()
    passed, sentence = finding(built, "trade_ids")
    assert not passed
    assert f"({DAY}: 119 of 1,199 ids are not there)" in sentence
