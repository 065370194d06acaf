"""Columns, dtypes and units of the market tables. Declarations only; readers and writers live elsewhere.

Times are microsecond UTC. Prices and amounts are float64: a decimal of up to 15 significant digits survives
the round trip text -> float64 -> shortest text unchanged, and the parsers quarantine anything longer, so the
exchange's exact decimal can always be had back with `Decimal(repr(x))`.
"""

import polars as pl

UTC_US = pl.Datetime("us", "UTC")
BOOK_LEVELS = 10

TRADES: dict[str, pl.DataType | type[pl.DataType]] = {
    "time": UTC_US,  # exchange time
    "local_time": UTC_US,  # the recorder's clock; null when not recorded
    "id": pl.Int64,  # the venue's id when it is an integer, else the arrival order; trades sort by (time, id)
    "side": pl.Int8,  # aggressor: +1 bought, -1 sold
    "price": pl.Float64,  # quote units
    "amount": pl.Float64,  # base units, > 0
}

ORDER_BOOK: dict[str, pl.DataType | type[pl.DataType]] = {
    "time": UTC_US,
    "local_time": UTC_US,
    **{
        f"{side}_{what}_{level}": pl.Float64  # null where the venue shows fewer levels; level 1 is the best
        for level in range(1, BOOK_LEVELS + 1)
        for side in ("bid", "ask")
        for what in ("price", "amount")
    },
}

CANDLES: dict[str, pl.DataType | type[pl.DataType]] = {
    "open_time": UTC_US,
    "open": pl.Float64,
    "high": pl.Float64,
    "low": pl.Float64,
    "close": pl.Float64,
    "volume": pl.Float64,  # base units
}

FIRST_SEEN: dict[str, pl.DataType | type[pl.DataType]] = {
    **CANDLES,
    "seen_at": UTC_US,  # when this value was first received; null for local files, which have no such moment
    "origin": pl.String,  # candle | ticks (rebuilt from the venue's own trades) | second-venue | verified-empty
    "market": pl.String,  # venue.SYMBOL that said so
}
"""Candles as they are kept: of each bar the value that was seen first, which is what a live trader had."""

REVISIONS: dict[str, pl.DataType | type[pl.DataType]] = {**CANDLES, "seen_at": UTC_US}
"""Values that differ from the first seen one, each with the moment it was first received."""

EVIDENCE: dict[str, pl.DataType | type[pl.DataType]] = {
    "time": UTC_US,  # start of the span
    "end": UTC_US,  # exclusive
    "kind": pl.String,  # verified-empty | unknown | venue-down
    "reason": pl.String,  # a sentence
    "seen_at": UTC_US,
}
"""What a source says about spans in which it had no candle."""

COVERAGE: dict[str, pl.DataType | type[pl.DataType]] = {
    "time": UTC_US,  # start of the span
    "end": UTC_US,  # exclusive
    "kind": pl.String,  # present | verified-empty | unknown | venue-down
    "bars": pl.Int64,  # bars of the timeframe in the span that the calendar expects
    "reason": pl.String,
}
"""The gap ledger: disjoint spans whose bars add up to every bar that the calendar expects."""

FILLS: dict[str, pl.DataType | type[pl.DataType]] = {
    "time": UTC_US,
    "address": pl.String,  # the wallet
    "coin": pl.String,  # the venue's name of what was traded
    "side": pl.Int8,  # of this wallet: +1 bought (B = bid), -1 sold (A = ask)
    "price": pl.Float64,  # quote units
    "size": pl.Float64,  # base units, > 0
    "id": pl.Int64,  # the venue's trade id; null where it gave none
}

FUNDING: dict[str, pl.DataType | type[pl.DataType]] = {
    "time": UTC_US,  # recorded stamp: the rate is known from here on, never rounded down
    "rate": pl.Float64,  # fraction per period, positive: longs pay
    "period_hours": pl.Float64,
}

MINUTE_AGGREGATES: dict[str, pl.DataType | type[pl.DataType]] = {
    "trades": pl.Int64,  # number of trades
    "bought": pl.Float64,  # base amount whose aggressor bought
    "sold": pl.Float64,  # base amount whose aggressor sold
    "size_mean": pl.Float64,  # mean trade amount; null when no trade
    "size_m2": pl.Float64,  # sum of squared deviations of trade amounts (Welford)
    "price_mean": pl.Float64,  # mean trade price; null when no trade
    "price_m2": pl.Float64,  # sum of squared deviations of trade prices (Welford)
    "large_trades": pl.Int64,  # trades above mean + 2 std of the previous 60 minutes' trades; null before 61 m
    "tick_volatility_5m": pl.Float64,  # feature 49 at this minute, bp; null before 5 m
    "realized_variance": pl.Float64,  # feature 50 at this minute, bp^2; null before 2 m
    "vwap_distance": pl.Float64,  # feature 52 at this minute, bp; null before 60 m
    "book_seconds": pl.Float64,  # seconds of the bar during which level 1 is known, 0..60
    "book_seconds_5": pl.Float64,  # the same for 5 levels
    "book_seconds_10": pl.Float64,  # the same for 10 levels
    "bid_ask_spread": pl.Float64,  # time-weighted, bp; null when unknown for more than half the bar
    "spread_volatility": pl.Float64,  # feature 35 at this minute, bp
    "order_book_imbalance": pl.Float64,  # time-weighted, [-1, 1]
    "book_pressure_5": pl.Float64,
    "book_pressure_10": pl.Float64,
    "weighted_mid_price": pl.Float64,  # last state, quote
    "microprice": pl.Float64,  # last state, quote
    "effective_spread_sum": pl.Float64,  # sum over trades of amount * effective spread (bp)
    "effective_spread_amount": pl.Float64,  # sum of the amounts that had a known mid before them
    "mid_start": pl.Float64,  # mid standing at the open
    "mid_end": pl.Float64,  # mid standing at the close
    "late": pl.Int64,  # events dropped because they arrived after close + 3 s
    "crossed": pl.Int64,  # book states excluded because bid > ask or crossed
    "flow_imbalance_sum": pl.Float64,  # base; signed level-1 size changes (order_flow.py); null before 2 m
    "level1_size_sum": pl.Float64,  # base*s: integral of (v_b + v_a)/2 over book_seconds; null before 2 m
}

MINUTE_BARS: dict[str, pl.DataType | type[pl.DataType]] = {**CANDLES, **MINUTE_AGGREGATES}
"""One row per minute in which the feed was alive; prices are null in a minute without a trade."""

BARS: dict[str, pl.DataType | type[pl.DataType]] = {
    **CANDLES,
    "origin": pl.String,  # ticks | candle | second-venue | verified-empty
    **MINUTE_AGGREGATES,  # null where the bar comes from candles
}
"""One row per known bar of a timeframe; an unknown or venue-down minute is no row."""
