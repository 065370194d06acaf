"""Alpaca's stock bars through the real transport against tests/venue. What is asked, kept, set aside and said.

No recorded Alpaca stock response exists here: shared/data/exchange_responses/alpaca holds three crypto answers. The
form of /v2/stocks/bars is that of Alpaca's published clients, {bars: {SYMBOL: [{t, o, h, l, c, v, n, vw}]},
next_page_token}, served by tests/venue/alpaca.py: these tests prove that the two of ours agree, not that Alpaca does.
"""

import gzip
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from pipelines.errors import VenueRefused
from pipelines.market.calendars import calendar_of
from pipelines.market.candle_answers import CONTRADICTED
from pipelines.market.candle_cuts import OUTSIDE
from pipelines.market.coverage import adds_up, coverage
from pipelines.market.schemas import CANDLES, EVIDENCE, FIRST_SEEN
from resources.sources import Delivery
from resources.venues.alpaca_stocks import fetch_stock_candles
from resources.venues.gate import Gate
from resources.venues.transport import Transport
from tests.resources.venues.scripted import FakeClock, Scripted, reply
from tests.venue import Venue, VenueData, synthetic_candles

XNYS = calendar_of("XNYS")
KEYS = {"apiKey": "key-of-the-test", "secret": "secret-of-the-test"}
NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
FIRST = datetime(2026, 3, 5, tzinfo=UTC)
FAR_DAYS = [
    (FIRST, datetime(2026, 3, 6, tzinfo=UTC)),
    (datetime(2026, 3, 16, tzinfo=UTC), datetime(2026, 3, 18, tzinfo=UTC)),
]
"""Days with more minutes between them than a page holds."""
SPAN = (FIRST, datetime(2026, 3, 11, tzinfo=UTC))
DAY = timedelta(days=1)
FIVE = synthetic_candles(FIRST, 6 * 288, "5m")
"""Around the clock over six days, as pre- and post-market bars would be, and Sunday's change of the clock in it."""


@pytest.fixture
def venue() -> Iterator[Venue]:
    minutes = synthetic_candles(FIRST, 20 * 1440, "1m")
    with Venue(VenueData(stocks={("AAPL", "5m"): FIVE, ("AAPL", "1m"): minutes}), NOW) as running:
        yield running


class Road:
    """The real client on a clock that sleeping moves."""

    def __init__(self, folder: Path, url: str, now: datetime = NOW) -> None:
        self.clock, self.url, self.now = FakeClock(now), url, now
        self.said: list[str] = []
        gate = Gate(folder, "alpaca")
        self.transport = Transport(
            "alpaca",
            gate,
            self.clock,
            self.said.append,
            requests_per_second=100.0,
            timeout=5.0,
            jitter=lambda: 0.5,
        )

    def fetch(
        self,
        *spans: tuple[datetime, datetime],
        timeframe: str = "5m",
        keys: dict[str, str] = KEYS,
        newest: datetime | None = None,
        **more: str,
    ) -> Delivery:
        """What the tested function gives for the spans, SPAN when there is none."""
        return fetch_stock_candles(
            more.pop("symbol", "AAPL-USD"),
            timeframe,
            spans or (SPAN,),
            self.transport,
            keys,
            self.url,
            XNYS,
            self.now,
            self.said.append,
            newest=newest,
            **more,
        )


@pytest.fixture
def road(tmp_path: Path, venue: Venue) -> Road:
    return Road(tmp_path, venue.url + "/alpaca-data")


def adds(delivery: Delivery, span: tuple[datetime, datetime] = SPAN, timeframe: str = "5m") -> dict[str, int]:
    """Bars of each kind in the ledger, after checking that they are all that the calendar expects."""
    expected = XNYS.opens(*span, timeframe)
    ledger = coverage(span, delivery.frame, delivery.evidence, timeframe, expected)
    assert adds_up(ledger, delivery.frame, len(expected)) == ()
    return dict(ledger.group_by("kind").agg(pl.col("bars").sum()).iter_rows())


def test_a_session_has_78_bars_through_the_change_of_the_clock_and_no_bar_is_outside(
    road: Road, venue: Venue
) -> None:
    delivery = road.fetch()
    assert dict(delivery.frame.schema) == FIRST_SEEN
    assert delivery.frame["open_time"].equals(XNYS.opens(*SPAN, "5m"))
    days = delivery.frame.group_by(pl.col("open_time").dt.date().alias("day")).agg(
        pl.len(), pl.col("open_time").min().dt.hour().alias("hour")
    )
    assert dict(days.sort("day").select("day", pl.struct("len", "hour")).iter_rows()) == {
        date(2026, 3, day): {"len": 78, "hour": hour} for day, hour in ((5, 14), (6, 14), (9, 13), (10, 13))
    }
    served = FIVE.filter(
        pl.col("open_time").is_between(delivery.frame["open_time"][0], delivery.frame["open_time"][-1])
    )
    assert delivery.sent == served.height
    assert set(delivery.quarantine["reason"]) == {OUTSIDE}
    assert delivery.quarantine["text"][0].startswith('{"c": "')
    truth = delivery.frame.select("open_time").join(served, on="open_time")
    assert delivery.frame.select(*CANDLES).equals(truth.select(*CANDLES).cast(pl.Schema(CANDLES)))
    assert delivery.frame.select("origin", "market", "seen_at").unique().rows() == [
        ("candle", "alpaca.AAPL-USD", NOW)
    ]
    assert delivery.evidence.is_empty()
    assert adds(delivery) == {"present": 4 * 78}
    (asked,) = venue.requests
    assert (asked.path, asked.query["symbols"], asked.query["timeframe"]) == (
        "/alpaca-data/v2/stocks/bars",
        "AAPL",
        "5Min",
    )
    assert (asked.query["feed"], asked.query["adjustment"], asked.query["end"]) == (
        "iex",
        "raw",
        "2026-03-10T19:59:59Z",
    )
    assert asked.headers["apca-api-key-id"] == KEYS["apiKey"]
    assert all(secret not in asked.path + str(asked.query) for secret in KEYS.values())


def test_half_days_end_at_their_close(tmp_path: Path) -> None:
    day = datetime(2025, 11, 28, tzinfo=UTC)
    with Venue(VenueData(stocks={("SPY", "5m"): synthetic_candles(day, 288, "5m")}), NOW) as venue:
        delivery = Road(tmp_path, venue.url + "/alpaca-data").fetch(
            (day - 2 * DAY, day + 3 * DAY), symbol="SPY-USD"
        )
    assert delivery.frame.height == 42
    assert delivery.frame["open_time"][-1] == datetime(2025, 11, 28, 17, 55, tzinfo=UTC)
    assert delivery.evidence.select("time", "end", "kind").rows() == [
        (datetime(2025, 11, d, 14, 30, tzinfo=UTC), datetime(2025, 11, d, 21, tzinfo=UTC), "unknown")
        for d in (26,)
    ]


def test_all_pages_are_followed_and_rows_sent_are_rows_served(road: Road, venue: Venue) -> None:
    """Twenty thousand minutes come in pages of ten thousand; the last has no token."""
    span = (FIRST, datetime(2026, 3, 19, 4, tzinfo=UTC))
    delivery = road.fetch(span, timeframe="1m")
    expected = XNYS.opens(*span, "1m")
    assert delivery.frame["open_time"].equals(expected)
    assert len(expected) == 10 * 390
    assert len(venue.requests) == 2
    assert "page_token" in venue.requests[1].query
    assert delivery.sent == (expected[-1] - expected[0]) // timedelta(minutes=1) + 1 > 10_000
    assert road.transport.progress == ""


def test_only_expected_and_closed_bars_are_asked_for(tmp_path: Path, venue: Venue) -> None:
    """A weekend is no question, and of a running session the open bar is left for later."""
    now = datetime(2026, 3, 10, 15, 2, 30, tzinfo=UTC)
    road = Road(tmp_path, venue.url + "/alpaca-data", now)
    saturday = datetime(2026, 3, 7, tzinfo=UTC)
    assert road.fetch((saturday, saturday + 2 * DAY)).frame.is_empty()
    assert venue.requests == []
    today = datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 12, tzinfo=UTC)
    venue.play("F11")
    delivery = road.fetch(today)
    assert delivery.frame["open_time"][-1] == datetime(2026, 3, 10, 14, 55, tzinfo=UTC)
    assert delivery.evidence.is_empty()
    assert road.fetch((now, now + DAY)).sent == 0
    assert len(venue.requests) == 1


def test_a_bar_that_is_left_out_stays_unknown(road: Road, venue: Venue) -> None:
    gone = [datetime(2026, 3, 5, 15, minute, tzinfo=UTC) for minute in (0, 5, 30)]
    venue.play("F13", every=10**9, minutes=gone)
    delivery = road.fetch()
    assert delivery.evidence.select("time", "end", "kind").rows() == [
        (gone[0], gone[0] + timedelta(minutes=10), "unknown"),
        (gone[2], gone[2] + timedelta(minutes=5), "unknown"),
    ]
    assert dict(delivery.evidence.schema) == EVIDENCE
    assert delivery.notes == ("alpaca's iex feed has no bar: no trade on it, or not all of it was sent",)
    assert adds(delivery) == {"present": 4 * 78 - 3, "unknown": 3}


@pytest.mark.parametrize(
    ("fault", "args", "kind", "sentence"),
    [
        ("F6", {"how": "html", "times": None}, "unknown", "no whole JSON"),
        ("F6", {"how": "object", "times": None}, "unknown", "expected bars and next_page_token, found {}"),
        ("F6", {"how": "renamed", "times": None}, "unknown", "alpaca"),
        ("F4", {}, "unknown", "alpaca in maintenance since"),
        ("F2", {"status": 500, "times": None}, "unknown", "alpaca answered HTTP 500"),
        ("F1", {"retry_after": 7200, "times": None}, "unknown", "longer than the 15 minutes we wait"),
    ],
)
def test_a_fault_becomes_evidence_with_its_sentence_and_is_no_quiet_market(
    road: Road, venue: Venue, fault: str, args: dict[str, object], kind: str, sentence: str
) -> None:
    venue.play(fault, **args)
    delivery = road.fetch()
    assert delivery.sent == 0
    assert adds(delivery) == {kind: 4 * 78}
    assert re.search(sentence, delivery.evidence["reason"][0])
    assert any(re.search(sentence, said) for said in road.said)
    assert all(secret not in " ".join([*road.said, *delivery.notes]) for secret in KEYS.values())


def test_no_rows_are_not_a_quiet_market(road: Road, venue: Venue) -> None:
    venue.play("F6", how="rows", times=None)
    delivery = road.fetch()
    assert adds(delivery) == {"unknown": 4 * 78}
    assert road.said == [
        "alpaca answered nothing for AAPL-USD 5m from 2026-03-05 14:30 to 2026-03-10 19:55 UTC; not treated as a quiet "
        "market."
    ]


def test_an_outage_keeps_what_came_before_it(road: Road, venue: Venue) -> None:
    days = FAR_DAYS
    venue.play("F4", after=1)
    delivery = road.fetch(*days, timeframe="1m", newest=days[0][0])
    assert adds(delivery, (days[0][0], days[1][1]), "1m") == {
        "present": 390,
        "venue-down": 2 * 390,
        "unknown": 6 * 390,  # of the days between nobody was asked
    }
    assert delivery.evidence.select("time", "end", "kind").rows() == [
        (open_, open_ + timedelta(hours=6.5), "venue-down")
        for open_ in (days[1][0] + timedelta(hours=13.5), days[1][0] + DAY + timedelta(hours=13.5))
    ]
    assert len(venue.requests) == 2


def test_an_outage_is_said_only_of_what_follows_the_newest_bar(road: Road, venue: Venue) -> None:
    """F4: of older bars nobody can know more than that they were not asked for; neighbours are two spans."""
    noon, five = datetime(2026, 3, 5, 16, tzinfo=UTC), timedelta(minutes=5)
    venue.play("F4")
    delivery = road.fetch((FIRST, noon), (noon, FIRST + DAY), newest=noon - five)
    assert delivery.evidence.select("time", "end", "kind").rows() == [
        (noon - timedelta(hours=1.5), noon, "unknown"),
        (noon, noon + timedelta(hours=5), "venue-down"),
    ]
    assert delivery.evidence["reason"][0].startswith("not asked for: alpaca in maintenance since")


def test_bars_that_no_feed_has_are_one_question(road: Road, venue: Venue) -> None:
    """Missing for ever, and asked for in every run: as many requests as pages, and nothing between is delivered."""
    opens = XNYS.opens(*SPAN, "5m")
    gone = list(opens.gather_every(10, 3))
    venue.play("F13", every=10**9, minutes=gone[1:])
    five = timedelta(minutes=5)
    delivery = road.fetch(*((open_, open_ + five) for open_ in gone))
    assert len(venue.requests) == 1
    assert delivery.frame["open_time"].to_list() == gone[:1]
    assert delivery.evidence.select("time", "end", "kind").rows() == [
        (open_, open_ + five, "unknown") for open_ in gone[1:]
    ]
    assert set(delivery.quarantine["reason"]) == {OUTSIDE}
    between = opens.is_between(gone[0], gone[-1]).sum() - len(gone)
    assert f"{between} bars between those asked for came along and were left out" in delivery.notes
    served = FIVE.filter(pl.col("open_time").is_between(gone[0], gone[-1])).height - len(gone[1:])
    assert delivery.sent + between == served


def test_one_rate_limit_is_one_sentence(road: Road, venue: Venue) -> None:
    """F1, F30: the rest would be refused alike, so nobody is asked and nobody is told again."""
    venue.play("F1", retry_after=7200, times=None)
    delivery = road.fetch(*FAR_DAYS, timeframe="1m")
    assert len(venue.requests) == 1
    assert len([said for said in road.said if "rate-limiting" in said]) == 1
    assert len(delivery.notes) == 1
    assert delivery.evidence["reason"].n_unique() == 1
    assert adds(delivery, FAR_DAYS[0], "1m") == {"unknown": 390}
    assert adds(delivery, FAR_DAYS[1], "1m") == {"unknown": 2 * 390}


def test_a_rate_limit_is_waited_for_and_nothing_is_lost(road: Road, venue: Venue) -> None:
    venue.play("F1", retry_after=30, times=2)
    delivery = road.fetch()
    assert adds(delivery) == {"present": 4 * 78}
    assert sum(road.clock.slept) >= 60
    assert "AAPL-USD 5m: 0 of 1 spans done" in road.said[0]


@pytest.mark.parametrize(
    ("fault", "args", "reason", "lost"),
    [
        ("F27", {"how": "negative"}, "close is not a positive finite number", True),
        ("F27", {"how": "null"}, "close is not a positive finite number", True),
        ("F28", {"how": "high-low"}, "low and high do not enclose", True),
        ("F29", {"every": 50}, "more than 15 significant digits", True),
        ("F9", {"different": True, "past": 0}, CONTRADICTED, True),
        ("F9", {"past": 0}, "open_time is outside the span asked for", False),
    ],
)
def test_broken_rows_are_quarantined_and_their_bars_are_unknown(
    road: Road, venue: Venue, fault: str, args: dict[str, object], reason: str, lost: bool
) -> None:
    venue.play(fault, **args)
    delivery = road.fetch()
    broken = delivery.quarantine.filter(pl.col("reason").str.contains(reason))
    assert broken.height > 0
    assert broken["line"].null_count() == 0
    assert broken["text"].str.len_chars().min() > 10
    kinds = adds(delivery)
    assert (kinds.get("unknown", 0) > 0) is lost
    assert kinds["present"] + kinds.get("unknown", 0) == 4 * 78
    assert set(delivery.evidence["reason"]) <= {"what alpaca gave for it was quarantined"}
    assert delivery.duplicates == (1 if args == {"past": 0} else 0)


def test_keys_and_names_that_are_missing_or_wrong_are_refused_before_any_request(
    road: Road, venue: Venue
) -> None:
    for keys in ({}, {"apiKey": "x"}, {"secret": "x"}, {"apiKey": "", "secret": "x"}):
        with pytest.raises(VenueRefused, match="ALPACA_API_KEY and ALPACA_API_SECRET in the environment"):
            road.fetch(keys=keys)
    with pytest.raises(
        VenueRefused, match="not asked for 1h bars of stocks: expected one of 1m, 5m, 15m, 30m"
    ):
        road.fetch(timeframe="1h")
    with pytest.raises(VenueRefused, match="has no feed 'otc'"):
        road.fetch(feed="otc")
    assert venue.requests == []


@pytest.mark.parametrize("status", [401, 403, 451])
def test_what_alpaca_refuses_is_raised_after_one_attempt(road: Road, venue: Venue, status: int) -> None:
    venue.play("F3", status=status)
    with pytest.raises(VenueRefused, match=f"HTTP {status}") as caught:
        road.fetch()
    assert len(venue.requests) == 1
    assert KEYS["secret"] not in str(caught.value)


BAR = b'{"t":"2026-03-05T14:30:00Z","o":1.5,"h":2,"l":1.25,"c":1.75,"v":10,"n":1,"vw":1.6}'


@pytest.mark.parametrize(
    ("pages", "kept", "sentence"),
    [
        ([b'{"bars":{"AAPL":[' + BAR + b']},"next_page_token":"a"}'], 1, "went back to a page"),
        ([b'{"bars":{"AAPL":[' + BAR + b"]}}"], 0, "expected bars and next_page_token"),
        ([b'{"bars":{"MSFT":[' + BAR + b']},"next_page_token":null}'], 0, "not its form"),
        ([b'{"bars":null,"next_page_token":null}'], 0, "iex feed has no bar"),
        (
            [b'{"bars":{"AAPL":[7,null,{"t":5},' + BAR + b']},"next_page_token":null}'],
            1,
            "iex feed has no bar",
        ),
        (
            [b'{"bars":{"AAPL":[' + BAR + b']},"next_page_token":"a"}', b"[1"],
            1,
            "fetched again|JSON|damaged|cut",
        ),
    ],
)
def test_answers_that_would_end_the_history_without_a_word(
    tmp_path: Path, pages: list[bytes], kept: int, sentence: str
) -> None:
    """What came whole is kept; the rest of the session is unknown, and why is said."""
    with Scripted([reply(body=page) for page in pages]) as server:
        delivery = Road(tmp_path, server.url).fetch((FIRST, FIRST + DAY))
    assert delivery.frame.height == kept
    if kept:
        assert delivery.frame.select("open", "high", "low", "close", "volume").rows() == [
            (1.5, 2.0, 1.25, 1.75, 10.0)
        ]
    kinds = adds(delivery, (FIRST, FIRST + DAY))
    assert sum(kinds.values()) == 78
    assert kinds.get("present", 0) == kept
    assert any(re.search(sentence, reason) for reason in delivery.evidence["reason"])
    if b"[7," in pages[0]:
        assert delivery.quarantine["line"].to_list() == [1, 2, 3]


@pytest.mark.real
def test_real_bars_come_back_as_they_were_served(tmp_path: Path, real_data: Path) -> None:
    """Yahoo's bars of 60 sessions, rounded to cents as Alpaca has them: value by value, hole by hole."""
    raw = gzip.decompress((real_data / "unlicensed/us_equities_yahoo/AAPL_5m.csv.gz").read_bytes())
    table = pl.read_csv(raw).select(
        pl.col("Datetime").str.to_datetime(time_unit="us", time_zone="UTC").alias("open_time"),
        *(pl.col(name.title()).round(2).alias(name) for name in ("open", "high", "low", "close")),
        pl.col("Volume").cast(pl.Float64).alias("volume"),
    )
    span = (datetime(2025, 12, 23, tzinfo=UTC), datetime(2026, 3, 20, tzinfo=UTC))
    with Venue(VenueData(stocks={("AAPL", "5m"): table}), NOW) as venue:
        delivery = Road(tmp_path, venue.url + "/alpaca-data").fetch(span)
    traded = table.filter((pl.col("volume") > 0) & (pl.col("open_time") < span[1]))
    assert delivery.frame.select(*CANDLES).equals(traded.select(*CANDLES).cast(pl.Schema(CANDLES)))
    assert all(Decimal(repr(x)).as_tuple().exponent >= -2 for x in delivery.frame["close"].head(500))
    kinds = adds(delivery, span)
    assert kinds == {"present": traded.height, "unknown": 58 * 78 + 42 - traded.height}
    assert (delivery.quarantine.height, delivery.duplicates) == (0, 0)
