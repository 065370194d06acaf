"""F29: prices with many digits: what float64 holds comes back digit for digit, what it does not is never rounded."""

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import polars as pl
import pytest

from tests.faults.conftest import MINUTE, START, Road, universe_of
from tests.venue import Venue, VenueData

pytestmark = pytest.mark.slow
FIELDS = ("open", "high", "low", "close", "volume")
BARS, EVERY = 1440, 50


def exact_candles() -> pl.DataFrame:
    """Candles as text, with every number of digits up to fifteen, before and behind the point."""
    rows = []
    for k in range(BARS):
        behind = k % 10
        tail = str(10**9 + 123456789 * (k + 1) % 10**9)[1:][:behind]
        low, high = ("64100" + (f".{tail}" if behind else ""), "64180" + (f".{tail}" if behind else ""))
        volume = f"0.{k + 1:08d}" if k % 2 else f"{k + 1}.{10**13 + 7 * k}"[:16]
        rows.append((START + k * MINUTE, low, high, low, high, volume))
    return pl.DataFrame(rows, schema=["open_time", *FIELDS], orient="row")


@pytest.mark.parametrize("name", ["coinbase", "alpaca"])
def test_f29_a_decimal_is_exact_or_in_the_quarantine(
    road: Callable[..., Road], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Invariant: ledger exact; round-trip string equality. Coinbase sends text, Alpaca JSON numbers."""
    monkeypatch.setenv("ALPACA_API_KEY", "k" * 16)
    monkeypatch.setenv("ALPACA_API_SECRET", "s" * 16)
    served = exact_candles()
    long = served.filter(pl.col("open_time").dt.epoch("s") // 60 % EVERY == 0)
    with Venue(
        VenueData(candles={(name, "BTC-USD", "1m"): served}),
        now=START + BARS * MINUTE + timedelta(seconds=30),
    ) as venue:
        venue.play("F29", venue=name, digits=22, every=EVERY)
        here = road(venue, universe_of(f"{name}.BTC-USD", timeframes='["1m", "1h"]'))
        assert here.ingest().success, here.notes()
        assert here.build().success, here.notes("bars")
    kept = served.join(long, on="open_time", how="anti")
    for table in ("candles", "bars"):
        rows = here.table(table)
        assert rows.height == kept.height
        for field in FIELDS:
            for text, value in zip(kept[field], rows[field], strict=True):
                assert Decimal(repr(value)) == Decimal(text), (table, field, text, value)
    refused = here.lake.read("quarantine", {"refused_for": "candles", "part": "BTC-USD.1m"})
    assert set(refused["reason"]) == {"open has more than 15 significant digits"}
    sent = [json.loads(text, parse_float=str) for text in refused["text"]]
    opens = {str(row["o"] if name == "alpaca" else row["open"]) for row in sent}
    assert all(len(text.replace(".", "")) == 22 for text in opens), opens
    assert {Decimal(text).quantize(Decimal("1e-9")) for text in opens} == {
        Decimal(text).quantize(Decimal("1e-9")) for text in long["open"]
    }
    assert here.totals()["unknown"] == long.height
    assert "quarantined" in here.notes("bars") or "what " in str(here.table("coverage")["reason"].to_list())
