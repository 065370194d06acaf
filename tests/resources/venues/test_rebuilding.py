"""Trades against holes: what is said of a bar never has to be taken back, and nothing is asked that cannot help."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import BadAnswer, NoAnswer, RateLimited, VenueDown, VenueRefused
from pipelines.market.schemas import TRADES
from pipelines.market.symbols import Market
from pipelines.market.trade_candles import candles_of
from resources.venues.asking import Asker, Heard
from resources.venues.ledger import Ledger
from resources.venues.rebuilding import Rebuilder
from resources.venues.trades import fetch_trades, require_complete
from tests.resources.venues.fetching import MINUTE, START, Fetching, bars_of, day_of
from tests.venue import Venue, VenueData

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CANDLE = ["open_time", "open", "high", "low", "close", "volume"]
Span = tuple[datetime, datetime]


@dataclass
class Stub:
    """What a Rebuilder needs of an Asker."""

    server_now: datetime
    length: timedelta = HOUR
    market: Market = field(default_factory=lambda: Market("coinbase", "BTC-USD"))
    heard: Heard = field(default_factory=Heard)

    def now(self) -> datetime:
        return self.server_now


@dataclass
class Tape:
    """Trades with consecutive ids of which a venue shows some; asked as the counter asks it."""

    truth: pl.DataFrame
    shown: pl.DataFrame
    asked: list[Span] = field(default_factory=list)

    def __call__(self, start: datetime, end: datetime) -> pl.DataFrame:
        self.asked.append((start, end))
        found = self.shown.filter(pl.col("time").is_between(start - HOUR, end, closed="left"))
        ids = found["id"].to_numpy()
        if not len(ids) or (np.diff(ids) != 1).any():
            raise BadAnswer("trades are lost there, or there is none")
        return found


def tape(times: list[datetime], hidden: Callable[[datetime], bool] = lambda _: False) -> Tape:
    ids = range(1, len(times) + 1)
    truth = pl.DataFrame(
        {
            "time": times, "local_time": None, "id": ids, "side": 1,
            "price": [100.0 + k % 7 for k in ids], "amount": [1.0 + k % 3 for k in ids],
        },
        schema=TRADES,
    )  # fmt: skip
    return Tape(truth, truth.filter([not hidden(time) for time in times]))


def rebuilt(
    shown: Tape, hole: Span, now: datetime, length: timedelta = HOUR
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bars, and evidence of the others, of a hole in the middle of what was asked for."""
    ledger = Ledger([(hole[0] - length, hole[1])], length)
    asker = cast(Asker, Stub(now, length))
    present = {int(ledger.opens[0])}
    made = Rebuilder(asker, ledger, present, shown)
    made.fill([hole], lambda what, share: None)
    bars = pl.concat(made.bars) if made.bars else pl.DataFrame(schema=dict.fromkeys(CANDLE, TRADES["time"]))
    return bars, ledger.evidence(np.array(sorted(present), dtype=np.int64), now)


gaps = st.lists(st.integers(1, 600), min_size=20, max_size=60)


@given(
    gaps, st.lists(st.tuples(st.integers(0, 4000), st.integers(1, 2500)), max_size=2), st.integers(60, 6000)
)
def test_what_is_said_of_a_bar_is_never_taken_back(
    gaps: list[int], outages: list[tuple[int, int]], published: int
) -> None:
    """F14: whatever a venue hides or has not published yet, a rebuilt bar is whole and an empty bar is empty."""
    times = [NOON + timedelta(seconds=60 * int(minute) + 7) for minute in np.cumsum(gaps)]
    until = NOON + published * MINUTE
    dark = [(NOON + first * MINUTE, NOON + (first + long) * MINUTE) for first, long in outages]
    shown = tape(times, lambda at: at >= until or any(start <= at < end for start, end in dark))
    hole = NOON + HOUR, NOON + HOUR * (published // 60 + 1)
    bars, evidence = rebuilt(shown, hole, until)
    truth = candles_of(shown.truth, hole, HOUR)
    assert bars.select(CANDLE).equals(truth.join(bars, on="open_time", how="semi").select(CANDLE))
    assert bars["open_time"].is_unique().all()
    for start, end, kind in evidence.select("time", "end", "kind").iter_rows():
        inside = truth.filter(pl.col("open_time").is_between(start, end, closed="left"))
        assert kind == "unknown" or inside.is_empty()
    said = evidence.select((pl.col("end") - pl.col("time")).sum() / HOUR).item() or 0
    assert bars.height + said == (hole[1] - hole[0]) / HOUR


@given(gaps)
def test_a_quiet_market_is_known_up_to_its_newest_trade(gaps: list[int]) -> None:
    """Nothing is hidden: quiet hours, midnights among them, are empty; only what no trade closes stays open."""
    times = [NOON + timedelta(seconds=60 * int(minute) + 7) for minute in [0, *np.cumsum(gaps)]]
    last = times[-1]
    end = datetime(last.year, last.month, last.day, last.hour, tzinfo=UTC) + 3 * HOUR
    bars, evidence = rebuilt(tape(times), (NOON + HOUR, end), end)
    open_ = evidence.filter(pl.col("kind") == "unknown")
    assert open_.select("time", "end").rows() == [(max(end - 3 * HOUR, NOON + HOUR), end)]
    assert "no trade after it has been seen yet" in open_["reason"][0]
    assert (
        bars.height + sum((b - a) // HOUR for a, b in evidence.select("time", "end").rows())
        == (end - NOON - HOUR) // HOUR
    )


def test_a_trade_far_behind_a_hole_closes_it() -> None:
    """The bar after it is there, but its trade is later than the two minutes that are asked for first."""
    shown = tape([NOON - MINUTE, NOON + 50 * MINUTE])
    five = timedelta(minutes=5)
    bars, evidence = rebuilt(shown, (NOON, NOON + 45 * MINUTE), NOON + DAY, five)
    assert bars.is_empty()
    assert set(evidence["kind"]) == {"verified-empty"}
    assert len(shown.asked) == 2
    _, live = rebuilt(shown, (NOON, NOON + 45 * MINUTE), NOON + 46 * MINUTE, five)
    assert set(live["kind"]) == {"unknown"}


def test_an_outage_over_midnight_does_not_spoil_the_day_after_it() -> None:
    """F14: the ids say that trades are lost in between; bars on both sides are whole."""
    times = [NOON + k * 30 * MINUTE for k in range(-2, 60)]
    dark = NOON + 10 * HOUR, NOON + 14 * HOUR
    shown = tape(times, lambda at: dark[0] <= at < dark[1])
    bars, evidence = rebuilt(shown, (NOON, NOON + 20 * HOUR), NOON + 2 * DAY)
    unknown = evidence.filter(pl.col("kind") == "unknown").select("time", "end").rows()
    assert min(start for start, _ in unknown) == NOON + 9 * HOUR
    assert max(end for _, end in unknown) == dark[1]
    assert bars.height == 9 + 6


def test_an_outage_that_ends_just_after_midnight_leaves_its_last_minutes_unknown() -> None:
    """The first trade after it lies in the margin of the day before; that one proves nothing about what precedes it."""
    midnight = NOON + 12 * HOUR
    times = [midnight - 2 * HOUR + timedelta(seconds=10 * k) for k in range(1300)]
    shown = tape(times, lambda at: midnight - 90 * MINUTE <= at < midnight + timedelta(seconds=80))
    bars, evidence = rebuilt(shown, (midnight - 20 * MINUTE, midnight + HOUR), midnight + DAY, MINUTE)
    unknown = evidence.select("time", "end", "kind").rows()
    assert [(start, end) for start, end, _ in unknown][-1][1] == midnight + 2 * MINUTE
    assert {kind for _, _, kind in unknown} == {"unknown"}
    assert bars["open_time"].to_list() == [midnight + k * MINUTE for k in range(2, 60)]


@pytest.mark.parametrize("error", [NoAnswer, VenueRefused, RateLimited])
def test_an_answer_that_others_will_repeat_ends_the_asking(error: type[Exception]) -> None:
    """F1, F2, F3: one question, and every hole is unknown with its sentence; nothing that came is lost."""
    asked: list[Span] = []

    def trades(start: datetime, end: datetime) -> pl.DataFrame:
        asked.append((start, end))
        raise error("no, and never")

    holes = [(NOON + k * HOUR, NOON + k * HOUR + 5 * MINUTE) for k in range(36)]
    ledger, present = Ledger(holes, MINUTE), set[int]()
    stub = Stub(NOON + 3 * DAY, MINUTE)
    stub.heard.spoiled.add(holes[3][0])
    Rebuilder(cast(Asker, stub), ledger, present, trades).fill(holes, lambda what, share: None)
    evidence = ledger.evidence(np.empty(0, np.int64), NOON)
    assert len(asked) == 1
    assert evidence.select("time", "end").rows() == holes
    assert set(evidence["kind"]) == {"unknown"}
    assert evidence["reason"].str.ends_with("no, and never").all()
    assert evidence["reason"].str.contains("was quarantined").to_list() == [k == 3 for k in range(36)]
    assert evidence["seen_at"].to_list() == [stub.server_now] * 36


def test_an_outage_of_the_venue_is_for_the_fetch_to_tell() -> None:
    def trades(start: datetime, end: datetime) -> pl.DataFrame:
        raise VenueDown("in maintenance")

    hole = (NOON, NOON + HOUR)
    made = Rebuilder(cast(Asker, Stub(NOON + DAY)), Ledger([hole], HOUR), set(), trades)
    with pytest.raises(VenueDown, match="in maintenance"):
        made.fill([hole], lambda what, share: None)


def _whole(fetching: Fetching, exchange: Any, transport: Any) -> Callable[[datetime, datetime], pl.DataFrame]:
    def trades(start: datetime, end: datetime) -> pl.DataFrame:
        fetching.clock.slept += 3600
        found = fetch_trades(fetching.market, (start - HOUR, end), exchange, transport)
        return require_complete(found, "trades")

    return trades


@pytest.mark.parametrize("venue", ["coinbase", "kraken"])
def test_a_tape_that_ends_too_early_makes_no_bar(venue: str, tmp_path: Path) -> None:
    """The newest candles are not published yet, and the trades of them only up to the middle of the first."""
    candles = day_of(200)
    data = VenueData(candles={("any", "BTC-USD", "1m"): candles}, derive_trades=True)
    end, late = START + 200 * MINUTE, START + 190 * MINUTE
    with Venue(data, now=end + timedelta(seconds=10)) as server:
        server.play("F14", kind="candles", start=late, end=end + MINUTE)
        server.play("F14", kind="trades", start=late + timedelta(seconds=30), end=end + MINUTE)
        fetching = Fetching(server, venue, tmp_path)
        exchange, transport = fetching.open()
        trades = _whole(fetching, exchange, transport)
        lacking = fetching.fetch([(START, end)], trades=trades)
        server.stop_faults()
        whole = fetching.fetch([(late, end)], trades=trades)
        transport.close()
    assert lacking.frame["open_time"].to_list() == candles["open_time"].head(190).to_list()
    assert set(lacking.frame["origin"]) == {"candle"}
    assert lacking.evidence.select("time", "end", "kind").rows() == [(late, end, "unknown")]
    assert "no trade after it has been seen yet" in lacking.evidence["reason"][0]
    assert bars_of(lacking) == 200
    assert whole.frame["close"].to_list() == candles["close"].tail(10).to_list()


def test_what_trades_say_was_received_with_the_trades(tmp_path: Path) -> None:
    """An hour passes between the candles and the trades: a rebuilt bar was not known before them."""
    candles = day_of(200)
    quiet, lost = START + 100 * MINUTE, START + 50 * MINUTE
    data = VenueData(
        candles={("any", "BTC-USD", "1m"): candles.filter(pl.col("open_time") != quiet)}, derive_trades=True
    )
    with Venue(data, now=START + 200 * MINUTE + timedelta(seconds=10)) as server:
        server.play("F13", every=10**9, minutes=(lost,))
        fetching = Fetching(server, "kraken", tmp_path)
        exchange, transport = fetching.open()
        found = fetching.fetch([(START, START + 200 * MINUTE)], trades=_whole(fetching, exchange, transport))
        transport.close()
    made = found.frame.filter(pl.col("origin") == "ticks")
    assert made["open_time"].to_list() == [lost]
    received = found.frame.filter(pl.col("origin") == "candle")["seen_at"].max()
    assert isinstance(received, datetime)
    assert made["seen_at"][0] >= received + HOUR
    assert found.evidence.select("time", "kind").rows() == [(quiet, "verified-empty")]
    assert found.evidence["seen_at"][0] >= received + HOUR
