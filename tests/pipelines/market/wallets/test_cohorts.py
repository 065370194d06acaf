"""Cohorts know the sixty days before a day and nothing else, and follow FEATURES.md to the letter."""

import math
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from pipelines.errors import BadData
from pipelines.market.schemas import FILLS
from pipelines.market.wallets import cohort_flow, cohorts, daily_profit, eligible
from pipelines.market.wallets.cohorts import cohorts_of_daily
from pipelines.market.wallets.flow import average_daily_volume
from pipelines.market.wallets.profit import DAILY
from tests.pipelines.market.wallets.makers import START, Habit, candles, crowd, fills, midnight, wallet

DAYS = 66
DAY = START + timedelta(days=62)


@pytest.fixture(scope="module")
def prices() -> pl.DataFrame:
    return candles(DAYS)


@pytest.fixture(scope="module")
def traded(prices: pl.DataFrame) -> pl.DataFrame:
    return fills(prices, crowd(24))


def one(day: date, address: str, bp: float | None, count: int = 10) -> tuple[object, ...]:
    return (day, address, bp, count, midnight(day) + timedelta(hours=12))


def daily_of(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=DAILY, orient="row")


def wallet_days(address: str, days: range, count: int = 10, around: float = 5.0) -> list[tuple[object, ...]]:
    """A wallet with profits on these many days before DAY."""
    return [one(DAY - timedelta(days=ago), address, around + (-1) ** ago, count) for ago in days]


def test_daily_profit_is_the_formula_on_one_day() -> None:
    """Bought 2 at 100 and sold 1 at 110 on a day that closes at 105."""
    at = midnight(START) + timedelta(hours=1)
    rows = pl.DataFrame(
        [(at, "0xa", "BTC", 1, 100.0, 2.0, None), (at, "0xa", "BTC", -1, 110.0, 1.0, None)],
        schema=FILLS,
        orient="row",
    )
    day_end = [midnight(START) + timedelta(hours=h) for h in (0, 23)]
    closes = pl.DataFrame({"open_time": day_end, "close": [1.0, 105.0]})
    gain = 200 * (105 / 100 - 1) - 110 * (105 / 110 - 1)
    assert daily_profit(rows, closes)["profit_bp"].item() == pytest.approx(1e4 * gain / 310, rel=1e-12)
    assert daily_profit(rows, closes).schema == pl.Schema(DAILY)


def test_a_day_without_a_close_has_no_profit_and_nothing_is_carried_into_it(
    prices: pl.DataFrame, traded: pl.DataFrame
) -> None:
    hole = START + timedelta(days=20)
    kept = prices.filter(pl.col("open_time").dt.date() != hole)
    daily = daily_profit(traded, kept)
    assert daily.filter(pl.col("day") == hole)["profit_bp"].null_count() > 0
    assert daily.filter(pl.col("day") != hole)["profit_bp"].null_count() == 0


def test_fills_of_two_coins_are_refused(prices: pl.DataFrame, traded: pl.DataFrame) -> None:
    mixed = traded.with_columns(
        pl.when(pl.int_range(pl.len()) == 0).then(pl.lit("ETH")).otherwise("coin").alias("coin")
    )
    with pytest.raises(BadData, match="are of 2 coins"):
        daily_profit(mixed, prices)


@pytest.mark.parametrize(
    ("days", "count", "is_eligible"),
    [
        (range(1, 31), 10, True),  # 30 of 60, 30 of the last 30, 300 fills
        (range(1, 30), 10, False),  # 29 active days
        (range(1, 31), 7, True),  # 210 fills in the last 30
        (range(1, 31), 6, False),  # 180
        (range(21, 61), 20, True),  # 10 of the last 30 days, 200 fills there
        (range(22, 61), 30, False),  # 9 of the last 30
        (range(31, 61), 30, False),  # none
        (range(61, 121), 30, False),  # all before the window
        (range(0, -60, -1), 30, False),  # all on the day itself and after it
    ],
)
def test_who_is_eligible(days: range, count: int, is_eligible: bool) -> None:
    found = eligible(daily_of(wallet_days("0xa", days, count)), DAY)
    assert found.height == is_eligible


def test_a_wallet_whose_profits_are_all_equal_has_no_sharpe() -> None:
    rows = [one(DAY - timedelta(days=ago), "0xa", 0.1, 10) for ago in range(1, 41)]
    assert eligible(daily_of(rows), DAY).is_empty()


def test_sharpe_is_the_mean_over_the_sample_deviation() -> None:
    found = eligible(daily_of(wallet_days("0xa", range(1, 61))), DAY)
    values = [5.0 + (-1) ** ago for ago in range(1, 61)]
    assert found["sharpe"].item() == pytest.approx(np.mean(values) / np.std(values, ddof=1), rel=1e-12)


@pytest.mark.parametrize(("wallets", "size"), [(10, 5), (99, 5), (119, 5), (120, 6), (200, 10)])
def test_a_cohort_is_five_percent_and_at_least_five(wallets: int, size: int) -> None:
    rows = [r for k in range(wallets) for r in wallet_days(wallet(k), range(1, 41), around=k / 10)]
    found, refused = cohorts_of_daily(daily_of(rows), DAY)
    assert refused is None
    top, bottom = (found.filter(pl.col("cohort") == name) for name in ("top", "bottom"))
    assert top["address"].to_list() == [wallet(k) for k in range(wallets - 1, wallets - 1 - size, -1)]
    assert bottom["address"].to_list() == [wallet(k) for k in range(size - 1, -1, -1)]
    assert top["weight"].sum() == pytest.approx(1.0, rel=1e-12)
    assert bottom["weight"].sum() == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("wallets", [0, 8, 9])
def test_fewer_than_ten_eligible_wallets_form_no_cohort(wallets: int) -> None:
    rows = [r for k in range(wallets) for r in wallet_days(wallet(k), range(1, 41), around=k)]
    found, refused = cohorts_of_daily(daily_of(rows), DAY)
    assert found.is_empty()
    assert refused == f"{wallets} wallets, {wallets} eligible: no cohort can be formed; expected at least 10"


def test_ties_go_by_address_and_no_wallet_is_in_both_cohorts() -> None:
    rows = [r for k in range(10) for r in wallet_days(wallet(9 - k), range(1, 41))]
    found, _ = cohorts_of_daily(daily_of(rows), DAY)
    assert found["address"].to_list() == [wallet(k) for k in range(10)]
    assert found["cohort"].to_list() == ["top"] * 5 + ["bottom"] * 5


def test_weights_forget_by_the_day_and_cap_the_sharpe() -> None:
    rows = [r for k in range(10) for r in wallet_days(wallet(k), range(1 + k, 50), around=100.0 * (k + 1))]
    found, _ = cohorts_of_daily(daily_of(rows), DAY)
    top = found.filter(pl.col("cohort") == "top")
    assert (top["sharpe"] > 2).all()
    raw = {
        wallet(k): math.exp(-(0.5 + k) / 10) * 2.0 for k in range(5, 10)
    }  # last fill at noon, k days before
    for address, weight in top.select("address", "weight").rows():
        assert weight == pytest.approx(raw[address] / sum(raw.values()), rel=1e-12)


def test_good_wallets_are_on_top(prices: pl.DataFrame, traded: pl.DataFrame) -> None:
    found, refused = cohorts(traded, prices, DAY)
    assert refused is None
    numbers = found.with_columns(pl.col("address").str.slice(2).str.to_integer(base=16).alias("number"))
    top, bottom = (numbers.filter(pl.col("cohort") == name)["number"] for name in ("top", "bottom"))
    assert top.min() > 12 > bottom.max()  # type: ignore[operator]


@pytest.mark.parametrize("seed", range(8))
def test_nothing_at_or_after_midnight_changes_the_cohorts_of_the_day(
    prices: pl.DataFrame, traded: pl.DataFrame, seed: int
) -> None:
    """Random prices, sides, sizes, wallets and times from d 00:00 on: the same cohorts to the bit."""
    random = np.random.default_rng(seed)
    start = midnight(DAY)
    future = pl.col("time") >= start
    noise = fills(candles(DAYS, seed + 50), [Habit(fills=3)] * 30, seed).filter(future)
    shaken = (
        traded.filter(~future)
        if seed % 2
        else traded.with_columns(pl.when(future).then(-pl.col("side")).otherwise("side").alias("side"))
    )
    factor = pl.lit(pl.Series(random.uniform(0.1, 10, prices.height)))
    later = prices.with_columns(
        pl.when(pl.col("open_time") >= start).then(pl.col("close") * factor).otherwise("close").alias("close")
    )
    expected, _ = cohorts(traded, prices, DAY)
    found, _ = cohorts(pl.concat([shaken, noise]), later, DAY)
    assert found.equals(expected)
    flow, _ = cohort_flow(pl.concat([shaken, noise]).sort("time"), later)
    before, _ = cohort_flow(traded, prices)
    past = pl.col("open_time") < start
    assert flow.filter(past).equals(before.filter(past))


def test_the_day_before_does_change_them(prices: pl.DataFrame, traded: pl.DataFrame) -> None:
    """The law above is not true for free: one second earlier and the weights differ."""
    start = midnight(DAY)
    moved = traded.with_columns(
        pl.when(pl.col("time").is_between(start - timedelta(days=1), start, closed="left"))
        .then(-pl.col("side"))
        .otherwise("side")
        .alias("side")
    )
    assert not cohorts(moved, prices, DAY)[0].equals(cohorts(traded, prices, DAY)[0])


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_fills_and_prices_changes_nothing(
    prices: pl.DataFrame, traded: pl.DataFrame, seed: int
) -> None:
    mixed = traded.sample(fraction=1.0, shuffle=True, seed=seed)
    turned = prices.sample(fraction=1.0, shuffle=True, seed=seed)
    assert cohorts(mixed, turned, DAY)[0].equals(cohorts(traded, prices, DAY)[0])
    assert cohort_flow(mixed, turned)[0].equals(cohort_flow(traded, prices)[0])


def test_flow_is_weight_times_side_times_notional_of_the_bar(
    prices: pl.DataFrame, traded: pl.DataFrame
) -> None:
    flow, _ = cohort_flow(traded, prices)
    members, _ = cohorts(traded, prices, DAY)
    weights = dict(members.filter(pl.col("cohort") == "top").select("address", "weight").rows())
    opens = midnight(DAY) + timedelta(hours=6)
    for bar in range(0, 200, 7):
        begin = opens + bar * timedelta(minutes=5)
        inside = traded.filter(pl.col("time").is_between(begin, begin + timedelta(minutes=5), closed="left"))
        expected = sum(
            weights.get(a, 0.0) * s * p * q
            for a, s, p, q in inside.select("address", "side", "price", "size").rows()
        )
        found = flow.filter(pl.col("open_time") == begin)["flow_top"].item()
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-9)


def test_days_without_cohorts_are_null_and_say_why(prices: pl.DataFrame, traded: pl.DataFrame) -> None:
    flow, refused = cohort_flow(traded, prices)
    early = flow.filter(pl.col("open_time") < midnight(START + timedelta(days=30)))
    assert early["flow_top"].null_count() == early.height
    late = flow.filter(pl.col("open_time") >= midnight(DAY))
    assert late.null_count().row(0) == (0, 0, 0, 0)
    assert refused[START] == "0 wallets, 0 eligible: no cohort can be formed; expected at least 10"
    assert DAY not in refused
    few, none = cohort_flow(traded.filter(pl.col("address") < wallet(8)), prices)
    assert few["flow_top"].null_count() == few.height
    assert "8 wallets, 8 eligible" in none[DAY]


def test_adv_is_the_mean_of_the_twenty_whole_days_before(prices: pl.DataFrame) -> None:
    daily = prices.group_by(pl.col("open_time").dt.date().alias("day"), maintain_order=True).agg(
        (pl.col("close") * pl.col("volume")).sum().alias("traded")
    )
    found = average_daily_volume(prices)
    assert found["adv"].null_count() == 20
    assert found["adv"][20] == pytest.approx(daily["traded"][:20].mean(), rel=1e-12)  # type: ignore[arg-type]
    holed = average_daily_volume(prices.filter(pl.int_range(pl.len()) != 30 * 288 + 5))
    known = holed.filter(pl.col("adv").is_not_null())["day"].to_list()
    assert START + timedelta(days=30) in known
    assert not {START + timedelta(days=30 + k) for k in range(1, 21)} & set(known)


def test_no_fills_and_no_candles_are_empty_tables(prices: pl.DataFrame) -> None:
    empty = pl.DataFrame(schema=FILLS)
    flow, refused = cohort_flow(empty, prices.head(600))
    assert flow["flow_top"].null_count() == 600
    assert len(refused) == 3
    assert cohort_flow(empty, prices.head(0))[0].is_empty()
