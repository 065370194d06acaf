"""Trades that are lost while the book goes on: no bar of them may say that nobody traded (F14, F17, F21)."""

import gzip
from datetime import datetime, timedelta

import dagster as dg
import polars as pl
import pytest

from tests.assets.world import SILENT, metadata
from tests.faults.conftest import NOW, START, Road, universe_of
from tests.faults.ticks import (
    EXCHANGE,
    FRAMES,
    MARKET,
    NAME,
    OPEN,
    SYMBOL,
    TRADES,
    Roads,
    files,
    finding,
    from_archive,
    ingest,
    micros,
    minutes,
    ticks,
    trades_file,
)
from tests.venue import Venue, VenueData

pytestmark = pytest.mark.slow
LATER = NOW + timedelta(days=3)
HOUR = timedelta(hours=1)
BOOK = "book_snapshot_5"


def snapshots(seconds: int, start: datetime = OPEN, every: int = 1) -> bytes:
    """A Tardis file of book_snapshot_5: a state each `every` seconds."""
    sides = [f"{s}[{k}].{w}" for k in range(5) for s in ("asks", "bids") for w in ("price", "amount")]
    lines = [",".join(["exchange", "symbol", "timestamp", "local_timestamp", *sides])]
    for n in range(0, seconds, every):
        at = micros(start + timedelta(seconds=n))
        cells = [f"{60_001 + k / 2},{n % 5 + 1},{60_000 - k / 2},{n % 7 + 1}" for k in range(5)]
        lines.append(",".join([EXCHANGE, NAME, str(at), str(at + 5000), *cells]))
    return gzip.compress("\n".join([*lines, ""]).encode(), 6, mtime=0)


def packed(rows: list[str]) -> bytes:
    return gzip.compress("\n".join([TRADES, *rows, ""]).encode(), 6, mtime=0)


def rows_of(body: bytes) -> list[str]:
    return gzip.decompress(body).decode().splitlines()[1:]


def without(rows: list[str], start: datetime, end: datetime) -> list[str]:
    return [row for row in rows if not micros(start) <= int(row.split(",")[2]) < micros(end)]


def built(road: Roads, venue: Venue) -> Road:
    """The day's ticks and the bars that were made of them."""
    running = road(venue, minutes(MARKET), from_archive(venue, BOOK))
    ingest(running, "ingest_ticks", MARKET)
    running.build(SYMBOL)
    return running


def within(road: Road, start: datetime, end: datetime) -> pl.DataFrame:
    bars = road.table("bars", SYMBOL)
    return bars.filter(pl.col("open_time").is_between(start, end, closed="left"))


@pytest.mark.parametrize("outage", [False, True])
def test_an_hour_of_lost_trades_is_unknown_or_the_venue_was_down(road: Roads, outage: bool) -> None:
    """The book went on. Where the archive tells of the outage the ledger does too, else it tells what is missing."""
    hour = OPEN + HOUR, OPEN + 2 * HOUR
    thin = packed(without(rows_of(trades_file(count=3 * 7200)), *hour))
    data = VenueData(tardis_files=files(trades=thin, book_snapshot_5=snapshots(3 * 3600)))
    with Venue(data, now=LATER) as venue:
        if outage:
            venue.play("F21", how="incident", start=hour[0], end=hour[1], details="trades channel down")
        running = built(road, venue)
    assert within(running, *hour).is_empty()
    totals = running.totals(SYMBOL)
    assert (totals["present"], totals["verified-empty"]) == (120, 0)
    assert totals["venue-down"] == (60 if outage else 0)
    said = running.table("coverage", SYMBOL).filter(pl.col("time") == hour[0]).row(0, named=True)
    lost = "the order book went on without a trade, and 7,200 trade ids are missing there"
    assert (said["bars"], said["kind"]) == (60, "venue-down" if outage else "unknown")
    assert ("trades channel down" if outage else lost) in said["reason"]
    after = within(running, *(edge + HOUR for edge in hour))
    assert after["vwap_distance"].is_null().to_list() == [True] * 59 + [False]
    assert after["tick_volatility_5m"].is_null().to_list() == [True] * 4 + [False] * 56
    assert finding(running.runs[-1], "gaps")[0] is outage
    assert running.runs[-1].success is outage


def test_quiet_minutes_of_consecutive_ids_stay_verified_empty(road: Roads) -> None:
    """The same hour without a trade, in which none was made: the ids go on by one."""
    rows = trades_file(count=7200), trades_file(count=7200, start=OPEN + 2 * HOUR)
    later = [row.replace(f",{n + 1},", f",{n + 7201},", 1) for n, row in enumerate(rows_of(rows[1]))]
    quiet = packed([*rows_of(rows[0]), *later])
    data = VenueData(tardis_files=files(trades=quiet, book_snapshot_5=snapshots(3 * 3600)))
    with Venue(data, now=LATER) as venue:
        running = built(road, venue)
    hour = within(running, OPEN + HOUR, OPEN + 2 * HOUR)
    assert hour["origin"].to_list() == ["verified-empty"] * 60
    assert hour["bid_ask_spread"].null_count() == 0
    assert finding(running.runs[-1], "trade_ids")[0]


def test_a_dump_of_trades_that_ends_early_is_unknown_after_half_an_hour(road: Roads) -> None:
    """Whole gzips both: the trades end at 15:00, the book goes on to 17:00."""
    data = VenueData(tardis_files=files(trades=trades_file(count=7200), book_snapshot_5=snapshots(3 * 3600)))
    with Venue(data, now=LATER) as venue:
        running = built(road, venue)
        assert running.totals(SYMBOL)["verified-empty"] == 0
        assert within(running, OPEN + HOUR, START + 24 * HOUR).is_empty()
        assert "120 minutes in which only the order book was heard are no rows" in _minute_notes(running)


def test_a_day_of_books_without_its_trades_has_no_bar(road: Roads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TARDIS_API_KEY", "TD.key-of-this-test")
    second = START + 24 * HOUR
    rows = []
    for n in range(4320):
        at = micros(START + timedelta(seconds=20 * n))
        rows.append(f"{EXCHANGE},{NAME},{at},{at + 5000},{n + 1},buy,{60000 + n % 7},0.5")
    held = {(EXCHANGE, "trades", "2026-03-01", NAME): packed(rows)}
    for day, begin in (("2026-03-01", START), ("2026-03-02", second)):
        held[EXCHANGE, BOOK, day, NAME] = snapshots(86_400, begin, every=30)
    with Venue(VenueData(tardis_files=held), now=LATER, tardis_key="TD.key-of-this-test") as venue:
        universe = universe_of(MARKET, end="2026-03-03", timeframes=FRAMES)
        running = road(venue, universe, from_archive(venue, BOOK))
        runs = [running.world.run("ingest_ticks", f"2026-03-0{day}|{MARKET}") for day in (1, 2)]
        assert [run.success for run in runs] == [True, False]
        assert _alone(running, "order_book", f"2026-03-02|{MARKET}").success
        assert _alone(running, "minute_bars", f"2026-03-02|{MARKET}").success
        done = running.build(SYMBOL)
    assert done.success
    assert running.totals(SYMBOL) == {"present": 1440, "verified-empty": 0, "unknown": 1440, "venue-down": 0}


@pytest.mark.parametrize(("limit", "late"), [(2.0, 0), (6.0, 180)])
def test_a_recorder_that_runs_ahead_loses_no_trade(road: Roads, limit: float, late: int) -> None:
    """Its clock is 5 s ahead: the trades of the last two seconds of a minute seem late, where 6 s are allowed."""
    rows = [row.split(",") for row in rows_of(trades_file(count=7200))]
    ahead = packed([",".join([*c[:3], str(int(c[2]) + 5_000_000), *c[4:]]) for c in rows])
    data = VenueData(tardis_files=files(trades=ahead, book_snapshot_5=snapshots(3600)))
    with Venue(data, now=LATER) as venue:
        source = f"{from_archive(venue, BOOK)}\n[quality]\nclock_seconds = {limit}\n"
        running = road(venue, minutes(MARKET), source)
        ingest(running, "ingest_ticks", MARKET)
        assert "recorder's clock runs 5.000 s against the exchange (median): late arrivals are not" in (
            running.notes("trades")
        )
        assert running.build(SYMBOL).success
    stored, bars = ticks(running, "trades", MARKET), running.table("bars", SYMBOL)
    assert (bars["trades"].sum(), bars["late"].sum()) == (stored.height - late, late)
    assert finding(running.runs[-1], "clock")[0] is (limit > 5.0)


def _alone(road: Road, asset: str, partition: str) -> dg.ExecuteInProcessResult:
    """One asset by itself, as somebody may launch it from the UI."""
    job = road.world.research.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=road.world.instance,
        partition_key=partition,
        asset_selection=[dg.AssetKey(asset)],
        run_config=SILENT,
        raise_on_error=False,
    )


def _minute_notes(road: Road) -> str:
    """What the run that made the minutes said of them."""
    return str(metadata(road.runs[0], "minute_bars")["notes"])
