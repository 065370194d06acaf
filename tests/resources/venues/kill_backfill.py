"""A backfill as its own process, to be killed: `python -m tests.resources.venues.kill_backfill URL START BARS`.

It imports everything once. For each line, which names a folder, it forks a child that fetches what the table there
lacks and writes it; it prints the child's id and, when the child has ended, its exit code.
"""

import os
import sys
import traceback
from datetime import datetime
from pathlib import Path

import polars as pl

from pipelines.market.symbols import Market
from pipelines.market.venue_settings import ExchangeSettings
from resources.lake.lake import Lake
from resources.venues.candles import fetch_candles
from resources.venues.exchange import conventions_for, open_exchange
from resources.venues.gate import Gate
from resources.venues.pages import Spool
from resources.venues.transport import Transport
from tests.resources.venues.fetching import MINUTE, Quick

MARKET = Market("coinbase", "BTC-USD")
KEYS = {"symbol": "BTC-USD", "timeframe": "1m"}


def backfill(url: str, folder: Path, start: datetime, bars: int) -> None:
    """Make the table whole; pages kept by an earlier run are not asked for again."""
    lake = Lake(folder / "lake")
    spool = Spool(folder / "lake" / "_pages", MARKET, "1m")
    if not lake.exists("candles", KEYS):
        settings = ExchangeSettings("coinbase", base_url=f"{url}/coinbase")
        gate = Gate(folder / "gate", "coinbase")
        transport = Transport("coinbase", gate, Quick(), lambda _: None, requests_per_second=10_000.0)
        exchange = open_exchange(settings, transport, {})
        end = start + bars * MINUTE
        delivery = fetch_candles(
            MARKET,
            "1m",
            [(start, end)],
            exchange,
            transport,
            conventions_for(exchange),
            spool,
            end + MINUTE,
            lambda what, share: None,
        )
        assert delivery.evidence.is_empty(), delivery.notes
        transport.close()
        lake.replace("candles", delivery.frame, KEYS)
    spool.clear()


def content(folder: Path) -> pl.DataFrame:
    """What the table holds, without the moments of receipt, which no two runs share."""
    return Lake(folder / "lake").read("candles", KEYS).drop("seen_at")


def main(url: str, start: str, bars: str) -> None:
    """Children on request, until the lines end."""
    import ccxt  # noqa: F401  (the slow imports come before the first child)
    import httpx  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                backfill(url, Path(line.strip()), datetime.fromisoformat(start), int(bars))
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
