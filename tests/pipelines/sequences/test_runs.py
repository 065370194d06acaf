"""Runs of a market that closes: volatility runs through the night, windows and labels end with the session."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from pipelines.market.calendars import Calendar, closing_sessions
from pipelines.market.schemas import UTC_US
from pipelines.sequences.grid import micros, run_position, step_of
from pipelines.sequences.index import window_ends
from pipelines.sequences.labels import labels
from pipelines.sequences.runs import RUN, bars_before, with_runs
from pipelines.sequences.volatility import volatility, volatility_bars

SPAN = datetime(2024, 2, 26, tzinfo=UTC), datetime(2024, 4, 1, tzinfo=UTC)  # a change of clocks and a holiday
HORIZON, LOST = 6, 700  # bars; the row of a bar that is unknown
N = volatility_bars("5m", HORIZON)


@pytest.fixture(scope="module")
def shares() -> pl.DataFrame:
    """Five-minute bars of XNYS without one in the middle of a session, prices that jump overnight."""
    opens = Calendar("XNYS").opens(*SPAN, "5m")
    rng = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(1e-3 * rng.standard_t(4, len(opens))))
    walk = {"open": np.append(100.0, close[:-1]), "high": close * 1.01, "low": close * 0.98, "close": close}
    bars = pl.DataFrame({"open_time": opens, **walk}).with_columns(volume=pl.lit(5.0))
    known = pl.int_range(pl.len()) != LOST
    return with_runs(bars.filter(known).cast({"open_time": UTC_US}), "5m", closing_sessions("XNYS", *SPAN))


def test_sigma_is_the_spread_of_the_last_returns_through_the_nights(shares: pl.DataFrame) -> None:
    sigma, returns = volatility(shares, "5m", HORIZON), np.diff(np.log(shares["close"].to_numpy()))
    known = [t for t in range(shares.height) if N <= t < LOST or t >= LOST + N]
    assert np.flatnonzero(~np.isnan(sigma)).tolist() == known
    for t in known[:: len(known) // 50]:
        assert sigma[t] == pytest.approx(returns[t - N : t].std(ddof=1), rel=1e-12)
    assert np.isnan(volatility(shares.drop(RUN), "5m", HORIZON)).all(), "a session has 78 bars of the 289"


def test_a_label_enters_and_leaves_in_one_session(shares: pl.DataFrame) -> None:
    sessions = Calendar("XNYS").sessions(*SPAN)
    found = labels(shares, "5m", HORIZON).filter(pl.col("label").is_not_null())
    inside = found.join_asof(sessions.sort("open"), left_on="known_from", right_on="open")
    assert found.height > 1000
    assert (inside["known_until"] <= inside["close"]).all()
    assert (inside["open_time"] >= inside["open"]).all()


def test_a_window_ends_with_the_session(shares: pl.DataFrame) -> None:
    ends = window_ends(shares, "5m", 60, ["close"])
    place = run_position(micros(shares["open_time"]), step_of("5m"))
    assert ends.tolist() == np.flatnonzero(place >= 59).tolist()
    assert place.max() == 77


def test_a_market_that_never_closes_is_left_as_it_is(shares: pl.DataFrame) -> None:
    bars = shares.drop(RUN)
    assert with_runs(bars, "5m", None) is bars
    assert bars_before(bars, "5m").tolist() == run_position(micros(bars["open_time"]), step_of("5m")).tolist()
    assert bars_before(bars.head(0), "5m").size == bars_before(shares.head(0), "5m").size == 0
    assert with_runs(bars.head(0), "5m", closing_sessions("XNYS", *SPAN))[RUN].len() == 0
