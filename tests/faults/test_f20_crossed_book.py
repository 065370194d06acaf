"""F20: books whose bid is at or above the ask, over REST, in snapshots and in increments. Counted, never used."""

import gzip
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from pipelines.errors import BadAnswer
from pipelines.market.venue_settings import ExchangeSettings, VenuesConfig
from pipelines.settings import parse
from resources.clock import Clock
from resources.progress import LogProgress
from resources.venues.source import VenueSource
from tests.assets.world import REST
from tests.faults.conftest import NOW, START
from tests.faults.ticks import (
    MARKET,
    OPEN,
    SYMBOL,
    Roads,
    book_rows,
    crossed,
    files,
    finding,
    from_archive,
    ingest,
    l2_file,
    micros,
    minutes,
    ticks,
    trades_file,
)
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
EVERY = 10


def snapshots_file(seconds: int = 600) -> bytes:
    """A Tardis file of book_snapshot_5, one a second."""
    names = [
        f"{side}[{k}].{what}" for k in range(5) for side in ("asks", "bids") for what in ("price", "amount")
    ]
    lines = [",".join(["exchange", "symbol", "timestamp", "local_timestamp", *names])]
    for n in range(seconds):
        at = micros(OPEN + timedelta(seconds=n))
        cells = [f"{60_001 + k / 2},{n % 5 + 1},{60_000 - k / 2},{n % 7 + 1}" for k in range(5)]
        lines.append(",".join(["binance-futures", "BTCUSDT", str(at), str(at + 5000), *cells]))
    return gzip.compress("\n".join([*lines, ""]).encode(), 6, mtime=0)


@pytest.mark.parametrize("locked", [False, True], ids=["crossed", "locked"])
def test_f20_no_crossed_book_is_used(locked: bool, road: Roads) -> None:
    """Invariant: crossed snapshots used = 0; the user reads how many there were."""
    data = VenueData(tardis_files=files(trades=trades_file(), incremental_book_L2=l2_file(book_rows())))
    with Venue(data, now=NOW + timedelta(days=3)) as venue:
        venue.play("F20", every=EVERY, locked=locked, kind="dataset")
        running = road(venue, minutes(MARKET), from_archive(venue))
        ingest(running, "ingest_ticks", MARKET)
        assert f"{600 // EVERY} crossed or locked book states were left out" in running.notes("order_book")
        built = running.build(SYMBOL)
        assert built.success, running.notes()
    passed, sentence = finding(built, "crossed_books")
    assert not passed
    assert f"{600 // EVERY} of 600 book snapshots" in sentence, sentence
    book = ticks(running, "order_book", MARKET)
    assert book.height > 500
    assert crossed(book) == 0
    spread = running.table("bars", SYMBOL)["bid_ask_spread"].drop_nulls()
    assert len(spread) == 9, "the first minute has no book before it"
    assert (spread > 0).all()


@pytest.mark.parametrize("locked", [False, True], ids=["crossed", "locked"])
def test_crossed_snapshots_of_a_file_are_counted_and_left_out_of_every_aggregate(
    locked: bool, road: Roads
) -> None:
    """Snapshots are stored as they were sent; the rate is a finding, and no minute reads the crossed ones."""
    data = VenueData(tardis_files=files(trades=trades_file(), book_snapshot_5=snapshots_file()))
    with Venue(data, now=NOW + timedelta(days=3)) as venue:
        venue.play("F20", every=EVERY, locked=locked, kind="dataset")
        running = road(venue, minutes(MARKET), from_archive(venue, "book_snapshot_5"))
        ingest(running, "ingest_ticks", MARKET)
        built = running.build(SYMBOL)
        assert built.success, running.notes()
    passed, sentence = finding(built, "crossed_books")
    assert not passed
    counts = (
        "0 of 600 book snapshots are crossed and 60 locked"
        if locked
        else "60 of 600 book snapshots are crossed and 0 locked"
    )
    assert sentence == f"{counts} (10.000%)."
    bars = running.table("bars", SYMBOL).filter(pl.col("book_seconds") > 0)
    assert bars["crossed"].to_list() == [6] * 9, "of the first minute the book is not known"
    assert (bars["bid_ask_spread"].drop_nulls() > 0).all()
    assert bars["bid_ask_spread"].drop_nulls().len() > 0


def source(venue: Venue, root: Path) -> tuple[VenueSource, datetime]:
    """The real source over today, whose book alone can be asked for."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    universe = f"[universe]\nstart = {today:%Y-%m-%d}\nend = {today + timedelta(days=1):%Y-%m-%d}\n"
    universe += 'timeframes = ["1h"]\nwindows = []\n'
    universe += '[[universe.symbols]]\nsymbol = "BTC-USD"\nprimary = "coinbase.BTC-USD"\n'
    settings = parse(universe + '[source]\nkind = "synthetic"\n[source.synthetic]\n' + REST, {}, "test")
    config = VenuesConfig((ExchangeSettings("coinbase", base_url=f"{venue.url}/coinbase", trades=True),))
    return VenueSource(config, settings.universe, root, Clock(), LogProgress(), lambda _: {}), today


@pytest.mark.parametrize(("every", "stored", "asked"), [(2, 1, 2), (1, 0, 4)], ids=["once", "always"])
def test_a_crossed_answer_is_asked_for_again_with_patience_and_never_kept(
    every: int, stored: int, asked: int, tmp_path: Path
) -> None:
    """Over REST: another snapshot after a pause (a storm of questions is what crossed books cause), or none."""
    data = VenueData(candles={("coinbase", "BTC-USD", "1m"): synthetic_candles(START, 10)})
    with Venue(data) as venue:
        fault = venue.play("F20", every=every, kind="book")
        opened, today = source(venue, tmp_path)
        market = opened.universe.primary("BTC-USD")
        if stored:
            found = opened.order_book(market, today.date())
            assert found.frame.height == stored
            assert crossed(found.frame) == 0
            assert found.quarantine["reason"].str.starts_with("crossed: bid").to_list() == [True]
            assert "1 of 2 snapshots refused, another was used" in found.notes[0]
        else:
            with pytest.raises(
                BadAnswer, match=r"gave no usable book: .* found crossed: bid .* 4 times; ask again"
            ):
                opened.order_book(market, today.date())
        times = [seen.wall for seen in venue.of_kind("book", "coinbase")]
        assert len(times) == asked
        assert fault.played
        pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
        assert all(pause >= 0.5 * 2**turn * 0.95 for turn, pause in enumerate(pauses)), pauses
