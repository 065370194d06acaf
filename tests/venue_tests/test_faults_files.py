"""Faults inside Tardis' files and replayed messages: F5, F15–F17 and F19–F21, as tardis-dev brings them home."""

import gzip
import json
import zlib
from datetime import UTC, datetime

import pytest
from tardis_dev import Channel, download_datasets, get_exchange_details, replay

from tests.venue import Venue, VenueData
from tests.venue_tests.clients import gathered

DAY = datetime(2024, 3, 1, tzinfo=UTC)
MICRO = int(DAY.timestamp()) * 1_000_000
NANO = MICRO * 1000


def stamp(k):
    return MICRO + k * 1_000_000


def csv(header, rows):
    lines = [f"binance,BTCUSDT,{header}", *(",".join(map(str, ("binance", "BTCUSDT", *row))) for row in rows)]
    return gzip.compress(
        ("\n".join(lines) + "\n").encode().replace(b"binance,BTCUSDT,t", b"exchange,symbol,t", 1)
    )


def l2_rows():
    """A snapshot of three levels a side, then each second one level replaced on both sides, sharing a stamp."""
    for k in range(3):
        yield stamp(0), stamp(0), "true", "bid", 99 - k, 1
        yield stamp(0), stamp(0), "true", "ask", 101 + k, 1
    for k in range(1, 60):
        yield stamp(k), stamp(k), "false", "bid", 99 - k % 3, k
        yield stamp(k), stamp(k), "false", "ask", 101 + k % 3, k


TRADES = csv(
    "timestamp,local_timestamp,id,side,price,amount",
    [(stamp(k), stamp(k), k, "buy", 100.5, 2) for k in range(40)],
)
BOOKS = csv("timestamp,local_timestamp,is_snapshot,side,price,amount", l2_rows())
QUOTES = csv(
    "timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount",
    [(stamp(k), stamp(k), 1, 101, 99, 1) for k in range(40)],
)
SNAPSHOTS = csv(
    "timestamp,local_timestamp,asks[0].price,asks[0].amount,bids[0].price,bids[0].amount",
    [(stamp(k), stamp(k), 101, 1, 99, 1) for k in range(40)],
)
FILES = {"trades": TRADES, "incremental_book_L2": BOOKS, "quotes": QUOTES, "book_snapshot_5": SNAPSHOTS}


def depth(k):
    if k == 0:
        return {"lastUpdateId": 0, "bids": [["99", "1"], ["98", "1"]], "asks": [["101", "1"]]}
    return {"U": k, "u": k, "pu": k - 1, "b": [["99", str(k)]], "a": []}


def captured():
    for k in range(120):
        name = "depth@0ms" if k else "depthSnapshot"
        yield NANO + k * 10**9, json.dumps({"stream": f"btcusdt@{name}", "data": depth(k)}).encode()
        quote = {"s": "BTCUSDT", "b": "99", "a": "101"}
        yield NANO + k * 10**9 + 5, json.dumps({"stream": "btcusdt@bookTicker", "data": quote}).encode()


@pytest.fixture(scope="module")
def running():
    data = VenueData(
        tardis_files={("binance", kind, "2024-03-01", "BTCUSDT"): body for kind, body in FILES.items()},
        captures={"binance-futures": list(captured())},
    )
    with Venue(data) as venue:
        yield venue


@pytest.fixture
def venue(running):
    yield running
    running.stop_faults()
    running.clear()


def fetched(venue, folder, kind):
    folder.mkdir(exist_ok=True)
    download_datasets(
        exchange="binance",
        data_types=[kind],
        symbols=["BTCUSDT"],
        from_date="2024-03-01",
        to_date="2024-03-02",
        download_dir=str(folder),
        endpoint=f"{venue.url}/datasets/v1",
        skip_if_exists=False,
    )
    return (folder / f"binance_{kind}_2024-03-01_BTCUSDT.csv.gz").read_bytes()


def rows(venue, folder, kind):
    return [
        line.split(",") for line in gzip.decompress(fetched(venue, folder, kind)).decode().splitlines()[1:]
    ]


@pytest.mark.parametrize(("how", "error"), [("gzip", EOFError), ("crc", (gzip.BadGzipFile, zlib.error))])
def test_f05_a_damaged_file_arrives_without_a_word(venue, tmp_path, how, error):
    venue.play("F5", how=how, kind="dataset")
    body = fetched(venue, tmp_path, "trades")

    with pytest.raises(error):
        gzip.decompress(body)
    assert fetched(venue, tmp_path, "trades") == TRADES


def test_f15_swaps_neighbours_or_merges_stamps(venue, tmp_path):
    fault = venue.play("F15", how="order")
    assert [int(row[4]) for row in rows(venue, tmp_path, "trades")] == [k ^ 1 for k in range(40)]
    venue.stop_faults(fault)
    venue.play("F15", how="same", size=5)
    assert len({row[2] for row in rows(venue, tmp_path, "trades")}) == 8


def test_f16_and_f17_repeat_and_lose_trades(venue, tmp_path):
    venue.play("F16", how="mutate", every=10, times=1)
    found = rows(venue, tmp_path, "trades")
    assert len(found) == 44
    assert [row[7] for row in found[:2]] == ["2", "4.00"]
    venue.play("F17", every=10)
    assert [int(row[4]) for row in rows(venue, tmp_path, "trades")] == [k for k in range(40) if k % 10]


def test_f19_loses_updates_and_perhaps_snapshots_again(venue, tmp_path):
    start = datetime.fromtimestamp(stamp(20) / 1e6, UTC)
    venue.play("F19", start=start, seconds=10, times=1)
    with_one = rows(venue, tmp_path, "incremental_book_L2")
    venue.play("F19", start=start, seconds=10, snapshot=False)
    without = rows(venue, tmp_path, "incremental_book_L2")

    assert [row for row in with_one if row[4] == "false"] == [row for row in without if row[4] == "false"]
    seconds = {(int(row[3]) - MICRO) // 10**6 for row in without}
    assert seconds == set(range(60)) - set(range(20, 30))
    again = [row for row in with_one if row[4] == "true" and row[3] == str(stamp(30))]
    assert {(row[5], row[6], row[7]) for row in again} == {
        *(("bid", str(99 - k % 3), str(k)) for k in (27, 28, 29)),
        *(("ask", str(101 + k % 3), str(k)) for k in (27, 28, 29)),
    }


@pytest.mark.parametrize("kind", ["quotes", "book_snapshot_5"])
@pytest.mark.parametrize("locked", [True, False])
def test_f20_crosses_or_locks_recorded_books(venue, tmp_path, kind, locked):
    ask, bid = (5, 6) if kind == "quotes" else (4, 6)
    venue.play("F20", every=4, locked=locked)
    gaps = [float(row[ask]) - float(row[bid]) for row in rows(venue, tmp_path, kind)]

    assert sum(gap <= 0 for gap in gaps) == 10
    assert all((gap == 0) if locked else (gap < 0) for gap in gaps[::4])


def test_f20_crosses_an_incremental_book_for_one_stamp(venue, tmp_path):
    venue.play("F20", every=10)
    book = {"bid": {}, "ask": {}}
    crossed = set()
    found = rows(venue, tmp_path, "incremental_book_L2")
    for row, following in zip(found, [*found[1:], None], strict=True):
        if float(row[7]) == 0:
            del book[row[5]][row[6]]
        else:
            book[row[5]][row[6]] = row[7]
        if following is None or following[3] != row[3]:
            best = max(map(float, book["bid"])), min(map(float, book["ask"]))
            crossed |= {(int(row[3]) - MICRO) // 10**6} if best[0] >= best[1] else set()

    assert crossed == {9, 19, 29, 39, 49, 59}


def test_f21_has_a_snapshot_in_the_middle_or_other_rows_inside_a_stamp(venue, tmp_path):
    plain = rows(venue, tmp_path, "incremental_book_L2")
    venue.play("F21", how="snapshot", times=1)
    found = rows(venue, tmp_path, "incremental_book_L2")
    late = [k for k, row in enumerate(found) if row[4] == "true" and k > 6]
    assert len(late) == 6
    assert late == list(range(late[0], late[0] + 6))
    assert [row for k, row in enumerate(found) if k not in late] == plain
    venue.play("F21", how="interleave")
    found = rows(venue, tmp_path, "incremental_book_L2")
    assert [row for row in found if row[1] == "BTCUSDT"] == plain
    assert {row[1] for row in found} == {"BTCUSDT", "OTHER"}


def test_f21_reports_an_incident(venue):
    venue.play("F21", how="incident", start=DAY, end=DAY.replace(hour=2), details="disk full")
    reports = get_exchange_details("binance", endpoint=f"{venue.url}/tardis/v1")["incidentReports"]

    assert [(x["from"], x["to"], x["details"]) for x in reports] == [
        ("2024-03-01T00:00:00.000Z", "2024-03-01T02:00:00.000Z", "disk full")
    ]


def replayed(venue, folder, **more):
    filters = [Channel(name, ["btcusdt"]) for name in ("depth", "bookTicker", "depthSnapshot")]
    folders = {"cache_dir": str(folder), "endpoint": f"{venue.url}/tardis/v1"}
    return gathered(
        replay("binance-futures", "2024-03-01", "2024-03-01T00:02:00", filters, **folders, **more)
    )


def test_f19_a_disconnect_loses_update_ids_and_a_snapshot_catches_up(venue, tmp_path):
    venue.play("F19", start=DAY.replace(second=30), seconds=10)
    found = replayed(venue, tmp_path, with_disconnects=True)
    at = found.index(None)
    snapshot = next(row.message for row in found[at + 1 :] if "depthSnapshot" in row.message["stream"])
    ids = [row.message["data"]["u"] for row in found if row and "depth@" in row.message["stream"]]

    assert snapshot["data"]["lastUpdateId"] == 39
    assert dict(snapshot["data"]["bids"]) == {"99": "39", "98": "1"}
    assert set(range(1, 120)) - set(ids) == set(range(30, 40))


def test_f20_crosses_replayed_quotes(venue, tmp_path):
    venue.play("F20", every=10)
    quotes = [
        row.message["data"] for row in replayed(venue, tmp_path) if "bookTicker" in row.message["stream"]
    ]

    assert len(quotes) == 120
    assert sum(float(quote["b"]) >= float(quote["a"]) for quote in quotes) == 12
