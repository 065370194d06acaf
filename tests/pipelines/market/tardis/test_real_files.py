"""The real files parse to the rows that their README says, and show the defects that it names."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from pipelines.market.recorder_clock import trusts_local_time
from pipelines.market.rows import EARLIEST, Parsed
from pipelines.market.tardis.layouts import layout_of
from pipelines.market.tardis.rebuilding import book_hash, rebuild
from pipelines.market.tardis.stream import stream
from resources.sources.gathering import judged_clock
from resources.sources.reading import read_chunks
from resources.sources.source import Delivery

pytestmark = pytest.mark.real
WINDOW = (EARLIEST, datetime(2027, 1, 1, tzinfo=UTC))
FILE = re.compile(
    r"(?P<exchange>[a-z-]+)_(?P<type>[a-zA-Z0-9_]+)_(?P<day>\d{4}-\d\d-\d\d)_(?P<symbol>.+)\.csv\.gz"
)
LEVELS = [f"{s}_{w}_{n}" for s in ("bid", "ask") for w in ("price", "amount") for n in range(1, 11)]
BOOKS = [
    "binance-futures_{}_2024-07-19_BTCUSDT",
    "binance-futures_{}_2024-07-19_ETHUSDT",
    "coinbase_{}_2026-08-09_BTC-USD",
    "coinbase_{}_2026-08-09_ETH-USD",
]


def parts(path: Path, size: int = 2**20) -> Iterator[Parsed]:
    named = FILE.fullmatch(path.name)
    assert named is not None
    return stream(read_chunks(path), layout_of(named["type"]), str(path), WINDOW, size)


def rows_of(path: Path) -> pl.DataFrame:
    found = list(parts(path))
    assert sum(part.quarantine.height for part in found) == 0
    return pl.concat([part.rows for part in found])


def said(data: Path) -> dict[str, int]:
    """Rows by file, from the README's tables."""
    text = (data / "README.md").read_text()
    return {
        name: int(count) for name, count in re.findall(r"^\| (\S+\.csv\.gz) \| (\d+) \|", text, re.MULTILINE)
    }


def test_every_tardis_file_has_the_rows_of_its_readme_and_none_is_quarantined(real_data: Path) -> None:
    files = sorted(real_data.glob("tardis_*/*.csv.gz"))
    counts = {path.name: rows_of(path).height for path in files}
    expected = said(real_data)
    assert counts == {name: expected[name] for name in counts}
    assert len(counts) == 23


def test_heads_of_days_are_known_to_be_no_whole_days(real_data: Path) -> None:
    trades = rows_of(real_data / "tardis_original/binance-futures_trades_2020-02-22_BTCUSDT.csv.gz")
    quotes = rows_of(real_data / "tardis_original/binance-futures_quotes_2020-02-22_BTCUSDT.csv.gz")
    assert trades.height == quotes.height == 9999
    assert trades["time"].max() < datetime(2020, 2, 22, 2, 6, tzinfo=UTC)  # type: ignore[operator]
    assert (trades["id"].diff().drop_nulls() == 1).all()
    assert (trades["side"] == 1).sum() == 5267
    assert not (quotes["bid_price"] >= quotes["ask_price"]).any()
    delay = (trades["local_time"] - trades["time"]).dt.total_microseconds()
    assert (delay / 1e3).round().sort()[[0, -1]].to_list() == [115, 437]


def test_the_recorder_that_runs_behind_is_reported(real_data: Path) -> None:
    trades = rows_of(real_data / "tardis_format_derived/binance-futures_trades_2024-07-19_BTCUSDT.csv.gz")
    assert not trusts_local_time(trades)
    delivery = judged_clock(Delivery(trades.drop("#line")))
    assert not delivery.check_local_time
    assert delivery.notes[-1].startswith("recorder's clock runs -1.52")


def test_the_first_hundred_trades_of_coinbase_reach_back(real_data: Path) -> None:
    for symbol in ("BTC-USD", "ETH-USD"):
        trades = rows_of(real_data / f"tardis_format_derived/coinbase_trades_2026-08-09_{symbol}.csv.gz")
        delay = (trades["local_time"] - trades["time"]).dt.total_milliseconds()
        first = delay[:100]
        assert first.max() > 20_000  # type: ignore[operator]
        assert delay[100:].max() <= 1_000  # type: ignore[operator]
        assert 60_000 <= delay.max() <= 74_000  # type: ignore[operator]


@pytest.mark.parametrize("name", BOOKS)
def test_rebuilt_books_equal_the_recorded_snapshots(real_data: Path, name: str) -> None:
    folder = real_data / "tardis_format_derived"
    rebuilt = rebuild([parts(folder / f"{name.format('incremental_book_L2')}.csv.gz")])
    recorded = rows_of(folder / f"{name.format('book_snapshot_25')}.csv.gz")
    recorded = recorded.unique("local_time", keep="last", maintain_order=True)  # after all rows of a stamp
    same_stamp = rebuilt.book.join(recorded, on="local_time", suffix="_recorded")
    assert same_stamp.height == rebuilt.book.height  # no state at a stamp that the recorder has not
    assert _agree(same_stamp) == rebuilt.book.height
    standing = recorded.sort("local_time").join_asof(
        rebuilt.book.select("local_time", *LEVELS), on="local_time", suffix="_recorded"
    )
    assert _agree(standing) == recorded.height
    assert rebuilt.crossed == 0
    assert rebuilt.invalid.is_empty()


def _agree(joined: pl.DataFrame) -> int:
    return int(
        joined.select(
            pl.all_horizontal(pl.col(n).eq_missing(pl.col(f"{n}_recorded")) for n in LEVELS).sum()
        ).item()
    )


def test_a_day_replayed_twice_in_other_pieces_gives_the_same_books(real_data: Path) -> None:
    path = real_data / f"tardis_format_derived/{BOOKS[0].format('incremental_book_L2')}.csv.gz"
    once, twice = (book_hash([rebuild([parts(path, size)]).book]) for size in (2**24, 2**18))
    assert once == twice
