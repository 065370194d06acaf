"""Generating trades of the synthetic market, before Parquet, against the issue's limit."""

from datetime import date, timedelta
from itertools import count

from pipelines.market.synthetic import SyntheticConfig, trades
from tests.benchmarks.measure import Row, at_least, best

FIRST = date(2026, 1, 2)
PER_DAY = 2_000_000
LIMIT = 1_000_000  # trades a second


def measure() -> list[Row]:
    """Seconds for a day of two million trades against the seconds that the limit allows; no day twice."""
    config, made, days = SyntheticConfig(trades_per_day=PER_DAY), [], count()

    def generate() -> None:
        made.append(trades(config, "BTC-USD", FIRST + timedelta(next(days))).height)

    (seconds,) = best(generate, runs=4)
    least = min(made)  # the fastest day counts with the trades of the smallest
    return [at_least(1.0, f"generate {least:,} trades", seconds, f"{LIMIT:,} trades/s", least / LIMIT)]
