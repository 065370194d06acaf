"""Fills of wallets by the real client from a real server: every fill once, sides right, losses said."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.errors import BadSettings, BadSpan, VenueRefused
from pipelines.market.schemas import FILLS
from pipelines.market.symbols import Market
from pipelines.market.wallets.kept import ASKED, WALLET_EVIDENCE
from resources.sources.source import Delivery
from resources.venues.fills import KEPT, fetch_fills
from tests.resources.venues.fetching import Fetching, day_of
from tests.venue import Venue, VenueData

MARKET = Market("hyperliquid", "BTC-USDC")
START = datetime(2025, 3, 1, tzinfo=UTC)
SPAN = (START, START + timedelta(days=10))
WALLET, OTHER = "0x" + "ab" * 20, "0x" + "CD" * 20


def fill(number: int, ms: int, **more: Any) -> dict[str, Any]:
    at = int(START.timestamp() * 1000) + ms
    return {
        "coin": "BTC", "px": f"{60_000 + number % 100}.5", "sz": "0.01", "side": "BA"[number % 2], "time": at,
        "startPosition": "0.0", "dir": "Open Long", "closedPnl": "0.0", "hash": f"0x{number:064x}", "oid": number,
        "crossed": True, "fee": "0.0", "tid": 1_000_000 + number, "feeToken": "USDC", **more,
    }  # fmt: skip


def ask(
    fills: dict[str, list[dict[str, Any]]],
    folder: Path,
    wallets: tuple[str, ...] = (WALLET,),
    span: tuple[datetime, datetime] = SPAN,
    market: Market = MARKET,
) -> tuple[Delivery, int]:
    data = VenueData(candles={("any", "BTC-USD", "1m"): day_of(60)}, fills=fills)
    with Venue(data, now=START + timedelta(days=300)) as server:
        asking = Fetching(server, market.venue, folder)
        exchange, transport = asking.open()
        try:
            delivery = fetch_fills(market, wallets, span, exchange, transport)
        finally:
            transport.close()
        return delivery, len(server.of_kind("fills"))


def test_pages_of_two_thousand_every_fill_once(tmp_path: Path) -> None:
    """5,000 fills, several a millisecond, so that pages end inside one."""
    fills = [fill(k, k // 7 * 1000) for k in range(5000)]
    delivery, pages = ask({WALLET: fills}, tmp_path)
    assert dict(delivery.frame.schema) == FILLS
    assert delivery.frame["id"].to_list() == [each["tid"] for each in fills]
    assert delivery.frame["side"].to_list() == [1, -1] * 2500, "B bought, A sold"
    assert delivery.frame["address"].unique().to_list() == [WALLET]
    assert delivery.quarantine.is_empty()
    assert delivery.evidence.select("address", "time", "end", "kind").rows() == [(WALLET, *SPAN, ASKED)]
    assert delivery.duplicates >= 2, "pages overlap"
    assert pages >= 3


def test_the_span_is_half_open_and_other_coins_are_left_out(tmp_path: Path) -> None:
    end = int((SPAN[1] - START).total_seconds() * 1000)
    fills = [
        fill(1, -1),
        fill(2, 0),
        fill(3, end - 1),
        fill(4, end),
        fill(5, 10, coin="ETH"),
        fill(6, 11, coin="@107"),
    ]
    delivery, _ = ask({WALLET: fills}, tmp_path)
    assert delivery.frame["id"].to_list() == [1_000_002, 1_000_003]
    assert any("2 in other coins" in note for note in delivery.notes)


def test_two_wallets_on_both_sides_of_one_trade_are_two_fills(tmp_path: Path) -> None:
    both = {WALLET: [fill(8, 5, side="B")], OTHER.lower(): [fill(8, 5, side="A")]}
    delivery, _ = ask(both, tmp_path, (WALLET, OTHER))
    assert delivery.frame.select("address", "side").rows() == [(WALLET, 1), (OTHER.lower(), -1)]


def test_a_crowded_millisecond_is_said_to_be_incomplete(tmp_path: Path) -> None:
    fills = [fill(k, 1000) for k in range(2500)] + [fill(9999, 2000)]
    delivery, _ = ask({WALLET: fills}, tmp_path)
    assert delivery.frame.height == 2001
    assert dict(delivery.evidence.schema) == WALLET_EVIDENCE
    row = delivery.evidence.filter(pl.col("kind") != ASKED).row(0, named=True)
    assert (row["kind"], row["time"]) == ("unknown", START + timedelta(seconds=1))


def test_a_full_record_may_have_lost_older_fills(tmp_path: Path) -> None:
    delivery, _ = ask({WALLET: [fill(k, 60_000 + k) for k in range(KEPT)]}, tmp_path)
    assert delivery.frame.height == KEPT
    row = delivery.evidence.filter(kind="unknown").row(0, named=True)
    assert (row["time"], row["end"]) == (START, START + timedelta(minutes=1))
    assert "newest 10,000" in row["reason"]


def test_repeats_are_dropped_contradictions_and_broken_fills_quarantined(tmp_path: Path) -> None:
    good = [fill(k, k) for k in range(1, 20)]
    bad = [
        fill(3, 3, px="1.0"), fill(31, 31, px="-1"), fill(32, 32, sz="0"), fill(33, 33, side="X"),
        fill(34, 34, px="60000.1234567890123"), fill(35, 35, coin=None), fill(36, 36, tid="x"),
    ]  # fmt: skip
    delivery, _ = ask({WALLET: [*good, good[4], *bad]}, tmp_path)
    assert delivery.frame["id"].to_list() == [each["tid"] for each in good]
    assert delivery.quarantine.height == len(bad)
    assert delivery.duplicates >= 1


def test_the_recorded_wallet_of_2023_without_trade_ids(tmp_path: Path, real_data: Path) -> None:
    """500 fills without tid; the venue's answer is in milliseconds and 2023's form."""
    recorded = json.loads(
        (real_data / "exchange_responses/hyperliquid_recorded/get_user_fills.json").read_text()
    )[0]
    user, rows = recorded["request"]["user"], recorded["response"]
    span = (datetime(2023, 1, 1, tzinfo=UTC), datetime(2023, 8, 1, tzinfo=UTC))
    delivery, _ = ask({user: rows}, tmp_path, (user,), span)
    distinct = {json.dumps(row, sort_keys=True) for row in rows if row["coin"] == "BTC"}
    assert delivery.frame.height == len(distinct) > 5
    assert delivery.frame["id"].null_count() == delivery.frame.height
    bought = sum(json.loads(text)["side"] == "B" for text in distinct)
    assert delivery.frame.filter(pl.col("side") == 1).height == bought


def test_what_cannot_be_asked(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="is no address"):
        ask({}, tmp_path, ("0x12",))
    with pytest.raises(BadSpan):
        ask({}, tmp_path, span=(START, START))
    with pytest.raises(VenueRefused, match="publishes no fills of wallets"):
        ask({}, tmp_path, market=Market("coinbase", "BTC-USD"))
