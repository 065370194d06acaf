"""Generating trades of the synthetic market, before Parquet, against the issue's limit."""

from datetime import date

from pipelines.market.synthetic import SyntheticConfig, trades
from tests.benchmarks.measure import Row, at_least, best

PER_DAY = 2_000_000
LIMIT = 1_000_000  # trades a second


def measure() -> list[Row]:
    """Seconds for a day of two million trades, against the seconds that the limit allows."""
    config = SyntheticConfig(trades_per_day=PER_DAY)
    made = trades(config, "BTC-USD", date(2026, 1, 2)).height
    (seconds,) = best(lambda: trades(config, "BTC-USD", date(2026, 1, 2)))
    row = at_least(1.0, f"generate {made:,} trades", seconds, f"{LIMIT:,} trades/s", made / LIMIT)
    return [row]
