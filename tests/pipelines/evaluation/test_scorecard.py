"""The scorecard: exact JSON, one hash, every figure there, honest blanks, and a real run read in."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines.errors import BadData, BadSettings, MissingData, NotEnoughEvidence, UnknownName
from pipelines.evaluation.backtest import closed_trades, history_of
from pipelines.evaluation.evaluate import scorecard
from pipelines.evaluation.levels import Levels
from pipelines.evaluation.performance import TradingHistory, max_drawdown
from pipelines.evaluation.scorecard import Scorecard, Subject, from_json
from pipelines.trading.costs import Costs
from pipelines.trading.run import run
from pipelines.trading.session import SessionConfig

START = datetime(2024, 1, 1, tzinfo=UTC)
SUBJECT = Subject("boosted_trees", "BTC-USD|15m", "ab" * 32, "15m", 4)
CONFIG = SessionConfig("test", ("BTC-USD",), "15m", 4, costs=Costs(fee_bps=1.0))


def bars(size: int) -> pl.DataFrame:
    walk = 100 * np.exp(np.cumsum(np.random.default_rng(0).standard_normal(size) * 0.003))
    times = [START + timedelta(minutes=15 * k) for k in range(size)]
    frame = pl.DataFrame({"open_time": times, "open": np.r_[100.0, walk[:-1]], "close": walk})
    return frame.with_columns(pl.col("open_time").cast(pl.Datetime("us", "UTC")), symbol=pl.lit("BTC-USD"))


def forecasts(size: int) -> pl.DataFrame:
    """Forecasts that have seen one part of the future: enough to trade on."""
    frame = bars(size)
    opens = frame["open"].log()
    y = opens.shift(-5) - opens.shift(-1)
    band = 0.43 * 0.003 * 2
    tilt = np.random.default_rng(1).standard_normal(size) * 0.004 + 0.3 * y.fill_null(0).to_numpy()
    up = 0.33 + np.clip(tilt * 20, -0.2, 0.2)
    return frame.select("symbol", "open_time").with_columns(
        label=pl.when(y > band).then(2).when(y < -band).then(0).when(y.is_not_null()).then(1).cast(pl.Int8),
        p_down=pl.Series(0.67 - up),
        p_neutral=pl.lit(0.33),
        p_up=pl.Series(up),
        sigma=pl.lit(0.003),
        expected=pl.Series(tilt),
        clim_down=pl.lit(0.33),
        clim_neutral=pl.lit(0.34),
        clim_up=pl.lit(0.33),
    )


def judged(size: int = 1500, subject: Subject = SUBJECT, **levels: Any) -> Scorecard:
    frame, market = forecasts(size), bars(size)
    history = history_of(run(market, frame, CONFIG), CONFIG)
    return scorecard(frame, history, {"BTC-USD": market}, subject, replace(Levels(), **levels))


def test_json_comes_back_equal_and_keeps_its_hash() -> None:
    card = judged()
    again = from_json(card.to_json())
    assert again == card
    assert again.sha256 == card.sha256
    assert again.to_json() == card.to_json()
    assert json.loads(card.to_json())["subject"]["recipe"] == "boosted_trees"
    assert replace(card, n=card.n + 1).sha256 != card.sha256


def test_same_inputs_same_scorecard_and_another_seed_another() -> None:
    assert judged().sha256 == judged().sha256
    assert judged(seed=1).sha256 != judged().sha256


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 99}', "null"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(BadData, match="evaluate the candidate again"):
        from_json(text)


def test_bounds_are_in_order_and_baselines_are_there() -> None:
    card = judged()
    for one in card.figures:
        if one.lower is not None and one.upper is not None:
            assert one.value is not None
            assert one.lower <= one.value <= one.upper
    for name in ("accuracy", "balanced_accuracy", "log_skill", "total_return", "calibration_error"):
        assert card.figure(name).baseline is not None
    with pytest.raises(UnknownName, match="luck"):
        card.figure("luck")


def test_a_trial_more_is_a_wider_bound() -> None:
    one, many = judged(), judged(subject=replace(SUBJECT, trials=500))
    assert many.figure("log_skill").lower < one.figure("log_skill").lower  # type: ignore[operator]
    assert many.figure("log_skill").value == one.figure("log_skill").value
    with pytest.raises(BadSettings):
        judged(subject=replace(SUBJECT, trials=0))


def test_below_the_minimum_only_counts_remain() -> None:
    card = judged(120)
    assert card.evidence == "not enough evidence: n_eff 23 of 30"
    assert {one.value for one in card.figures} == {None}
    assert from_json(card.to_json()) == card
    assert judged(120, minimum_effective=20).figure("log_skill").value is not None


def test_the_span_is_that_of_the_matured_forecasts() -> None:
    card = judged(200)
    assert card.start == "2024-01-01T00:00:00+00:00"
    assert card.n == card.rows == 195  # the last five labels are not known yet
    assert card.end == (START + 195 * timedelta(minutes=15)).isoformat()
    assert sum(card.class_shares) == pytest.approx(1)


def test_nothing_to_judge_is_refused() -> None:
    frame, market = forecasts(50), bars(50)
    history = history_of(run(market, frame, CONFIG), CONFIG)
    held: Mapping[str, pl.DataFrame] = {"BTC-USD": market}
    with pytest.raises(NotEnoughEvidence):
        scorecard(frame.with_columns(label=pl.lit(None, pl.Int8)), history, held, SUBJECT)
    with pytest.raises(MissingData):
        scorecard(frame, history, {}, SUBJECT)


def test_a_run_is_read_to_the_last_cent() -> None:
    result = run(bars(1500), forecasts(1500), CONFIG)
    history = history_of(result, CONFIG)
    assert history.equity.height == 1500
    assert max_drawdown(history) == pytest.approx(result.summary.max_drawdown)
    closed = result.equity.filter(pl.col("quantity") == 0)["equity"][-1] - CONFIG.capital  # when last flat
    flat = result.equity.filter(pl.col("quantity") == 0)["open_time"][-1]
    earned = history.trades.filter(pl.col("time") <= flat)
    assert earned["profit"].sum() == pytest.approx(closed, abs=1e-5)
    assert history.trades.height > 50


def test_trades_by_hand() -> None:
    fills = pl.DataFrame(
        {
            "symbol": ["A", "B", "A", "A", "A"],
            "leg": ["open", "open", "close", "open", "open"],
            "time": [START + timedelta(hours=k) for k in (0, 1, 2, 2, 5)],
            "quantity": [1.0, -2.0, -1.0, -1.0, 3.0],
            "cash": [-100.0, 40.0, 110.0, 110.0, -9.0],
            "fee": [1.0, 1.0, 2.0, 2.0, 1.0],
        }
    )
    assert closed_trades(fills).rows() == [(START + timedelta(hours=2), 7.0, 3.0)]


def test_an_account_without_trades_is_cash() -> None:
    frame, market = forecasts(1500), bars(1500)
    idle = TradingHistory(
        pl.DataFrame({"time": market["open_time"], "equity": [1e5] * 1500}),
        pl.DataFrame(schema={"time": pl.Datetime("us", "UTC"), "profit": pl.Float64, "fee": pl.Float64}),
        1e5,
    )
    card = scorecard(frame, idle, {"BTC-USD": market}, SUBJECT)
    assert card.figure("total_return").value == 0
    assert card.figure("profit_factor").value is None
    assert card.figure("track_needed").value is None
