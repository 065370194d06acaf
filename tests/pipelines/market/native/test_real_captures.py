"""The recorded feeds of /shared/data/raw_feeds against what others made of them, row for row."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain
from pathlib import Path

import polars as pl
import pytest

from pipelines.market.native import Normalised, normalise
from pipelines.market.rows import EARLIEST
from pipelines.market.schemas import BOOK_LEVELS
from pipelines.market.tardis.books import BookBuilder
from pipelines.market.tardis.rebuilding import typed_updates
from resources.sources.captures import read_capture

pytestmark = pytest.mark.real
NOW = datetime(2026, 11, 21, tzinfo=UTC)
KRAKEN_PAIRS = (
    *("WAVES/EUR", "XMR/USD", "KSM/XBT", "GRT/ETH", "SC/EUR"),
    *("ETH/CHF", "OCEAN/XBT", "OMG/USD", "XBT/CHF", "ADA/XBT"),
)
BINANCE = pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT"])
COINBASE = pytest.mark.parametrize("symbol", ["BTC-USD", "ETH-USD"])
SPOKEN = {
    "BTCUSDT": ("binance-futures", "2024-07-19"),
    "ETHUSDT": ("binance-futures", "2024-07-19"),
    "BTC-USD": ("coinbase", "2026-08-09"),
    "ETH-USD": ("coinbase", "2026-08-09"),
}


@cache
def read(exchange: str, symbol: str, *files: Path) -> Normalised:
    messages = chain.from_iterable(read_capture(path) for path in files)
    found = normalise(exchange, messages, symbol, (EARLIEST, NOW), files[0].name)
    assert found.sent == found.accounted
    assert found.quarantine.is_empty()
    return found


def feed(data: Path, symbol: str) -> Normalised:
    exchange, _ = SPOKEN[symbol]
    if exchange == "coinbase":
        return read(exchange, symbol, data / "raw_feeds/cryptofeed_COINBASE.jsonl.zst")
    names = [f"binance_usdm_{symbol.lower()}_{day}.gz" for day in ("20240718", "20240719")]
    return read(exchange, symbol, *(data / "raw_feeds" / name for name in names))


def derived(data: Path, symbol: str, kind: str) -> pl.DataFrame:
    exchange, day = SPOKEN[symbol]
    path = data / "tardis_format_derived" / f"{exchange}_{kind}_{day}_{symbol}.csv.gz"
    return pl.read_csv(path, infer_schema=False)


def micros(column: str) -> pl.Expr:
    return pl.col(column).to_physical().cast(pl.String)


def plain(column: str) -> pl.Expr:
    """A decimal without the trailing zeros that the derived files removed."""
    text = pl.col(column)
    return (
        pl.when(text.str.contains(".", literal=True))
        .then(text.str.strip_chars_end("0").str.strip_chars_end("."))
        .otherwise(text)
    )


@pytest.mark.parametrize("symbol", list(SPOKEN))
def test_trades_equal_the_derived_file_row_for_row(real_data: Path, symbol: str) -> None:
    ours = feed(real_data, symbol).trades
    theirs = derived(real_data, symbol, "trades").select(
        pl.col("timestamp").alias("time"),
        pl.col("local_timestamp").alias("local_time"),
        "id",
        pl.col("side").replace_strict({"buy": "1", "sell": "-1"}),
        pl.col("price").cast(pl.Float64),
        pl.col("amount").cast(pl.Float64),
    )
    ours = ours.select(
        micros("time"), micros("local_time"), pl.col("id", "side").cast(pl.String), "price", "amount"
    )
    assert ours.equals(theirs)


@pytest.mark.parametrize("symbol", list(SPOKEN))
def test_book_updates_equal_the_derived_file_row_for_row(real_data: Path, symbol: str) -> None:
    theirs = derived(real_data, symbol, "incremental_book_L2").drop("exchange", "symbol")
    ours = feed(real_data, symbol).updates.select(
        pl.col("timestamp", "local_timestamp", "is_snapshot").cast(pl.String),
        "side",
        plain("price"),
        plain("amount"),
    )
    assert ours.drop("local_timestamp").equals(theirs.drop("local_timestamp"))
    apart = (ours["local_timestamp"].cast(pl.Int64) - theirs["local_timestamp"].cast(pl.Int64)).abs()
    # cryptofeed wrote seconds as floats: the derived file multiplied them, we read the decimals
    assert apart.max() == (0 if symbol.endswith("USDT") else 1)
    assert (apart > 0).sum() < 20


@BINANCE
def test_quotes_equal_the_derived_file_row_for_row(real_data: Path, symbol: str) -> None:
    columns = ("ask_amount", "ask_price", "bid_price", "bid_amount")
    theirs = derived(real_data, symbol, "quotes").select(
        "timestamp", "local_timestamp", pl.col(columns).cast(pl.Float64)
    )
    ours = feed(real_data, symbol).quotes.select(
        micros("time").alias("timestamp"), micros("local_time").alias("local_timestamp"), *columns
    )
    assert ours.equals(theirs)


@BINANCE
def test_the_second_file_continues_the_first_without_a_missing_update_id(
    real_data: Path, symbol: str
) -> None:
    found = feed(real_data, symbol)
    assert found.invalid.is_empty()
    assert found.missing_ids == 0
    assert found.updates.filter("is_snapshot").height == 2000


@BINANCE
def test_without_one_message_of_the_second_file_the_rest_is_invalid(real_data: Path, symbol: str) -> None:
    names = [f"binance_usdm_{symbol.lower()}_{day}.gz" for day in ("20240718", "20240719")]
    first, second = (list(read_capture(real_data / "raw_feeds" / name))[:3000] for name in names)
    broken = [*first, *second[1:]]
    found = normalise("binance-futures", broken, symbol, (EARLIEST, NOW), "broken")
    start, end = found.invalid.select("time", "end").row(0)
    assert found.invalid.height == 1
    assert start < datetime(2024, 7, 19, tzinfo=UTC) < end
    assert "are missing" in found.invalid["reason"][0]
    assert found.sent == found.accounted


@BINANCE
def test_the_recorders_clock_runs_a_second_and_a_half_behind_and_that_is_said(
    real_data: Path, symbol: str
) -> None:
    found = feed(real_data, symbol)
    assert found.delay == pytest.approx(timedelta(seconds=-1.521), abs=timedelta(milliseconds=2))
    assert "recorder's clock runs -1.521 s" in found.notes[0]


@COINBASE
def test_coinbase_sequence_numbers_are_unbroken(real_data: Path, symbol: str) -> None:
    found = feed(real_data, symbol)
    assert found.invalid.is_empty()
    assert found.missing_ids == 0
    assert found.delay is not None
    assert found.delay > timedelta(0)
    messages = list(read_capture(real_data / "raw_feeds/cryptofeed_COINBASE.jsonl.zst"))
    numbers = [message["sequence_num"] for _, message in messages if "sequence_num" in message]
    assert numbers == list(range(1030))
    assert len(messages) == 1038 - 7, "a header, a connect and five subscriptions are no messages"


def test_coinbase_says_the_makers_side(real_data: Path) -> None:
    """Prints of makers who sold stand at or above the mid: the aggressor bought."""
    found = feed(real_data, "BTC-USD")
    path = real_data / "tardis_format_derived/coinbase_book_snapshot_5_2026-08-09_BTC-USD.csv.gz"
    mid = (pl.col("asks[0].price") + pl.col("bids[0].price")) / 2
    mids = pl.read_csv(path).select(pl.col("timestamp").alias("at"), mid.alias("mid")).set_sorted("at")
    trades = found.trades.with_columns(pl.col("time").to_physical().alias("at")).set_sorted("at")
    joined = trades.join_asof(mids, on="at").drop_nulls("mid")
    against = joined.filter((pl.col("price") - pl.col("mid")) * pl.col("side") < 0)
    assert joined.height > 40
    assert against.is_empty()


@pytest.mark.parametrize("symbol", list(SPOKEN))
def test_books_rebuilt_from_a_feed_equal_the_derived_snapshots(real_data: Path, symbol: str) -> None:
    """Row for row where the best ten levels changed; the derived files have a row where the best 25 did.

    Diffs that waited for the snapshot share its local time, and rows of one local time are applied together, so the
    first row is of both; the derived file has the snapshot by itself.
    """
    builder = BookBuilder()
    ours = pl.concat([builder.feed(typed_updates(feed(real_data, symbol).updates)), builder.finish()])
    theirs = derived(real_data, symbol, "book_snapshot_25").select(
        pl.col("timestamp").cast(pl.Int64).alias("at"),
        *(
            pl.col(f"{side}s[{level}].{what}").cast(pl.Float64).alias(f"{side}_{what}_{level + 1}")
            for level in range(BOOK_LEVELS)
            for side in ("bid", "ask")
            for what in ("price", "amount")
        ),
    )
    ours = ours.with_columns(pl.col("time").to_physical().alias("at")).select(theirs.columns)
    changed = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in theirs.columns[1:])
    theirs = theirs.filter(changed | (pl.int_range(pl.len()) == 0))
    updates = feed(real_data, symbol).updates
    with_snapshot = updates.filter(pl.col("local_timestamp") == updates["local_timestamp"][0])
    first = pl.col("at").is_in(with_snapshot["timestamp"].unique().to_list())
    assert builder.states.crossed == 0
    assert ours.filter(~first).equals(theirs.filter(~first))
    assert ours.height > 90


@BINANCE
def test_the_venues_own_best_quotes_confirm_the_updates(real_data: Path, symbol: str) -> None:
    """Each quote's best bid was put into the book by some update: the two streams are of one book."""
    found = feed(real_data, symbol)
    known = found.updates.filter(pl.col("side") == "bid").select(pl.col("price").cast(pl.Float64)).unique()
    share = found.quotes["bid_price"].is_in(known["price"].implode()).mean()
    assert share == pytest.approx(1.0, abs=3e-4)


def test_every_kraken_book_agrees_with_the_venues_checksums(real_data: Path) -> None:
    path = real_data / "raw_feeds/cryptofeed_KRAKEN.jsonl.zst"
    trades = 0
    for pair in KRAKEN_PAIRS:
        found = read("kraken", pair, path)
        assert found.invalid.is_empty()
        assert found.updates.filter("is_snapshot").height > 0
        trades += found.trades.height
    assert trades == 10


def test_a_hyperliquid_capture_is_whole_books_and_trades(real_data: Path) -> None:
    path = real_data / "raw_feeds/hyperliquid_l2book_btc_20250126.gz"
    found = read("hyperliquid", "BTC", path)
    channels = Counter(message["channel"] for _, message in read_capture(path))
    assert channels == {"l2Book": 46, "trades": 9}
    assert found.updates.filter("is_snapshot").height == 40
    assert found.updates["local_timestamp"].n_unique() == 46
    sent = sum(len(message["data"]) for _, message in read_capture(path) if message["channel"] == "trades")
    assert found.trades.height + found.repeats == sent


def test_deribit_changes_are_unbroken(real_data: Path) -> None:
    path = real_data / "raw_feeds/cryptofeed_DERIBIT.jsonl.zst"
    found = read("deribit", "BTC-24SEP21-8000-P", path)
    assert found.invalid.is_empty()
    assert found.updates["timestamp"].n_unique() > 20
    assert read("deribit", "ETH-27AUG21-4000-P", path).updates.is_empty(), "an option without a quote"


def test_aggregate_trades_and_http_snapshots_of_four_perpetuals(real_data: Path) -> None:
    path = real_data / "raw_feeds/cryptofeed_BINANCE_FUTURES.jsonl.zst"
    found = {s: read("binance-futures", s, path) for s in ("SUSHIUSDT", "CTKUSDT", "AKROUSDT", "KEEPUSDT")}
    assert [each.trades.height for each in found.values()] == [40, 38, 8, 5]
    assert [each.quotes.height for each in found.values()] == [305, 145, 88, 75]
    assert all(
        each.invalid.is_empty() and each.updates.filter("is_snapshot").height for each in found.values()
    )
    assert all(each.missing_ids == 0 for each in found.values())


def test_bybits_archive_is_a_snapshot_and_deltas(real_data: Path) -> None:
    path = real_data / "raw_feeds/bybit_xrpusdt_ob500.data.zip"
    found = read("bybit", "XRPUSDT", path)
    assert found.updates.filter("is_snapshot").height == 1000
    assert found.invalid.is_empty()
    assert found.updates["local_timestamp"].null_count() == found.updates.height
    assert sum(1 for _ in read_capture(path)) == 50
