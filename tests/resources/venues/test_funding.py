"""Settled funding by the real client from a real server, and from the recorded answer of 2023."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.errors import BadAnswer, BadSpan, MissingData, VenueDown
from pipelines.market.funding_files import parse_funding
from pipelines.market.schemas import FUNDING
from pipelines.market.symbols import Market
from pipelines.market.venue_settings import ExchangeSettings
from resources.sources.source import Delivery
from resources.venues.exchange import open_exchange
from resources.venues.funding import ask_funding, fetch_funding
from resources.venues.gate import Gate
from resources.venues.transport import Transport
from tests.resources.venues.fetching import Fetching, Quick, day_of
from tests.resources.venues.scripted import Scripted, reply
from tests.venue import Venue, VenueData

MARKET = Market("hyperliquid", "BTC-USDC")
FIRST = datetime(2023, 5, 12, tzinfo=UTC)
CHANGE = datetime(2023, 6, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


def rates() -> pl.DataFrame:
    """Every eight hours until the change, hourly after it, stamps some milliseconds late, one hour missing."""
    early = [FIRST + 8 * HOUR * k for k in range(82)]
    late = [CHANGE + HOUR * k for k in range(1, 1500) if k != 400]
    assert early[-1] == CHANGE
    times = [time + timedelta(milliseconds=37 * k % 990) for k, time in enumerate(early + late)]
    return pl.DataFrame(
        {"time": times, "funding_rate": [1e-5 + 1e-7 * (k % 7) for k in range(len(times))]},
        schema={"time": pl.Datetime("ms", "UTC"), "funding_rate": pl.Float64},
    )


def data_with(table: pl.DataFrame) -> VenueData:
    return VenueData(candles={("any", "BTC-USD", "1m"): day_of(60)}, funding={"BTC": table})


def ask(server: Venue, folder: Path, span: tuple[datetime, datetime], market: Market = MARKET) -> Delivery:
    asking = Fetching(server, market.venue, folder)
    exchange, transport = asking.open()
    try:
        return ask_funding(market, span, exchange, transport)
    finally:
        transport.close()


def whole(table: pl.DataFrame) -> pl.DataFrame:
    return parse_funding(table, "made", None, datetime(2026, 1, 1, tzinfo=UTC))


def test_pages_of_500_with_the_change_of_period(tmp_path: Path) -> None:
    table, end = rates(), datetime(2023, 9, 1, tzinfo=UTC)
    with Venue(data_with(table), now=datetime(2024, 1, 1, tzinfo=UTC)) as server:
        delivery = ask(server, tmp_path, (FIRST, end))
        assert len(server.of_kind("funding")) >= 4
    assert dict(delivery.frame.schema) == FUNDING
    assert delivery.frame.equals(whole(table))
    assert delivery.frame["time"].equals(table["time"].cast(FUNDING["time"])), "known at its stamp"
    periods = dict(
        delivery.frame.select((pl.col("time") > CHANGE + HOUR / 2).alias("late"), "period_hours")
        .unique()
        .rows()
    )
    assert periods == {False: 8.0, True: 1.0}


@pytest.mark.parametrize("length", [HOUR * 3, HOUR * 30, HOUR * 24 * 20])
def test_any_part_of_the_history_is_that_part_of_the_whole(tmp_path: Path, length: timedelta) -> None:
    """Periods at both ends of a span are those that the whole history gives: a re-run never changes one."""
    table = rates()
    full = whole(table)
    with Venue(data_with(table), now=datetime(2024, 1, 1, tzinfo=UTC)) as server:
        for start in (
            CHANGE - length,
            CHANGE - HOUR,
            CHANGE + HOUR,
            CHANGE + 398 * HOUR,
            CHANGE + 400 * HOUR,
        ):
            span = (start, start + length)
            found = ask(server, tmp_path, span).frame
            assert found.equals(full.filter(pl.col("time").is_between(*span, closed="left"))), span


def test_the_recorded_history_of_2023(tmp_path: Path, real_data: Path) -> None:
    recorded = json.loads(
        (real_data / "exchange_responses/hyperliquid_recorded/get_funding_history_None.json").read_text()
    )[0]
    rows = recorded["response"]
    table = pl.DataFrame(
        {
            "time": pl.Series([row["time"] for row in rows]).cast(pl.Datetime("ms", "UTC")),
            "funding_rate": [float(row["fundingRate"]) for row in rows],
        }
    )
    with Venue(data_with(table), now=datetime(2024, 1, 1, tzinfo=UTC)) as server:
        frame = ask(server, tmp_path, (FIRST, datetime(2023, 8, 1, tzinfo=UTC))).frame
    assert frame.height == len(rows) == 1038
    assert frame.filter(pl.col("time") <= CHANGE + HOUR / 2)["period_hours"].unique().to_list() == [8.0]
    assert frame.filter(pl.col("time") > CHANGE + HOUR / 2)["period_hours"].unique().to_list() == [1.0]


def record(hour: int, rate: Any, **more: Any) -> dict[str, Any]:
    at = int((CHANGE + hour * HOUR).timestamp() * 1000)
    return {"coin": "BTC", "fundingRate": rate, "premium": "0.0", "time": at, **more}


META: dict[str, Any] = {
    "meta": {"universe": [{"name": "BTC", "szDecimals": 5, "maxLeverage": 40}]},
    "spotMeta": {"universe": [], "tokens": [{"name": "USDC", "szDecimals": 8, "weiDecimals": 8, "index": 0}]},
    "perpDexs": [None],
}
CONTEXT = {
    "funding": "0",
    "openInterest": "0",
    "markPx": "1",
    "midPx": "1",
    "oraclePx": "1",
    "dayNtlVlm": "0",
}
META["metaAndAssetCtxs"] = [
    META["meta"],
    [{**CONTEXT, "prevDayPx": "1", "premium": "0", "impactPxs": ["1", "1"]}],
]
META["spotMetaAndAssetCtxs"] = [META["spotMeta"], []]


class Told:
    """A Hyperliquid that has exactly these funding records."""

    def __init__(self, records: list[Any]) -> None:
        self.records = records

    def __call__(self, request: str) -> bytes:
        body = json.loads(request.partition("\r\n\r\n")[2])
        if body["type"] != "fundingHistory":
            return reply(body=json.dumps(META[body["type"]]).encode())
        kept = [
            each
            for each in self.records
            if not isinstance(each.get("time"), int) or each["time"] >= body["startTime"]
        ]
        return reply(body=json.dumps(kept).encode())


def test_broken_records_are_quarantined_and_said(tmp_path: Path) -> None:
    good = [record(k, "0.00001") for k in range(1, 9)]
    bad = [
        record(9, "NaN"),
        record(10, "1.5"),
        record(11, None),
        record(12, "abc"),
        record(13, "0.00001", time=None),
        record(14, "0.00001", time=4_102_444_800_000),
        record(3, "0.00002"),
    ]
    span = (CHANGE, CHANGE + 40 * HOUR)

    with Scripted([Told(good + bad)]) as server:
        delivery = _from(server.url, tmp_path, span, ask_funding)
        assert delivery.frame["rate"].to_list() == [0.00001] * 8
        assert delivery.quarantine.height == len(bad)
        assert delivery.sent == len(good) + len(bad) + delivery.duplicates
        told: list[str] = []
        assert _from(server.url, tmp_path, span, fetch_funding, told).height == 8
    assert len(told) == 1
    assert told[0].startswith("hyperliquid.BTC-USDC: 7 of ")
    assert "rate is no finite number below 100 %" in told[0]


def _from(
    url: str, folder: Path, span: tuple[datetime, datetime], how: Any, told: list[str] | None = None
) -> Any:
    clock = Quick()
    gate = Gate(folder / "gate", "hyperliquid")
    tell = (told if told is not None else []).append
    transport = Transport("hyperliquid", gate, clock, tell, requests_per_second=1000.0)
    settings = ExchangeSettings("hyperliquid", base_url=url, symbols={"BTC-USDC": "BTC/USDC:USDC"})
    try:
        return how(MARKET, span, open_exchange(settings, transport, {}), transport)
    finally:
        transport.close()


def test_f6_nothing_is_believed_the_second_time_and_html_never(tmp_path: Path) -> None:
    table = rates()
    span = (CHANGE, CHANGE + 700 * HOUR)
    with Venue(data_with(table), now=datetime(2024, 1, 1, tzinfo=UTC)) as server:
        server.play("F6", how="html", kind="funding", times=1)
        assert ask(server, tmp_path, span).frame.height == 699
        server.stop_faults()
        server.play("F6", how="html", kind="funding", times=None)
        with pytest.raises((BadAnswer, VenueDown)):
            ask(server, tmp_path / "second", span)


def test_markets_without_funding_and_spans_that_are_none(tmp_path: Path) -> None:
    spot = Market("coinbase", "BTC-USD")
    with Venue(data_with(rates()), now=datetime(2024, 1, 1, tzinfo=UTC)) as server:
        with pytest.raises(MissingData, match=r"coinbase\.BTC-USD has no funding"):
            ask(server, tmp_path, (FIRST, CHANGE), spot)
        with pytest.raises(BadSpan):
            ask(server, tmp_path, (CHANGE, CHANGE))
