"""bars: which source makes a minute, what an empty bar carries, and what quality counts. Goldens by hand."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import UnknownName
from pipelines.market.bars import from_candles, one_minute, quality
from pipelines.market.schemas import BARS, CANDLES, MINUTE_AGGREGATES, MINUTE_BARS

START = datetime(2024, 7, 19, tzinfo=UTC)
NO_TICKS = pl.DataFrame(schema=MINUTE_BARS)
NO_CANDLES = pl.DataFrame(schema=CANDLES)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def ticks(closes: dict[int, float | None]) -> pl.DataFrame:
    """Minute bars by minute: flat at the close, one trade of 2; None = the feed lived and nobody traded."""
    rows = [
        {
            "open_time": at(m),
            **dict.fromkeys(("open", "high", "low", "close", "price_mean"), c),
            **{
                "volume": 2.0 if c else 0.0,
                "trades": 1 if c else 0,
                "bought": 2.0 if c else 0.0,
                "sold": 0.0,
            },
            **{"book_seconds": 60.0, "bid_ask_spread": 1.5},
        }
        for m, c in closes.items()
    ]
    return pl.DataFrame(rows, schema_overrides=MINUTE_BARS).select(
        pl.col(name) if name in rows[0] else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in MINUTE_BARS.items()
    )


def candles(rows: dict[int, tuple[float, float]], step: int = 1) -> pl.DataFrame:
    """Candles by minute: (close, volume), open and low one below, high one above; flat where nothing was traded."""
    return pl.DataFrame(
        [(at(m * step), c - bool(v), c + bool(v), c - bool(v), c, v) for m, (c, v) in rows.items()],
        schema=CANDLES,
        orient="row",
    )


def told(bars: pl.DataFrame) -> list[tuple[int, str, float]]:
    minutes = ((bars["open_time"] - START).dt.total_minutes()).to_list()
    return list(zip(minutes, bars["origin"].to_list(), bars["close"].to_list(), strict=True))


def test_whole_minutes_of_ticks_win_over_candles_and_candles_fill_the_rest() -> None:
    """Ticks of 1 to 3: only minute 2 is known to be whole; minute 3 is the last, but no candle knows it better."""
    bars = one_minute(
        ticks({1: 101.0, 2: 102.0, 3: 103.0}),
        candles({0: (90.0, 5.0), 1: (91.0, 5.0), 2: (92.0, 5.0), 4: (94.0, 5.0)}),
    )
    assert told(bars) == [
        *((0, "candle", 90.0), (1, "candle", 91.0), (2, "ticks", 102.0)),
        *((3, "ticks", 103.0), (4, "candle", 94.0)),
    ]
    assert bars.schema == pl.Schema(BARS)


@given(alive=st.sets(st.integers(0, 20), min_size=1))
def test_a_minute_is_made_of_ticks_exactly_when_the_feed_lived_before_and_after_it(alive: set[int]) -> None:
    """A recording may begin, end or reconnect in the middle of a minute; every candle is complete."""
    bars = one_minute(
        ticks({m: 100.0 + m for m in sorted(alive)}), candles(dict.fromkeys(range(21), (90.0, 5.0)))
    )
    whole = {m for m in alive if {m - 1, m + 1} <= alive}
    assert told(bars) == [(m, "ticks", 100.0 + m) if m in whole else (m, "candle", 90.0) for m in range(21)]


def test_a_candle_without_volume_yields_to_ticks_at_an_edge_too() -> None:
    """Half a minute in which somebody traded disproves a candle in which nobody did."""
    bars = one_minute(ticks({1: 101.0, 2: None}), candles({1: (90.0, 0.0), 2: (91.0, 0.0)}))
    assert told(bars) == [(1, "ticks", 101.0), (2, "verified-empty", 101.0)]
    assert bars["bid_ask_spread"].to_list() == [1.5, 1.5]


def test_a_live_minute_without_a_trade_is_flat_at_the_close_before_it() -> None:
    bars = one_minute(ticks({0: 100.0, 1: None, 2: None, 3: 103.0}), NO_CANDLES)
    assert told(bars) == [
        *(
            (0, "ticks", 100.0),
            (1, "verified-empty", 100.0),
            (2, "verified-empty", 100.0),
            (3, "ticks", 103.0),
        )
    ]
    empty = bars.row(1, named=True)
    assert (empty["open"], empty["high"], empty["low"], empty["volume"]) == (100.0, 100.0, 100.0, 0.0)
    assert (empty["trades"], empty["bought"], empty["bid_ask_spread"]) == (0, 0.0, 1.5)  # the book was there


def test_an_empty_minute_carries_the_close_of_a_candle_too() -> None:
    bars = one_minute(ticks({1: None}), candles({0: (90.0, 5.0)}))
    assert told(bars) == [(0, "candle", 90.0), (1, "verified-empty", 90.0)]


def test_an_empty_minute_after_an_unknown_one_is_no_row() -> None:
    """Minute 1 is unknown, so what minutes 2 and 3 would carry is not known; minute 5 follows minute 4."""
    bars = one_minute(ticks({0: 100.0, 2: None, 3: None, 4: 104.0, 5: None}), NO_CANDLES)
    assert told(bars) == [(0, "ticks", 100.0), (4, "ticks", 104.0), (5, "verified-empty", 104.0)]


def test_a_candle_with_volume_disproves_an_empty_tick_minute() -> None:
    bars = one_minute(ticks({0: 100.0, 1: None}), candles({1: (95.0, 3.0)}))
    assert told(bars) == [(0, "ticks", 100.0), (1, "candle", 95.0)]


def test_a_candle_without_volume_is_verified_empty_with_what_no_trade_implies() -> None:
    """Its own prices yield to the close before it; only the first bar of all has nothing else."""
    bars = from_candles(candles({0: (90.0, 0.0), 1: (91.0, 0.0), 2: (92.0, 4.0), 3: (99.0, 0.0)}), "1m")
    assert told(bars) == [
        *((0, "verified-empty", 90.0), (1, "verified-empty", 90.0)),
        *((2, "candle", 92.0), (3, "verified-empty", 92.0)),
    ]
    empty, candle = bars.row(3, named=True), bars.row(2, named=True)
    assert (empty["open"], empty["high"], empty["low"]) == (92.0, 92.0, 92.0)
    stated = ("trades", "bought", "sold", "size_m2", "price_m2", "large_trades", "realized_variance")
    assert [empty[name] for name in stated] == [0] * 7
    assert [empty[name] for name in MINUTE_AGGREGATES if name not in stated] == [None] * 22
    assert [candle[name] for name in MINUTE_AGGREGATES] == [None] * len(MINUTE_AGGREGATES)


@given(
    volume=st.sampled_from([0.0, 5.0]),
    moved=st.sampled_from(["", "open", "high", "low", "close"]),
    market=st.sampled_from([None, "coinbase.BTC-USD", "alpaca.BTC-USD"]),
)
def test_a_candle_is_quiet_at_volume_0_and_one_price_or_where_quotes_make_the_prices(
    volume: float, moved: str, market: str | None
) -> None:
    """A range was traded, whatever the volume says; only Alpaca's quiet candles have one, of its quotes."""
    values = {**dict.fromkeys(("open", "high", "low", "close"), 100.0), "volume": volume}
    values |= (
        {moved: 100.0 + (moved == "high") - (moved == "low") + (moved in ("open", "close"))} if moved else {}
    )
    values["high"] = max(values["open"], values["high"], values["close"])
    told_of = candles({0: (90.0, 5.0), 1: (100.0, 5.0), 2: (95.0, 5.0)}).with_columns(market=pl.lit(market))
    at_one = pl.col("open_time") == at(1)
    table = told_of.with_columns(
        pl.when(at_one).then(value).otherwise(pl.col(name)).alias(name) for name, value in values.items()
    )
    quiet = volume == 0 and (not moved or market == "alpaca.BTC-USD")
    for bars in (from_candles(table, "1m"), one_minute(NO_TICKS, table)):
        bar = bars.row(1, named=True)
        assert bar["origin"] == ("verified-empty" if quiet else "candle")
        carried = dict.fromkeys(("open", "high", "low", "close"), 90.0) | {"volume": 0.0}
        assert {name: bar[name] for name in values} == (carried if quiet else values)
        assert quality(bars, "1m").sound


def test_a_close_is_not_carried_over_a_gap_of_the_timeframe() -> None:
    """Hours 0 and 2: the empty candle of hour 2 has only its own close."""
    bars = from_candles(candles({0: (90.0, 1.0), 2: (99.0, 0.0)}, step=60), "1h")
    assert bars["close"].to_list() == [90.0, 99.0]


def test_an_unknown_timeframe_is_refused() -> None:
    with pytest.raises(UnknownName, match="7m"):
        from_candles(NO_CANDLES, "7m")


def test_no_input_gives_no_bars() -> None:
    assert one_minute(NO_TICKS, NO_CANDLES).schema == pl.Schema(BARS)
    assert quality(one_minute(NO_TICKS, NO_CANDLES), "1m").rows == 0


def test_quality_of_a_clean_table_with_two_gaps() -> None:
    """Minutes 0, 1, 3, 7: one missing, then three; the last is empty."""
    bars = from_candles(candles({0: (9.0, 1.0), 1: (9.0, 1.0), 3: (9.0, 1.0), 7: (9.0, 0.0)}), "1m")
    found = quality(bars, "1m")
    assert (found.rows, found.gaps, found.missing, found.longest_gap) == (4, 2, 4, 3)
    assert found.verified_empty_share == 0.25
    assert found.sound
    assert found.faults == {}
    assert found.as_dict()["sound"] is True


GOOD = {m: (9.0 + m, 1.0) for m in range(4)}


def altered(column: str, value: object) -> pl.DataFrame:
    """A sound table whose third row has one other value."""
    bars = from_candles(candles(GOOD), "1m")
    rows = bars.to_dicts()
    rows[2][column] = value
    return pl.DataFrame(rows, schema=BARS)


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        ("open_time", at(1), "duplicates"),
        ("open_time", at(-1), "unsorted"),
        ("open_time", at(2) + timedelta(seconds=1), "off_grid"),
        ("high", 10.5, "ohlc_violations"),
        ("low", 11.5, "ohlc_violations"),
        ("low", 0.0, "ohlc_violations"),
        ("volume", -1.0, "ohlc_violations"),
        ("close", None, "not_finite"),
        ("close", float("nan"), "not_finite"),
        ("volume", float("inf"), "not_finite"),
        ("origin", "verified-empty", "false_empty"),
    ],
)
def test_quality_names_each_fault_once(column: str, value: object, fault: str) -> None:
    found = quality(altered(column, value), "1m")
    assert getattr(found, fault) == 1
    assert found.faults[fault] == 1
    assert not found.sound
