"""Laws: a day is a pure function of (config, symbol, day), whatever was generated before and wherever."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipelines.errors import BadSettings, BadSpan, UnknownName
from pipelines.market.synthetic import (
    FIRST_DAY,
    LAST_DAY,
    SyntheticConfig,
    candles,
    forecast,
    funding,
    order_book,
    trades,
)
from pipelines.market.synthetic.events import events
from pipelines.market.synthetic.minutes import increments, variances
from pipelines.market.synthetic.skeleton import base_price, skeleton
from pipelines.market.synthetic.tape import tape
from pipelines.market.synthetic.under_reaction import minute_path

CONFIG = SyntheticConfig()
DAY = date(2026, 3, 1)
SMALL = SyntheticConfig(trades_per_day=2_000, book_per_day=1_440)


def forget() -> None:
    for cached in (events, increments, variances, skeleton, tape, minute_path):
        cached.cache_clear()


def fingerprint(frame: pl.DataFrame) -> str:
    return hashlib.sha256(frame.write_csv(float_precision=17).encode()).hexdigest()


@pytest.fixture(autouse=True)
def _cold() -> Iterator[None]:
    forget()
    yield
    forget()


def test_days_backwards_equal_days_forwards() -> None:
    days = [DAY + timedelta(d) for d in range(4)]
    forwards = [(trades(SMALL, "BTC-USD", d), order_book(SMALL, "BTC-USD", d)) for d in days]
    forget()
    backwards = [(order_book(SMALL, "BTC-USD", d), trades(SMALL, "BTC-USD", d)) for d in reversed(days)]
    for (tape_f, book_f), (book_b, tape_b) in zip(forwards, reversed(backwards), strict=True):
        assert_frame_equal(tape_f, tape_b, check_exact=True)
        assert_frame_equal(book_f, book_b, check_exact=True)


def test_a_slice_of_candles_equals_candles_of_the_slice() -> None:
    whole = candles(SMALL, "BTC-USD", DAY, DAY + timedelta(5))
    forget()
    part = candles(SMALL, "BTC-USD", DAY + timedelta(2), DAY + timedelta(4))
    start = datetime(2026, 3, 3, tzinfo=UTC)
    inside = pl.col("open_time").is_between(start, start + timedelta(2), closed="left")
    assert_frame_equal(whole.filter(inside), part, check_exact=True)


def test_another_process_gives_the_same_day() -> None:
    code = (
        "import hashlib, datetime as t; from pipelines.market.synthetic import *; f = trades(SyntheticConfig("
        "trades_per_day=2_000, book_per_day=1_440), 'SOL-USDT', t.date(2019, 2, 3));"
        "print(hashlib.sha256(f.write_csv(float_precision=17).encode()).hexdigest())"
    )
    root = Path(__file__).resolve().parents[4]
    environment = {"PYTHONHASHSEED": "31337", "POLARS_MAX_THREADS": "1", "PYTHONPATH": str(root)}
    other = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == fingerprint(trades(SMALL, "SOL-USDT", date(2019, 2, 3)))


@pytest.mark.parametrize("day", [FIRST_DAY, DAY, LAST_DAY])
def test_a_day_replays_only_the_two_days_before_it(day: date) -> None:
    assert trades(SMALL, "BTC-USD", day).height > 100
    assert order_book(SMALL, "BTC-USD", day).height == 1_440
    assert increments.cache_info().misses == 3


def test_seeds_symbols_and_days_differ() -> None:
    others = [
        trades(SyntheticConfig(seed=8), "BTC-USD", DAY),
        trades(CONFIG, "BTC-USDT", DAY),
        trades(CONFIG, "BTC-USD", DAY + timedelta(1)),
    ]
    first = trades(CONFIG, "BTC-USD", DAY)["amount"][:50]
    for other in others:
        assert not set(first.to_list()) & set(other["amount"][:50].to_list())


def test_base_prices() -> None:
    assert (base_price("BTC-USD"), base_price("BTC-EUR"), base_price("ETH-USD")) == (60_000, 60_000, 3_000)
    assert 0.1 <= base_price("DOGE-USD") <= 1_000
    start = forecast(CONFIG, "ETH-USD", date(2025, 12, 31), date(2026, 1, 1))["log_price"].exp()[-1]
    assert start == pytest.approx(3_000, rel=0.03)  # the midnight of 2026-01-01, up to the under-reaction


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("edge", -0.01),
        ("edge", 0.71),
        ("edge", float("nan")),
        ("seed", -1),
        ("seed", 1.5),
        ("trades_per_day", 10),
        ("trades_per_day", 1e4),
        ("book_per_day", 0),
        ("annual_volatility", 0.0),
        ("half_spread_bps", 0.0),
        ("price_digits", 3),
        ("drop_minutes", 1.0),
        ("drop_minutes", True),
    ],
)
def test_bad_choices_are_refused(name: str, value: float) -> None:
    with pytest.raises(BadSettings, match=rf"{name} must be .* from .* to .*, found .*; correct it\."):
        SyntheticConfig(**{name: value})  # type: ignore[arg-type]


def test_days_not_on_offer_are_refused() -> None:
    with pytest.raises(BadSpan, match="2041-01-01"):
        trades(CONFIG, "BTC-USD", LAST_DAY + timedelta(1))
    with pytest.raises(BadSpan, match="2009-12-31"):
        order_book(CONFIG, "BTC-USD", FIRST_DAY - timedelta(1))
    for table in (candles, funding, forecast):
        with pytest.raises(BadSpan, match="must end after its start"):
            table(CONFIG, "BTC-USD", DAY, DAY)


def test_bad_symbols_and_timeframes_are_refused() -> None:
    with pytest.raises(UnknownName, match="btc"):
        trades(CONFIG, "btc", DAY)
    with pytest.raises(UnknownName, match="btc"):
        funding(CONFIG, "btc", DAY, DAY + timedelta(1))
    with pytest.raises(UnknownName, match="2m"):
        candles(CONFIG, "BTC-USD", DAY, DAY + timedelta(1), "2m")
