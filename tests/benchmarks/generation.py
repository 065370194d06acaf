"""Generating trades of the synthetic market, before Parquet, against the issue's limit."""

from datetime import date

from pipelines.market.synthetic import SyntheticConfig, trades
from tests.benchmarks.measure import Row, best

PER_DAY = 2_000_000
LIMIT = 1_000_000


def measure() -> list[Row]:
    """Trades per second on one core."""
    config = SyntheticConfig(trades_per_day=PER_DAY)
    made = trades(config, "BTC-USD", date(2026, 1, 2)).height
    seconds = best(lambda: trades(config, "BTC-USD", date(2026, 1, 3)))
    rate = made / seconds
    return [
        {
            "work": f"generate {made:,} trades",
            "ours": f"{rate:,.0f} /s",
            "peer": "limit",
            "peers": f"{LIMIT:,} /s",
            "ratio": rate / LIMIT,
            "budget": ">= 1 x",
            "within": rate >= LIMIT,
        }
    ]
