"""F27: a venue serves prices that cannot be: zero, negative, NaN, null, no number, too large, ten times the others."""

from collections.abc import Callable

import polars as pl
import pytest

from pipelines.market.schemas import CANDLES
from tests.faults.conftest import START, Road, universe_of
from tests.faults.ticks import ingest, ticks, with_trades
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
UNIVERSE = universe_of("coinbase.BTC-USD", timeframes='["1m", "1h"]')
SERVED = synthetic_candles(START, 1440)
EVERY = 50
BROKEN = SERVED.filter(pl.col("open_time").dt.epoch("s") // 60 % EVERY == 0)
CASES = {
    "negative": ("close", "close is not a positive finite number up to 1e15"),
    "zero": ("low", "low is not a positive finite number up to 1e15"),
    "nan": ("open", "open is not a positive finite number up to 1e15"),
    "null": ("close", "close is not a positive finite number up to 1e15"),
    "text": ("high", "high is not a positive finite number up to 1e15"),
    "huge": ("close", "close is not a positive finite number up to 1e15"),
    "absurd": ("high", "a price is more than 50% from the median close of its neighbours"),
}


def valid(bars: pl.DataFrame) -> bool:
    """Finite, above zero, low <= open, close <= high, and no close that is half or twice its neighbours'."""
    prices = ("open", "high", "low", "close")
    sound = bars.select(
        pl.all_horizontal(
            *(pl.col(name).is_finite() & (pl.col(name) > 0) for name in prices),
            pl.col("low") <= pl.min_horizontal("open", "close"),
            pl.col("high") >= pl.max_horizontal("open", "close"),
            pl.col("volume") >= 0,
            *((pl.col(name) / pl.col("close").median() - 1).abs() < 0.5 for name in prices),
        ).alias("sound")
    )["sound"]
    return bool(sound.all()) and not sound.has_nulls()


@pytest.mark.parametrize("how", CASES)
def test_f27_an_impossible_price_is_quarantined_with_its_reason(road: Callable[..., Road], how: str) -> None:
    """Invariant: 0 invalid rows downstream; nothing dropped silently."""
    field, reason = CASES[how]
    with Venue(
        VenueData(candles={("coinbase", "BTC-USD", "1m"): SERVED}), now=START.replace(day=2, second=30)
    ) as venue:
        here = road(venue, UNIVERSE)
        venue.play("F27", venue="coinbase", kind="candles", how=how, field=field, every=EVERY)
        assert here.ingest().success, here.notes()
        notes = here.notes()
        assert here.build().success, here.notes("bars")
        refused = quarantine(here)
        again = here.ingest()
        assert again.success
        assert set(quarantine(here).select("reason", "text").rows()) == set(
            refused.select("reason", "text").rows()
        )
    assert set(refused["reason"]) == {reason}
    assert refused.height >= BROKEN.height
    numbers = notes.rsplit("rows answered", 1)
    sent = int(numbers[0].split()[-1].replace(",", ""))
    parts = [int(part.split()[0].replace(",", "")) for part in numbers[1].lstrip(" =").split(" + ")]
    assert sent == sum(parts), notes
    assert parts[1] == refused.height

    good = SERVED.join(BROKEN, on="open_time", how="anti").select(*CANDLES).cast(dict(CANDLES))
    assert here.table("candles").select(*CANDLES).equals(good), "the other rows are untouched"
    bars = here.table("bars")
    assert valid(bars)
    assert bars.height == good.height
    assert here.totals() == {
        "present": good.height,
        "verified-empty": 0,
        "unknown": BROKEN.height,
        "venue-down": 0,
    }
    reasons = here.table("coverage").filter(pl.col("kind") == "unknown")["reason"]
    assert reasons.str.contains("quarantined").all(), reasons.to_list()


def test_trades_of_the_venue_heal_what_its_candles_spoil(road: Callable[..., Road]) -> None:
    """Where only the candles are broken, the bars come from the trades, and the broken rows are kept all the same."""
    data = VenueData(candles={("coinbase", "BTC-USD", "1m"): SERVED.head(240)}, derive_trades=True)
    with Venue(data, now=START.replace(hour=4, second=30)) as venue:
        here = road(venue, UNIVERSE)
        venue.play("F27", venue="coinbase", kind="candles", how="negative", every=EVERY)
        assert here.ingest().success, here.notes()
    stored = here.table("candles")
    assert stored.height == 240
    spoiled = stored.filter(pl.col("origin") == "ticks")
    assert 1 <= spoiled.height <= 5
    assert set(quarantine(here)["reason"]) == {CASES["negative"][1]}
    assert valid(stored)


@pytest.mark.parametrize("how", ["negative", "zero", "nan", "null", "text", "huge", "absurd"])
def test_an_impossible_trade_is_quarantined_and_makes_no_bar(road: Callable[..., Road], how: str) -> None:
    """The same among trades: rows sent = stored + quarantined, and no tick bar has a price that nobody paid."""
    data = VenueData(candles={("coinbase", "BTC-USD", "1m"): SERVED}, derive_trades=True)
    with Venue(data, now=START.replace(day=2, second=30)) as venue:
        here = road(venue, UNIVERSE, with_trades(venue))
        ingest(here)
        sound = ticks(here)
        venue.play("F27", kind="trades", how=how, field="price", every=EVERY)
        ingest(here)
        kept = ticks(here)
        assert here.build().success, here.notes("bars")
    refused = here.lake.read("quarantine", {"refused_for": "trades", "part": "coinbase.BTC-USD.2026-03-01"})
    assert kept.height + refused.height == sound.height
    assert refused.height >= sound.height // EVERY - 1
    assert kept.equals(sound.join(kept, on="id", how="semi", maintain_order="left"))
    assert valid(here.table("bars"))


def quarantine(here: Road) -> pl.DataFrame:
    return here.lake.read("quarantine", {"refused_for": "candles", "part": "BTC-USD.1m"})
