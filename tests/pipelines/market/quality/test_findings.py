"""Findings: each fault is found by the check that is about it, and by no other; sound data has none."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from pipelines.errors import BadSettings
from pipelines.market.assembly import assemble
from pipelines.market.quality import (
    BLOCKING,
    FINDINGS,
    TELLING,
    QualityLimits,
    Waiver,
    add_delays,
    as_table,
    findings,
    tick_day,
)
from pipelines.market.quality.ticks import quantile
from pipelines.market.schemas import FIRST_SEEN, ORDER_BOOK, REVISIONS
from tests.pipelines.market.quality.faulty import (
    DAY,
    SAID,
    at,
    books,
    candles,
    failed,
    found,
    inputs,
    put,
    trades,
)

NO_BOOK = pl.DataFrame(schema=ORDER_BOOK)


def test_sound_data_has_no_finding_and_every_check_speaks() -> None:
    given = inputs(candles())
    assert failed(given) == set()
    every = findings(given, QualityLimits())
    assert [one.name for one in every] == [*BLOCKING, *TELLING]
    assert [one.name for one in every if one.blocking] == list(BLOCKING)
    assert all(one.sentence.endswith(".") for one in every)
    kept = as_table(every)
    assert kept.schema == pl.Schema(FINDINGS)
    assert kept.height == len(every)


@pytest.mark.parametrize(("without", "fails"), [(range(10, 13), False), (range(10, 14), True)])
def test_unknown_minutes_above_the_share_block(without: range, fails: bool) -> None:
    """3 of 60 are 5 %, 4 are not."""
    given = inputs(candles(without=tuple(without)))
    gaps = found(given)["gaps"]
    assert (not gaps.passed) == fails
    assert gaps.value == pytest.approx(len(without) / 60)
    assert failed(given) == ({"gaps"} if fails else set())
    assert gaps.rows.select("time", "bars").rows() == [(at(10), len(without))]


def test_a_gap_may_be_waived_by_name_and_no_other_symbol_or_timeframe_with_it() -> None:
    given = inputs(candles(without=tuple(range(10, 20))))

    def limits(symbol: str = "BTC-USD", timeframe: str = "") -> QualityLimits:
        waiver = Waiver(symbol, at(10).replace(tzinfo=None), at(20), "the venue was being moved", timeframe)
        return QualityLimits(waived=(waiver,))

    assert failed(given, limits()) == failed(given, limits(timeframe="1m")) == set()
    assert "10 more are waived by name" in found(given, limits())["gaps"].sentence
    assert failed(given, limits(timeframe="1h")) == failed(given, limits("ETH-USD")) == {"gaps"}


def test_a_history_shorter_than_half_of_what_was_asked_for_is_told() -> None:
    given = inputs(candles(without=(*range(16), *range(45, 60))))
    history = found(given)["history"]
    assert failed(given) == {"history"}
    assert history.value == pytest.approx(31 / 60)
    assert (
        "go from 2024-07-19 00:16 to 2024-07-19 00:45, asked for were 2024-07-19 00:00 to" in history.sentence
    )


def test_duplicates_disorder_and_contradictions_each_block_under_their_own_name() -> None:
    sound = candles()
    bars = assemble(inputs(sound).bars.head(0), sound, sound, "1m")
    assert failed(inputs(sound, bars=pl.concat([bars[:1], bars]))) == {"duplicates"}
    assert failed(inputs(sound, bars=bars.reverse())) == {"order"}
    assert failed(inputs(put(sound, 7, high=99.0))) == {"ohlc"}
    assert failed(inputs(put(sound, 7, volume=-1.0))) == {"ohlc"}
    assert found(inputs(put(sound, 7, close=float("nan"))))["ohlc"].rows["open_time"].unique().to_list() == [
        at(7)
    ]


def test_a_fault_of_raw_candles_is_found_where_ticks_hide_it() -> None:
    given = inputs(put(candles(), 7, high=99.0), bars=inputs(candles()).bars)
    assert failed(given) == {"ohlc"}
    assert "0 of 60 bars and 1 of 60 candles" in found(given)["ohlc"].sentence


@pytest.mark.parametrize(
    "values", [{"low": 40.0}, {"high": 160.0}, {"open": 151.0, "high": 151.0, "close": 151.0}]
)
def test_a_price_that_nobody_near_has_seen_blocks(values: dict[str, float]) -> None:
    given = inputs(put(candles(), 30, **values))
    assert failed(given) == {"outliers"}
    assert found(given)["outliers"].rows["open_time"].to_list() == [at(30)]


def test_a_second_market_confirms_a_move_or_denies_it() -> None:
    crash = {"open": 45.0, "low": 40.0, "close": 45.0, "high": 46.0}
    given = put(candles(), 30, **crash)
    assert failed(inputs(given, second=candles())) == {"outliers"}
    assert failed(inputs(given, second=candles().filter(pl.col("open_time") != at(30)))) == {"outliers"}
    confirmed = inputs(given, second=put(candles(), 30, **crash))
    assert failed(confirmed) == set()
    assert "1 more are confirmed by it" in found(confirmed)["outliers"].sentence


def test_a_level_that_lasts_is_no_outlier_and_two_bars_alone_are_not_judged() -> None:
    fallen = pl.concat([candles(30), candles(60, tuple(range(30)), close=55.0)])
    assert failed(inputs(fallen)) == set()
    assert failed(inputs(put(candles(2), 1, high=900.0)), QualityLimits(unknown_share=1.0)) <= {"history"}


def test_verified_empty_bars_above_the_share_are_told() -> None:
    late = pl.col("open_time") >= at(47)
    silent = candles().with_columns(
        pl.when(late).then(0.0).otherwise("volume").alias("volume"),
        *(pl.when(late).then("close").otherwise(name).alias(name) for name in ("open", "high", "low")),
    )
    given = inputs(silent)
    assert failed(given) == {"filled"}
    assert found(given)["filled"].value == pytest.approx(13 / 60)


def test_revised_candles_above_the_share_are_told() -> None:
    seen = candles().with_columns(
        seen_at=pl.lit(at(90)), origin=pl.lit("candle"), market=pl.lit("one.BTC-USD")
    ).cast(pl.Schema(FIRST_SEEN))  # fmt: skip
    later = candles(1).with_columns(seen_at=pl.lit(at(99)), volume=pl.lit(6.0)).cast(pl.Schema(REVISIONS))
    assert failed(inputs(seen, revisions=later)) == {"revisions"}
    assert found(inputs(seen, revisions=later))["revisions"].value == pytest.approx(1 / 60)
    assert found(inputs(candles()))["revisions"].value is None


def test_tick_bars_are_held_against_the_venues_own_candles_and_no_repaired_ones() -> None:
    told = candles().with_columns(origin=pl.lit("candle"))
    bars = inputs(candles()).bars.with_columns(origin=pl.lit("ticks"))
    assert failed(inputs(told, bars=bars)) == set()
    apart = put(told, 7, volume=5.1)
    mismatch = found(inputs(apart, bars=bars))["ticks_match_candles"]
    assert (mismatch.passed, mismatch.value) == (False, pytest.approx(1 / 60))
    assert "worst: 2024-07-19 00:07, close +0.000%, volume -1.96%" in mismatch.sentence
    assert found(inputs(put(told, 7, volume=5.004), bars=bars))["ticks_match_candles"].value == 0.0
    rebuilt = apart.with_columns(origin=pl.lit("ticks"))
    assert found(inputs(rebuilt, bars=bars))["ticks_match_candles"].value is None


def test_missing_trade_ids_are_told_where_a_venue_counts() -> None:
    whole, _ = tick_day(DAY, trades(list(range(1000, 1100))), NO_BOOK)
    holey, _ = tick_day(DAY + timedelta(days=1), trades([*range(1100, 1150), *range(1155, 1200)]), NO_BOOK)
    sparse, _ = tick_day(DAY, trades([7, 900, 12345]), NO_BOOK)
    assert failed(inputs(candles(), tick_days=whole)) == set()
    both = inputs(candles(), tick_days=pl.concat([whole, holey]))
    assert failed(both) == {"trade_ids"}
    assert (
        "cover 95.000% of the worst of 2 days (2024-07-20: 5 of 100 ids are not there)"
        in found(both)["trade_ids"].sentence
    )
    assert found(inputs(candles(), tick_days=sparse))["trade_ids"].value is None
    doubled, _ = tick_day(DAY, trades([1, 2, 2, 3]), NO_BOOK)
    assert failed(inputs(candles(), tick_days=doubled)) == {"trade_ids"}


def days_of(*ids: list[int], venue: str = "", apart: int = 1) -> pl.DataFrame:
    """TICK_DAYS of trades with these ids, a day each, so many days apart."""
    rows = [
        tick_day(DAY + n * apart * timedelta(days=1), trades(numbers), NO_BOOK, venue)[0]
        for n, numbers in enumerate(ids)
    ]
    return pl.concat(rows)


def test_a_day_that_lost_most_of_its_ids_is_judged_by_the_markets_best_day() -> None:
    """Two of five ids are left: by itself such a day looks like one of a venue that skips ids."""
    whole, thin = list(range(1000, 2000)), [n for n in range(2000, 3000) if n % 5 < 2]
    judged = found(inputs(candles(), tick_days=days_of(whole, thin)))["trade_ids"]
    assert (judged.passed, judged.value) == (False, pytest.approx(1 - 400 / 997))
    assert found(inputs(candles(), tick_days=days_of(thin)))["trade_ids"].value is None
    known = found(inputs(candles(), tick_days=days_of(thin, venue="binance-futures")))["trade_ids"]
    assert (known.passed, known.value) == (False, pytest.approx(1 - 400 / 997))


def test_two_neighbouring_ids_do_not_make_a_venue_that_counts() -> None:
    sparse = [list(range(n, n + 10**6, 1000)) for n in (0, 2 * 10**6)]
    given = days_of(*sparse, [5 * 10**6, 5 * 10**6 + 1])
    assert found(inputs(candles(), tick_days=given))["trade_ids"].value is None


def test_ids_that_are_missing_between_two_days_are_missing() -> None:
    """Whole days, but 300 ids between them: the dump ended early. A day further on says nothing of that."""
    days = [list(range(1, 1001)), list(range(1301, 2001))]
    lost = found(inputs(candles(), tick_days=days_of(*days)))["trade_ids"]
    assert (lost.passed, lost.value) == (False, pytest.approx(300 / 1000))
    assert "(2024-07-20: 300 of 1,000 ids are not there)" in lost.sentence
    assert failed(inputs(candles(), tick_days=days_of(*days, apart=2))) == set()


def test_a_venue_that_begins_anew_each_day_misses_nothing_at_midnight() -> None:
    days = [list(range(n * 10**6 + 1, n * 10**6 + 500)) for n in (1, 2, 3)]
    assert failed(inputs(candles(), tick_days=days_of(*days))) == set()
    assert failed(inputs(candles(), tick_days=days_of(*days, venue="synthetic"))) == set()
    assert failed(inputs(candles(), tick_days=days_of(*days, venue="coinbase"))) == {"trade_ids"}


def test_trades_that_were_numbered_by_arrival_have_no_ids_to_judge() -> None:
    given = inputs(candles(), tick_days=days_of(list(range(50)), list(range(70)), venue="kraken"))
    told = found(given)["trade_ids"]
    assert (told.passed, told.value) == (True, None)
    assert "lost trades leave no trace" in told.sentence


def test_books_that_a_source_left_out_as_crossed_are_counted() -> None:
    row, _ = tick_day(DAY, trades([1]), books([1.0] * 97), left_out=3)
    assert row.select("books", "crossed", "locked").rows() == [(100, 3, 0)]
    crossed = found(inputs(candles(), tick_days=row))["crossed_books"]
    assert (crossed.passed, crossed.value) == (False, 0.03)


def test_crossed_and_locked_books_are_counted() -> None:
    row, _ = tick_day(DAY, trades([1]), books([1.0, 0.0, -1.0, None, 2.0]))
    assert row.select("books", "crossed", "locked").rows() == [(4, 1, 1)]
    crossed = found(inputs(candles(), tick_days=row))["crossed_books"]
    assert (crossed.passed, crossed.value) == (False, 0.5)


def test_a_clock_that_runs_behind_or_far_off_is_told() -> None:
    """1.52 s behind, as the recorder of ../shared/data was: every event is received before it happens."""

    def of(delay: list[float]) -> pl.DataFrame:
        return add_delays([tick_day(DAY, trades(list(range(len(delay))), delay), NO_BOOK)[1]])

    assert failed(inputs(candles(), delays=of([0.05, 0.06, 0.3]))) == set()
    behind = inputs(candles(), delays=of([-1.52] * 99 + [0.4]))
    assert failed(behind) == {"clock"}
    assert "-1.52 s from exchange time in the median" in found(behind)["clock"].sentence
    assert "99.00% of the events" in found(behind)["clock"].sentence
    assert failed(inputs(candles(), delays=of([8.2] * 5))) == {"clock"}


def test_delays_of_days_add_up_and_their_quantiles_are_good_to_three_digits() -> None:
    values = [0.001 * k for k in range(1, 1001)]
    parts = [
        tick_day(DAY, trades(list(range(500)), part), NO_BOOK)[1] for part in (values[:500], values[500:])
    ]
    whole = add_delays(parts)
    assert whole["count"].sum() == 1000
    assert quantile(whole, 0.5) == pytest.approx(0.5, rel=5e-3)
    assert quantile(whole, 0.99) == pytest.approx(0.99, rel=5e-3)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: Waiver("BTC-USD", at(1), at(1), "x"), "before it starts"),
        (lambda: Waiver("BTC-USD", at(1), at(2), " "), "has no reason"),
        (lambda: QualityLimits(unknown_share=-0.1), r"quality\.unknown_share is -0\.1"),
    ],
)
def test_limits_that_mean_nothing_are_refused(make: object, why: str) -> None:
    with pytest.raises(BadSettings, match=why):
        make()  # type: ignore[operator]


def test_limits_are_what_settings_can_say() -> None:
    from pydantic import TypeAdapter

    said = {
        "unknown_share": 0.1,
        "waived": [
            {"symbol": "BTC-USD", "start": date(2024, 7, 19), "end": date(2024, 7, 20), "reason": "x"}
        ],
    }
    limits = TypeAdapter(QualityLimits).validate_python(said)
    assert limits.waived_spans("BTC-USD", "1h") == [
        (datetime(2024, 7, 19, tzinfo=UTC), datetime(2024, 7, 20, tzinfo=UTC))
    ]
    assert SAID.is_empty()
