"""Renamed and delisted symbols: no return is computed across a rename unless it was joined with its ratio."""

from datetime import UTC, date, datetime, time, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import BadSettings, MissingData
from pipelines.market.aliases import (
    check_renames,
    expected,
    expected_end,
    joined,
    own,
    own_span,
    require_listed,
    sentence,
    universe_on,
    unknown_between,
)
from pipelines.market.calendars import calendar_of
from pipelines.market.coverage import coverage
from pipelines.market.rows import QUARANTINE
from pipelines.market.schemas import CANDLES, EVIDENCE
from pipelines.market.venue_settings import Rename

ENDED = date(2025, 5, 21)
END = datetime.combine(ENDED, time(), UTC)
MINUTE = timedelta(minutes=1)
EOS = Rename("EOS-USD", ENDED, "A-USD")
QUESTION = "EOS-USD ended 2025-05-21; continue as A-USD? (ratio 1:1)"


def candles(first: datetime, closes: list[float]) -> pl.DataFrame:
    rows = [(first + MINUTE * i, c, c, c, c, 2.0) for i, c in enumerate(closes)]
    return pl.DataFrame(rows, schema=CANDLES, orient="row")


def test_the_sentence_of_a_rename_asks_and_says_how() -> None:
    assert sentence(EOS) == f"{QUESTION}: set joined = true in source.venues.renames of EOS-USD to join them"
    split = Rename("MKR-USD", ENDED, "SKY-USD", ratio=24000.0, joined=True)
    assert (
        sentence(split) == "MKR-USD ended 2025-05-21; continue as SKY-USD? (ratio 1:24000): they are joined"
    )


def test_a_span_beyond_a_names_own_time_is_said_and_one_outside_of_it_is_refused() -> None:
    before, after = (END - timedelta(days=9), END), (END, END + timedelta(days=9))
    over = before[0], after[1]
    assert require_listed("EOS-USD", before, [EOS]) == ()
    assert require_listed("A-USD", after, [EOS]) == ()
    assert require_listed("BTC-USD", over, [EOS]) == ()
    for symbol in ("EOS-USD", "A-USD"):
        (said,) = require_listed(symbol, over, [EOS])
        assert said.startswith(QUESTION)
    for symbol, span in (("EOS-USD", after), ("A-USD", before)):
        with pytest.raises(
            MissingData, match=rf"{symbol} has no bar of its own .* EOS-USD ended 2025-05-21; continue"
        ):
            require_listed(symbol, span, [EOS])
    told = Rename("EOS-USD", ENDED, "A-USD", joined=True)
    assert require_listed("A-USD", before, [told]) == ()
    assert unknown_between("A-USD", over, [told], END).is_empty()


@settings(max_examples=80, deadline=None)
@given(
    first=st.integers(-30, 30),
    closes=st.lists(st.floats(0.01, 1e6), min_size=1, max_size=40),
    ratio=st.sampled_from([1.0, 7.0, 0.1, 24000.0]),
)
def test_a_return_never_crosses_a_rename_that_is_not_joined(
    first: int, closes: list[float], ratio: float
) -> None:
    """A venue may serve the whole history under either name: each name keeps its own part, and nothing is lost."""
    rename = Rename("EOS-USD", ENDED, "A-USD", ratio)
    history = candles(END + MINUTE * first, closes)
    for symbol in ("EOS-USD", "A-USD"):
        mine, other = own(history, symbol, [rename])
        assert mine.height + other.height == history.height
        sides = (mine["open_time"] < END).unique().to_list()
        assert sides in ([], [symbol == "EOS-USD"])
        assert dict(other.schema) == QUARANTINE
        assert other["reason"].str.contains("continue as A-USD").all()
    with pytest.raises(BadSettings, match="set joined = true"):
        joined(*(own(history, symbol, [rename])[0] for symbol in ("EOS-USD", "A-USD")), rename)


@settings(max_examples=80, deadline=None)
@given(
    before=st.integers(1, 30),
    after=st.integers(1, 30),
    moves=st.lists(st.floats(-0.1, 0.1), min_size=60, max_size=60),
    ratio=st.sampled_from([1.0, 7.0, 0.1, 24000.0]),
)
def test_a_joined_history_has_the_returns_of_one_market(
    before: int, after: int, moves: list[float], ratio: float
) -> None:
    """One market through a change of units: joined, its returns and its turnover are those without the change."""
    closes = [100.0]
    for move in moves:
        closes.append(closes[-1] * (1 + move))
    first = END - MINUTE * before
    truth = candles(first, closes[: before + after])
    is_old = pl.col("open_time") < END
    prices = pl.col("open", "high", "low", "close")
    old = truth.filter(is_old).with_columns(prices * ratio, pl.col("volume") / ratio)
    rename = Rename("EOS-USD", ENDED, "A-USD", ratio, joined=True)
    whole = joined(old, truth.filter(~is_old), rename)
    assert whole.candles["open_time"].equals(truth["open_time"])
    assert whole.quarantine.is_empty()
    for name in ("open", "close", "volume"):
        assert (whole.candles[name] / truth[name] - 1).abs().max() < 1e-12
    assert whole.notes == (
        f"{before} candles of EOS-USD before 2025-05-21 were joined to {after} of A-USD from then on, prices divided "
        f"by {ratio:g}",
    )


def test_candles_that_a_join_has_no_place_for_are_quarantined() -> None:
    rename = Rename("EOS-USD", ENDED, "A-USD", joined=True)
    old, new = candles(END - MINUTE, [1.0, 2.0]), candles(END - MINUTE, [3.0, 4.0])
    whole = joined(old, new, rename)
    assert whole.candles["close"].to_list() == [1.0, 4.0]
    assert whole.quarantine.select("file", "text").rows() == [
        ("EOS-USD", "2025-05-21 00:00:00.000000+00:00,2.0,2.0,2.0,2.0,2.0"),
        ("A-USD", "2025-05-20 23:59:00.000000+00:00,3.0,3.0,3.0,3.0,2.0"),
    ]


def test_between_two_names_the_ledger_says_unknown() -> None:
    """Bars of the new name before the rename are unknown in its ledger, with the question as the reason."""
    span = END - 5 * MINUTE, END + 5 * MINUTE
    evidence = unknown_between("A-USD", span, [EOS], END)
    assert dict(evidence.schema) == EVIDENCE
    mine, _ = own(candles(span[0], [1.0] * 10), "A-USD", [EOS])
    ledger = coverage(span, mine.with_columns(origin=pl.lit("candle")), evidence, "1m")
    assert ledger.select("time", "end", "kind", "bars").rows() == [
        (span[0], END, "unknown", 5),
        (END, span[1], "present", 5),
    ]
    assert ledger["reason"][0].startswith(QUESTION)
    old = unknown_between("EOS-USD", span, [EOS], END)
    assert old.select("time", "end").rows() == [(END, span[1])]
    assert unknown_between("EOS-USD", (END, span[1]), [EOS], END).height == 1


def test_a_chain_of_renames_gives_each_name_its_own_time() -> None:
    second = Rename("A-USD", date(2026, 1, 1), "B-USD")
    span = END - timedelta(days=900), END + timedelta(days=900)
    check_renames([EOS, second])
    assert own_span("EOS-USD", span, [EOS, second]) == (span[0], END)
    assert own_span("A-USD", span, [EOS, second]) == (END, datetime(2026, 1, 1, tzinfo=UTC))
    assert own_span("B-USD", span, [EOS, second]) == (datetime(2026, 1, 1, tzinfo=UTC), span[1])


@pytest.mark.parametrize(
    ("renames", "sentence_"),
    [
        ([EOS, Rename("EOS-USD", date(2025, 6, 1), "B-USD")], "names EOS-USD twice"),
        ([Rename("EOS-USD", ENDED, "A-USD", ratio=0.0)], r"has ratio 0\.0: expected how many new units"),
        ([Rename("EOS-USD", ENDED, "A-USD", ratio=float("nan"))], "has ratio nan"),
        ([Rename("EOS-USD", ENDED, "A-USD", ratio=float("inf"))], "has ratio inf"),
        ([Rename("EOS-USD", ENDED, "EOS-USD")], "leads from EOS-USD back to EOS-USD"),
        ([EOS, Rename("A-USD", date(2026, 1, 1), "EOS-USD")], "leads from EOS-USD back to EOS-USD"),
        ([EOS, Rename("A-USD", date(2024, 1, 1), "B-USD")], "to a name that ended before"),
    ],
)
def test_renames_that_cannot_be_one_history_are_refused(renames: list[Rename], sentence_: str) -> None:
    with pytest.raises(BadSettings, match=sentence_):
        check_renames(renames)


@settings(max_examples=60, deadline=None)
@given(days=st.integers(1, 9), ended=st.integers(-2, 12))
def test_a_delisted_symbol_misses_nothing_after_its_end_and_stays_before_it(days: int, ended: int) -> None:
    start = END
    delisted = {"LUNA-USD": ENDED + timedelta(days=ended)}
    opens = calendar_of("always").opens(start, start + timedelta(days=days), "1h")
    left = expected(opens, "LUNA-USD", delisted)
    assert len(left) == 24 * max(min(ended, days), 0)
    assert (left < expected_end("LUNA-USD", delisted)).all()
    assert expected(opens, "BTC-USD", delisted).equals(opens)
    assert expected_end("BTC-USD", delisted) is None
    for number in range(days):
        day = ENDED + timedelta(days=number)
        symbols = universe_on(day, ["BTC-USD", "LUNA-USD"], delisted)
        assert symbols == (("BTC-USD", "LUNA-USD") if number < ended else ("BTC-USD",))
        bars = left.filter(left.dt.date() == day)
        assert len(bars) == (24 if "LUNA-USD" in symbols else 0)
