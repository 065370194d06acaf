"""Sessions worked by hand: a round trip to the cent, an expiry, a reversal, a gap, a late bar, costs."""

from datetime import date

import polars as pl
import pytest

from pipelines.errors import BadSettings
from pipelines.trading.costs import Costs
from pipelines.trading.decision import Forecast
from pipelines.trading.events import Bar, Cancel, Decision, Event, Fill
from pipelines.trading.run import run
from pipelines.trading.session import SessionConfig, opening_state, step
from pipelines.trading.state import State

MINUTE = 60_000_000
E8 = 10**8


def session(**changes: object) -> SessionConfig:
    given = {"capital": 10_000.0, "max_position": 0.5, "costs": Costs(10.0, 5.0), "horizon": 2, **changes}
    return SessionConfig("golden", ("BTC-USD",), "1m", **given)


def play(rows: list[tuple], config: SessionConfig) -> tuple[State, list[Event]]:
    """Rows of (minute, open, close, expected or None, late)."""
    state, events = opening_state(config), []
    for minute, opened, close, expected, late in rows:
        time = minute * MINUTE
        said = None if expected is None else Forecast("BTC-USD", time, 0.2, 0.3, 0.5, 0.01, expected)
        bar = Bar("BTC-USD", time, round(opened * E8), round(close * E8), late)
        state, new = step(state, bar, said, config)
        events.extend(new)
    return state, events


def decided(events: list[Event]) -> list[tuple[str, str]]:
    return [(str(e.action), str(e.reason)) for e in events if isinstance(e, Decision)]


def filled(events: list[Event]) -> list[tuple[int, str, float, float]]:
    return [(e.time // MINUTE, e.leg, e.quantity / E8, e.price / E8) for e in events if isinstance(e, Fill)]


def test_a_five_bar_round_trip_to_the_cent() -> None:
    """Fee 10 bp, half spread 5 bp: round trip 30 bp = 0.003. Capital 10,000, half of it a position.

    bar 0 closes at 100, expected 0.05 > 0.003: buy 5,000 / 100 = 50.
    bar 1 opens at 98: price 98 x 1.0005 = 98.049, cost 4,902.45, fee 4.90245, cash 5,092.64755.
          closes at 99: equity 5,092.64755 + 4,950 = 10,042.64755; expected -0.002 is against the position,
          but 0.002 does not pay 0.003, so nothing is traded: hold.
    bar 2 expected -0.001 does not pay either, but the last edge is 2 bars old and the horizon is 2: exit.
    bar 3 opens at 104: price 104 x 0.9995 = 103.948, proceeds 5,197.40, fee 5.1974, cash 10,284.85015.
    bar 4 expected 0.003 is not above 0.003: stay flat.
    Realised 294.95, fees 10.09985: 10,000 + 294.95 - 10.09985 = 10,284.85015.
    Turnover (4,902.45 + 5,197.40) / 10,000 = 1.009985.
    Holding half from bar 1's open: 0.5 (100/98.049 - 1.001).
    """
    rows = [
        (0, 100, 100, 0.05, False),
        (1, 98, 99, -0.002, False),
        (2, 99, 101, -0.001, False),
        (3, 104, 104, None, False),
        (4, 104, 100, 0.003, False),
    ]
    state, events = play(rows, session())
    assert decided(events) == [
        ("enter long", "edge above cost"),
        ("hold", "no opposite edge"),
        ("exit", "expired"),
        ("stay flat", "no forecast"),
        ("stay flat", "below cost"),
    ]
    assert filled(events) == [(1, "open", 50.0, 98.049), (3, "close", -50.0, 103.948)]
    assert (state.cash, state.realised, state.fees) == (1028485015000, 29495000000, 1009985000)
    minutes = pl.Series("open_time", [r[0] * MINUTE for r in rows]).cast(pl.Datetime("us", "UTC"))
    bars = pl.DataFrame({"open_time": minutes, "open": [r[1] for r in rows], "close": [r[2] for r in rows]})
    said = pl.DataFrame({"open_time": minutes, "expected": [r[3] for r in rows]}).with_columns(
        p_down=0.2, p_neutral=0.3, p_up=0.5, sigma=0.01
    )
    result = run(bars, said, session())
    assert result.state == state
    assert result.equity["equity_minor"].to_list()[1] == 1004264755000
    summary = result.summary
    assert summary.net_return == pytest.approx(0.028485015, abs=1e-12)
    assert summary.turnover == pytest.approx(1.009985, abs=1e-12)
    assert summary.fees == pytest.approx(10.09985, abs=1e-9)
    assert summary.buy_and_hold == pytest.approx(0.5 * (100 / 98.049 - 1.001), abs=1e-12)
    assert (summary.trades, summary.bars, summary.exposure) == (1, 5, 0.4)
    assert summary.max_drawdown == 0.0
    assert summary.daily.rows() == [(date(1970, 1, 1), pytest.approx(0.028485015, abs=1e-12))]


def test_a_position_expires_horizon_bars_after_its_last_edge() -> None:
    """Horizon 2: edges at bars 0 and 1, so the clock starts at 1; out at open 4.

    bar 1 expected 0.05 > 0.003 on the long side: the edge is renewed, the clock restarts at 1.
    bar 2 expected 0.001 <= 0.003: no renewal, no opposite edge, 2 - 1 = 1 < 2 bars old: hold.
    bar 3 says nothing, 3 - 1 = 2 bars old: expired.
    """
    rows = [(0, 100, 100, 0.05, False), (1, 100, 100, 0.05, False)]
    rows += [(m, 100, 100, e, False) for m, e in ((2, 0.001), (3, None), (4, 0.0))]
    _, events = play(rows, session())
    assert decided(events)[1:4] == [
        ("hold", "edge renewed"),
        ("hold", "no opposite edge"),
        ("exit", "expired"),
    ]
    assert [(t, leg) for t, leg, _, _ in filled(events)] == [(1, "open"), (4, "close")]


@pytest.mark.parametrize("side", [1, -1])
def test_a_reversal_needs_more_than_the_round_trip(side: int) -> None:
    """Round trip 0.003: exactly -0.003 against the position does not exceed it, -0.0031 does (either side)."""
    rows = [(0, 100, 100, 0.05 * side, False), (1, 100, 100, -0.003 * side, False)]
    _, events = play([*rows, (2, 100, 100, -0.0031 * side, False)], session(horizon=10))
    assert decided(events)[1:] == [("hold", "no opposite edge"), ("reverse", "edge above cost")]


def test_a_reversal_closes_and_opens_at_the_same_open() -> None:
    """Free trading. Long 50 from 100; the forecast turns to -0.05: at open 2 sell 50, then 50 more."""
    rows = [(0, 100, 100, 0.05, False), (1, 100, 100, -0.05, False), (2, 100, 90, 0.0, False)]
    state, events = play(rows, session(costs=Costs(0, 0)))
    assert filled(events) == [
        (1, "open", 50.0, 100.0),
        (2, "close", -50.0, 100.0),
        (2, "open", -50.0, 100.0),
    ]
    assert state.equity == 10_500 * E8  # short 50 from 100 to 90


def test_after_a_gap_entries_die_and_exits_fill_at_the_gap_open() -> None:
    """Bars 3, 4 are missing. Long 50; reversal decided at bar 2; bar 5 opens at 80: only the exit."""
    rows = [(0, 100, 100, 0.05, False), (1, 100, 100, 0.05, False), (2, 100, 100, -0.05, False)]
    state, events = play([*rows, (5, 80, 85, None, False)], session(costs=Costs(0, 0)))
    assert filled(events)[1:] == [(5, "close", -50.0, 80.0)]
    cancelled = [e for e in events if isinstance(e, Cancel)]
    assert [(e.reason, e.quantity, e.time) for e in cancelled] == [("gap", -50 * E8, 5 * MINUTE)]
    assert state.cash == 9_000 * E8


def test_a_late_bar_enters_nothing_and_still_leaves() -> None:
    """Threshold 0.003. bar 0: 0.05 pays, but the bar is late: no entry. bar 1: in time, enter.

    bar 2: -0.05 on a long pays for a reversal; late, so only its exit half is decided; filled at open 3.
    """
    rows = [
        (0, 100, 100, 0.05, True),
        (1, 100, 100, 0.05, False),
        (2, 100, 100, -0.05, True),
        (3, 100, 100, None, False),
    ]
    _, events = play(rows, session())
    assert decided(events)[:3] == [
        ("stay flat", "stale bar"),
        ("enter long", "edge above cost"),
        ("exit", "opposite edge"),
    ]
    assert [(t, leg) for t, leg, _, _ in filled(events)] == [(2, "open"), (3, "close")]


def test_an_entry_is_cut_to_what_the_cash_covers() -> None:
    """All in, fee 100 bp: wanted 100 at 100; at open 101 only 10,000 / (101 x 1.01) = 98.029604."""
    rows = [(0, 100, 100, 0.05, False), (1, 101, 101, 0.0, False)]
    _, events = play(rows, session(costs=Costs(100.0, 0.0), max_position=1.0))
    assert filled(events) == [(1, "open", 98.029604, 101.0)]


def test_costs_are_basis_points() -> None:
    """2 (2 + 0.5 + 1) bp = 7 bp. Fee of 2 bp on 12,345.00000001: 2.469000000002, up to 2.46900001."""
    costs = Costs(2.0, 0.5, 1.0)
    assert costs.round_trip == pytest.approx(0.0007)
    assert costs.fee(1234500000001) == costs.fee(-1234500000001) == 246900001
    assert costs.fill_price(100 * E8, 1) == 10001500000
    assert costs.fill_price(100 * E8, -1) == 9998500000


@pytest.mark.parametrize(
    "wrong",
    [
        {"horizon": 0},
        {"max_position": 1.1},
        {"max_position": 0.0},
        {"capital": float("nan")},
        {"margin": -0.1},
        {"quantity_step": 1e-9},
    ],
)
def test_settings_that_cannot_mean_anything_are_refused(wrong: dict) -> None:
    with pytest.raises(BadSettings, match=next(iter(wrong))):
        session(**wrong)


@pytest.mark.parametrize("bps", [-1.0, float("nan"), float("inf"), 10_000.0])
def test_a_cost_is_never_a_gift(bps: float) -> None:
    with pytest.raises(BadSettings, match="fee_bps"):
        Costs(fee_bps=bps)
