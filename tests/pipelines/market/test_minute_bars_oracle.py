"""minute_bars against a slow second reading of FEATURES.md in plain loops: every column, random markets."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Any

import polars as pl
import pytest

from pipelines.market.minute_bars import minute_bars
from pipelines.market.schemas import MINUTE_BARS
from tests.pipelines.market.minute_bars_ticks import DAY, MIDNIGHT, SECOND, random_market

MINUTE = 60 * SECOND
Row = dict[str, Any]


def micro(value: Any) -> int:
    return round(value.timestamp() * 1e6)


def sample_std(x: list[float]) -> float:
    mean = math.fsum(x) / len(x)
    return math.sqrt(math.fsum((v - mean) ** 2 for v in x) / (len(x) - 1))


@dataclass
class Oracle:
    """Punctual events of one market, asked one question at a time."""

    trades: list[Row]
    book: list[Row]
    late: dict[int, int]

    @classmethod
    def of(cls, trades: pl.DataFrame, book: pl.DataFrame, check: bool) -> "Oracle":
        late: dict[int, int] = {}

        def punctual(rows: list[Row]) -> list[Row]:
            kept = []
            for row in rows:
                row["t"] = micro(row["time"])
                close = (row["t"] // MINUTE + 1) * MINUTE
                if check and row["local_time"] is not None and micro(row["local_time"]) > close + 3 * SECOND:
                    late[close - MINUTE] = late.get(close - MINUTE, 0) + 1
                else:
                    kept.append(row)
            return kept

        tape = sorted(punctual(trades.to_dicts()), key=lambda r: (r["t"], r["id"]))
        return cls(tape, sorted(punctual(book.to_dicts()), key=lambda r: r["t"]), late)

    def alive(self, open_: int) -> bool:
        return any(open_ <= row["t"] < open_ + MINUTE for row in [*self.trades, *self.book])

    def alive_for(self, open_: int, minutes: int) -> bool:
        return all(self.alive(open_ - k * MINUTE) for k in range(minutes))

    def within(self, open_: int, minutes: int = 1) -> list[Row]:
        """Trades of the minute and of minutes - 1 before it."""
        return [r for r in self.trades if open_ - (minutes - 1) * MINUTE <= r["t"] < open_ + MINUTE]

    def state(self, instant: float, levels: int) -> Row | None:
        """The book standing at an instant, if it is known to that many levels."""
        before = [row for row in self.book if row["t"] < instant]
        if not before or instant - before[-1]["t"] > MINUTE:
            return None
        last = before[-1]
        names = [
            f"{s}_{w}_{k}" for s in ("bid", "ask") for w in ("price", "amount") for k in range(1, levels + 1)
        ]
        if any(last[name] is None for name in names) or last["ask_price_1"] <= last["bid_price_1"]:
            return None
        return last

    def integral(self, open_: int, x: Callable[[Row], float]) -> float:
        """Level-1 x times the seconds of the minute during which it stands."""
        cuts = (
            {open_, open_ + MINUTE}
            | {row["t"] for row in self.book}
            | {row["t"] + MINUTE for row in self.book}
        )
        inside = sorted(c for c in cuts if open_ <= c <= open_ + MINUTE)
        stood = [(self.state((a + b) / 2, 1), b - a) for a, b in pairwise(inside)]
        return math.fsum(x(state) * (us / SECOND) for state, us in stood if state is not None)

    def time_weighted(self, open_: int, levels: int, x: Callable[[Row], float]) -> tuple[float, float | None]:
        """Seconds known, and the mean of x over them."""
        close = open_ + MINUTE
        cuts = {open_, close} | {row["t"] for row in self.book} | {row["t"] + MINUTE for row in self.book}
        inside = sorted(c for c in cuts if open_ <= c <= close)
        known, total = 0.0, 0.0
        for a, b in pairwise(inside):
            state = self.state((a + b) / 2, levels)
            if state is not None:
                known += (b - a) / SECOND
                total += (b - a) / SECOND * x(state)
        return known, total / known if known >= 30 else None


def size(row: Row, side: str, levels: int) -> float:
    return math.fsum(row[f"{side}_amount_{k}"] for k in range(1, levels + 1))


def mid(row: Row | None) -> float | None:
    return None if row is None else (row["bid_price_1"] + row["ask_price_1"]) / 2


def imbalance(levels: int) -> Callable[[Row], float]:
    def x(row: Row) -> float:
        bids, asks = size(row, "bid", levels), size(row, "ask", levels)
        return (bids - asks) / (bids + asks)

    return x


def spread_bp(row: Row) -> float:
    return 1e4 * (row["ask_price_1"] - row["bid_price_1"]) / mid(row)  # type: ignore[operator]


def microprice(row: Row) -> float:
    b, a, vb, va = (row[f"{s}_{w}_1"] for w in ("price", "amount") for s in ("bid", "ask"))
    return (b * va + a * vb) / (va + vb)


def weighted_mid(row: Row) -> float:
    vb, va = size(row, "bid", 5), size(row, "ask", 5)
    b5 = math.fsum(row[f"bid_price_{k}"] * row[f"bid_amount_{k}"] for k in range(1, 6)) / vb
    a5 = math.fsum(row[f"ask_price_{k}"] * row[f"ask_amount_{k}"] for k in range(1, 6)) / va
    return (b5 * va + a5 * vb) / (va + vb)


def trade_columns(o: Oracle, t: int) -> Row:
    rows = o.within(t)
    p, q = [r["price"] for r in rows], [r["amount"] for r in rows]
    out: Row = (
        {
            **{"open": p[0], "high": max(p), "low": min(p), "close": p[-1]},
            **{"size_mean": fmean(q), "price_mean": fmean(p)},
        }
        if rows
        else dict.fromkeys(("open", "high", "low", "close", "size_mean", "price_mean"))
    )
    for name, x in (("size", q), ("price", p)):
        out[f"{name}_m2"] = math.fsum((v - out[f"{name}_mean"]) ** 2 for v in x)
    out |= {"volume": math.fsum(q), "trades": len(rows)}
    out["bought"] = math.fsum(r["amount"] for r in rows if r["side"] == 1)
    out["sold"] = math.fsum(r["amount"] for r in rows if r["side"] == -1)
    return out


def history_columns(o: Oracle, t: int) -> Row:
    rows = o.within(t)
    before = [r["amount"] for r in o.within(t - MINUTE, 60)]
    limit = fmean(before) + 2 * sample_std(before) if len(before) > 1 else math.inf
    five, hour = [r["price"] for r in o.within(t, 5)], o.within(t, 60)
    earlier = [r for r in o.trades if r["t"] < t and t - r["t"] <= MINUTE]
    path = [r["price"] for r in earlier[-1:] + rows]
    vwap = (
        math.fsum(r["price"] * r["amount"] for r in hour) / math.fsum(r["amount"] for r in hour)
        if hour
        else 0
    )
    out: Row = {
        "large_trades": sum(r["amount"] > limit for r in rows),
        "tick_volatility_5m": 1e4 * sample_std(five) / five[-1] if len(five) > 1 else 0.0,
        "realized_variance": 1e8 * math.fsum(math.log(b / a) ** 2 for a, b in pairwise(path)),
        "vwap_distance": 1e4 * (hour[-1]["price"] - vwap) / vwap if hour else 0.0,
    }
    need = {"large_trades": 61, "tick_volatility_5m": 5, "realized_variance": 2, "vwap_distance": 60}
    return {name: x if o.alive_for(t, need[name]) else None for name, x in out.items()}


def book_columns(o: Oracle, t: int) -> Row:
    out: Row = {}
    for levels, seconds, name in (
        (1, "book_seconds", "order_book_imbalance"),
        (5, "book_seconds_5", "book_pressure_5"),
        (10, "book_seconds_10", "book_pressure_10"),
    ):
        out[seconds], out[name] = o.time_weighted(t, levels, imbalance(levels))
    out["bid_ask_spread"] = o.time_weighted(t, 1, spread_bp)[1]
    five, one = o.state(t + MINUTE, 5), o.state(t + MINUTE, 1)
    out["weighted_mid_price"] = None if five is None else weighted_mid(five)
    out["microprice"] = None if one is None else microprice(one)
    out["mid_start"] = mid(o.state(t, 1))
    out["level1_size_sum"] = o.integral(t, lambda row: (row["bid_amount_1"] + row["ask_amount_1"]) / 2)
    out["flow_imbalance_sum"] = order_flow(o, t)
    pairs = [(r, mid(o.state(r["t"], 1))) for r in o.within(t)]
    known = [(r, m) for r, m in pairs if m is not None]
    out["effective_spread_amount"] = math.fsum(r["amount"] for r, _ in known)
    out["effective_spread_sum"] = math.fsum(
        r["amount"] * 2e4 * r["side"] * (r["price"] - m) / m for r, m in known
    )
    if not o.alive_for(t, 2):
        out = dict.fromkeys(out)
    return out | {"mid_end": mid(one), "spread_volatility": spread_volatility(o, t), **counts(o, t)}


def order_flow(o: Oracle, t: int) -> float:
    """Each update of the minute against the one before it, where both are known and the older still stood."""
    total = 0.0
    for before, row in pairwise(o.book):
        if not t <= row["t"] < t + MINUTE or row["t"] - before["t"] > MINUTE:
            continue
        if not (level_one(before) and level_one(row)):
            continue
        for side, sign in (("bid", 1), ("ask", -1)):
            price, was = sign * row[f"{side}_price_1"], sign * before[f"{side}_price_1"]
            size, had = row[f"{side}_amount_1"], before[f"{side}_amount_1"]
            change = size if price > was else -had if price < was else size - had
            total += sign * change
    return total


def level_one(row: Row) -> bool:
    numbers = [row[f"{s}_{w}_1"] for s in ("bid", "ask") for w in ("price", "amount")]
    return all(x is not None for x in numbers) and row["ask_price_1"] > row["bid_price_1"]


def spread_volatility(o: Oracle, t: int) -> float | None:
    spreads = [o.time_weighted(t - k * MINUTE, 1, spread_bp)[1] for k in range(10)]
    if not o.alive_for(t, 11) or any(x is None for x in spreads):
        return None
    return sample_std([x for x in spreads if x is not None])


def counts(o: Oracle, t: int) -> Row:
    crossed = [
        row
        for row in o.book
        if t <= row["t"] < t + MINUTE
        and row["bid_price_1"] is not None
        and row["ask_price_1"] is not None
        and row["ask_price_1"] <= row["bid_price_1"]
    ]
    return {"late": o.late.get(t, 0), "crossed": len(crossed)}


def assert_same(got: Row, want: Row, t: int) -> None:
    for name in MINUTE_BARS:
        if name == "open_time":
            continue
        where = f"{name} at minute {(t - MIDNIGHT) // MINUTE}"
        if want[name] is None or got[name] is None:
            assert got[name] is want[name], f"{where}: {got[name]} != {want[name]}"
        else:
            assert got[name] == pytest.approx(want[name], rel=1e-9, abs=1e-9), where


@pytest.mark.parametrize(
    ("seed", "trades", "updates", "dead", "check"),
    [
        (1, 4.0, 6.0, 0.0, True),  # unbroken: the 61-minute columns exist
        (2, 4.0, 6.0, 0.0, False),
        (3, 2.0, 1.2, 0.05, True),  # sparse and torn
        (4, 0.3, 8.0, 0.0, True),  # hardly a trade
        (5, 6.0, 0.2, 0.01, True),  # hardly a book
        (6, 1.0, 2.0, 0.3, True),
    ],
)
def test_every_column_equals_the_slow_reading(
    seed: int, trades: float, updates: float, dead: float, check: bool
) -> None:
    tape, book = random_market(seed, trades=trades, updates=updates, dead=dead)
    oracle = Oracle.of(tape, book, check)
    rows = minute_bars(tape, book, DAY, check_local_time=check).to_dicts()
    minutes = [MIDNIGHT + k * MINUTE for k in range(30)]
    assert [micro(row["open_time"]) for row in rows] == [t for t in minutes if oracle.alive(t)]
    for row in rows:
        t = micro(row["open_time"])
        want = trade_columns(oracle, t) | history_columns(oracle, t) | book_columns(oracle, t)
        assert_same(row, want, t)


def test_the_random_markets_reach_every_column() -> None:
    """The comparison above would be empty for a column that is null everywhere."""
    tape, book = random_market(1, trades=4.0, updates=6.0)
    rows = minute_bars(tape, book, DAY)
    assert {name for name in rows.columns if rows[name].null_count() == len(rows)} <= {"spread_volatility"}
    calm = minute_bars(*random_market(2, trades=4.0, updates=40.0), DAY)
    assert calm["spread_volatility"].null_count() < len(calm)
    assert rows["late"].sum() > 0
    assert rows["crossed"].sum() > 0
    assert rows["large_trades"].sum() > 0
    assert (rows["flow_imbalance_sum"].drop_nulls() != 0).sum() > 5
