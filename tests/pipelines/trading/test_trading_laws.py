"""Laws of the session over families of markets: conservation, mirror, causality, one decision a bar."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import BadData, UnknownName
from pipelines.trading.costs import Costs
from pipelines.trading.decision import Forecast
from pipelines.trading.events import Bar, Cancel, Decision, EquityMark, Event, Fill, Order
from pipelines.trading.ledger import lines, post, replay
from pipelines.trading.money import value
from pipelines.trading.run import run
from pipelines.trading.session import SessionConfig, opening_state, step
from pipelines.trading.state import State

MINUTE = 60_000_000
START = datetime(2026, 3, 1, tzinfo=UTC)
CONFIG = SessionConfig("laws", ("BTC-USD",), "1m", horizon=3, capital=10_000.0)

bar_rows = st.lists(
    st.tuples(
        st.integers(1, 3),  # minutes since the last bar: above 1 is a gap
        st.floats(-0.03, 0.03),  # log return over the bar
        st.floats(-0.03, 0.03),  # log jump from close to next open
        st.one_of(st.none(), st.floats(-0.01, 0.01), st.just(float("nan"))),  # expected
        st.booleans(),  # late
    ),
    min_size=1,
    max_size=60,
)


def market(rows: list[tuple], symbol: str = "BTC-USD") -> list[tuple[Bar, Forecast | None]]:
    """Bars and forecasts of drawn rows."""
    time, price, made = 0, 100.0, []
    for minutes, inside, jump, expected, late in rows:
        time += minutes * MINUTE
        opened = price * np.exp(jump)
        price = opened * np.exp(inside)
        bar = Bar(symbol, time, round(opened * 1e8), round(price * 1e8), late)
        said = None if expected is None else Forecast(symbol, time, 0.3, 0.4, 0.3, 0.01, expected)
        made.append((bar, said))
    return made


def fold(feed: list[tuple[Bar, Forecast | None]], config: SessionConfig) -> tuple[State, list[Event]]:
    state, events = opening_state(config), []
    for bar, forecast in feed:
        state, new = step(state, bar, forecast, config)
        events.extend(new)
    return state, events


def frames(expected: np.ndarray, close: np.ndarray, open_: np.ndarray | None = None) -> tuple:
    """Minute bars from closes (opens default to the last close) and a forecast of each bar."""
    n = len(close)
    times = pl.datetime_range(START, START + timedelta(minutes=n - 1), "1m", time_unit="us", eager=True)
    opened = np.r_[close[0], close[:-1]] if open_ is None else open_
    bars = pl.DataFrame(
        {
            "open_time": times,
            "open": opened,
            "high": np.maximum(opened, close),
            "low": np.minimum(opened, close),
            "close": close,
        }
    )
    said = pl.DataFrame(
        {
            "open_time": times,
            "p_down": 0.3,
            "p_neutral": 0.4,
            "p_up": 0.3,
            "sigma": 0.01,
            "expected": expected,
        }
    )
    return bars, said


@given(bar_rows, st.sampled_from([0.3, 1.0]), st.sampled_from([0.0, 5.0]))
def test_money_is_conserved_exactly(rows: list, share: float, slippage: float) -> None:
    """cash = initial + fills - fees; equity = cash + worth = initial + realised + unrealised - fees."""
    config = replace(CONFIG, max_position=share, costs=Costs(slippage_bps=slippage))
    state, events = fold(market(rows), config)
    initial = config.sleeves["BTC-USD"]
    cash, quantity, fees, fill_count = initial, 0, 0, 0
    for event in events:
        if isinstance(event, Fill):
            assert event.cash == -event.quantity * event.price // 10**8
            cash, quantity, fees = cash + event.cash - event.fee, quantity + event.quantity, fees + event.fee
            fill_count += 1
        if isinstance(event, EquityMark):
            assert (event.cash, event.quantity, event.fees) == (cash, quantity, fees)
            assert event.equity == cash + value(quantity, event.mark)
    account = state.books[0].account
    mark = state.books[0].mark
    assert account == replay([e for e in events if isinstance(e, Fill)], config.sleeves)["BTC-USD"]
    assert account.equity(mark) == initial + account.realised + account.unrealised(mark) - account.fees
    assert state.equity == account.equity(mark)


@given(
    st.lists(
        st.tuples(st.integers(-(10**10), 10**10).filter(bool), st.integers(1, 10**13), st.integers(0, 10**9)),
        max_size=40,
    )
)
def test_every_fill_is_double_entry_even_partial_flips_and_dust(trades: list) -> None:
    account = replay([], {"BTC-USD": 10**12})["BTC-USD"]
    totals: dict[str, int] = {}
    for i, (quantity, price, fee) in enumerate(trades):
        fill = Fill("BTC-USD", i, "open", i + 1, quantity, price, value(-quantity, price), fee)
        postings = lines(account, fill)
        assert sum(p.debit for p in postings) == sum(p.credit for p in postings)
        assert len(postings) >= 2 or (fill.cash == 0 and fee == 0 and not postings)
        assert all((p.debit > 0) != (p.credit > 0) for p in postings)
        for p in postings:
            totals[p.account] = totals.get(p.account, 0) + p.debit - p.credit
        account = post(account, fill)
    assert account.quantity == sum(q for q, _, _ in trades)
    assert account.cash == 10**12 + totals.get("cash", 0)
    assert account.cost == totals.get("position:BTC-USD", 0)
    assert account.realised == -totals.get("realised", 0)
    assert account.fees == totals.get("fees", 0)
    if account.quantity == 0:
        assert account.cost == 0


@given(bar_rows)
def test_a_mirrored_market_gives_mirrored_positions(rows: list) -> None:
    """Log returns and forecasts negated: the sign of the position after every bar is negated."""
    mirrored = [(m, -r, -j, None if e is None else -e, late) for m, r, j, e, late in rows]
    signs = []
    for drawn in (rows, mirrored):
        _, events = fold(market(drawn), CONFIG)
        signs.append([np.sign(e.quantity) for e in events if isinstance(e, EquityMark)])
    assert signs[0] == [-s for s in signs[1]]


@given(bar_rows, st.lists(st.integers(0, 59), max_size=30))
def test_one_decision_a_bar_whatever_is_delivered_again(rows: list, again: list[int]) -> None:
    feed = market(rows)
    noisy = list(feed)
    for place in sorted((a for a in again if a < len(feed)), reverse=True):
        noisy.insert(place + 1, feed[max(0, place - again[0])])  # an old bar, after it was seen
    clean = fold(feed, CONFIG)
    assert fold(noisy, CONFIG) == clean
    decided = [e.open_time for e in clean[1] if isinstance(e, Decision)]
    assert decided == [bar.open_time for bar, _ in feed]


@given(bar_rows)
def test_openings_fill_at_the_immediate_next_open_or_never(rows: list) -> None:
    feed = market(rows)
    opens = {bar.open_time: bar.open for bar, _ in feed}
    late = {bar.open_time for bar, _ in feed if bar.late}
    _, events = fold(feed, CONFIG)
    for event in events:
        if isinstance(event, Fill):
            assert event.time > event.decided_at
            side = 1 if event.quantity > 0 else -1
            assert side * (event.price - opens[event.time]) >= 0  # never better than the open
            if event.leg == "open":
                assert event.time == event.decided_at + MINUTE
        if isinstance(event, Order) and event.opening:
            assert event.decided_at not in late
        if isinstance(event, Cancel) and event.reason == "gap":
            assert event.time > event.decided_at + MINUTE


@given(bar_rows, st.sampled_from([0.1, 0.5, 1.0]))
def test_no_entry_exceeds_its_share_of_equity(rows: list, share: float) -> None:
    config = replace(CONFIG, max_position=share)
    state, account = opening_state(config), opening_state(config).books[0].account
    for bar, forecast in market(rows):
        state, events = step(state, bar, forecast, config)
        for fill in (e for e in events if isinstance(e, Fill)):
            if fill.leg == "open":
                assert abs(fill.cash) + fill.fee <= share * account.cash + 2
                assert fill.quantity % config.step_minor == 0
            account = post(account, fill)


@given(bar_rows, bar_rows, st.randoms(use_true_random=False))
def test_the_order_of_symbols_cannot_matter(one: list, two: list, random: object) -> None:
    config = replace(CONFIG, symbols=("BTC-USD", "ETH-USD"))
    feeds = [market(one), market(two, "ETH-USD")]
    in_time = sorted((x for feed in feeds for x in feed), key=lambda x: (x[0].open_time, x[0].symbol))
    swapped = sorted((x for feed in feeds for x in feed), key=lambda x: (x[0].open_time, random.random()))
    left, right = fold(in_time, config), fold(swapped, config)
    assert left[0] == right[0]
    assert sorted(map(repr, left[1])) == sorted(map(repr, right[1]))


@given(bar_rows, st.integers(0, 59))
def test_the_future_cannot_change_the_past(rows: list, cut: int) -> None:
    feed = market(rows)
    whole, part = fold(feed, CONFIG)[1], fold(feed[:cut], CONFIG)[1]
    assert repr(whole[: len(part)]) == repr(part)  # repr: a NaN forecast equals itself


def test_perfect_foresight_of_the_next_open_to_open_return_earns_and_same_bar_knowledge_does_not() -> None:
    """White noise: knowing the bar ahead pays; knowing the bar just closed, the decision's own, does not."""
    rng = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 2e-3, 3000)))
    returns = np.diff(np.log(close), prepend=np.log(close[0]))
    config = replace(CONFIG, horizon=1)
    free = replace(config, costs=Costs(0, 0, 0))
    foresight = np.r_[returns[1:], 0.0]  # opens equal the last close: O_{t+2}/O_{t+1} = C_{t+1}/C_t
    bars, said = frames(foresight, close)
    assert run(bars, said, config).summary.net_return > 1.0
    bars, oracle = frames(returns, close)
    assert abs(run(bars, oracle, free).summary.net_return) < 0.25  # 3000 bars of 0.2 %: one sigma is 11 %
    assert run(bars, oracle, config).summary.net_return < 0


def test_zero_forecasts_and_no_forecasts_trade_nothing() -> None:
    rng = np.random.default_rng(4)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 500)))
    bars, said = frames(np.zeros(500), close)
    for forecasts, reason in ((said, "below cost"), (said.head(0), "warming")):
        result = run(bars, forecasts, CONFIG)
        assert result.fills.is_empty()
        assert result.summary.net_return == 0
        assert result.decisions["reason"].unique().to_list() == [reason]


def test_higher_costs_never_earn_more_on_the_same_fills() -> None:
    rng = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 2e-3, 400)))
    bars, said = frames(np.full(400, 0.02) * np.sign(rng.normal(size=400)), close)
    results = [run(bars, said, replace(CONFIG, costs=Costs(fee_bps=f))).summary for f in (0.0, 2.0, 4.0)]
    assert len({s.trades for s in results}) == 1
    assert results[0].net_return > results[1].net_return > results[2].net_return


@settings(max_examples=30)
@given(st.permutations(range(12)))
def test_rows_may_come_in_any_order(order: list[int]) -> None:
    close = np.linspace(100, 110, 12)
    bars, said = frames(np.tile([0.02, -0.02, 0.0], 4), close)
    assert run(bars[order], said[order[::-1]], CONFIG).equity.equals(run(bars, said, CONFIG).equity)


def test_run_refuses_repeated_bars_bad_prices_and_strangers() -> None:
    bars, said = frames(np.zeros(3), np.array([1.0, 2.0, 3.0]))
    with pytest.raises(BadData, match="one row per symbol"):
        run(pl.concat([bars, bars]), said, CONFIG)
    with pytest.raises(BadData, match="price"):
        run(bars.with_columns(close=pl.lit(float("nan"))), said, CONFIG)
    with pytest.raises(BadData, match="columns"):
        run(bars.drop("open"), said, CONFIG)
    bar, _ = market([(1, 0.0, 0.0, None, False)], "ETH-USD")[0]
    with pytest.raises(UnknownName, match="ETH-USD"):
        step(opening_state(CONFIG), bar, None, CONFIG)
    with pytest.raises(BadData, match="forecast"):
        step(
            opening_state(CONFIG),
            bar._replace(symbol="BTC-USD"),
            Forecast("BTC-USD", 0, 0, 1, 0, 1, 0),
            CONFIG,
        )
