"""Fills of single wallets, and the point-in-time cohorts that are made of them.

Here: reading fills (`fills`), a wallet's daily profit (`profit`), who may be in a cohort and who is (`cohorts`), what
the cohorts did in each bar (`flow`), whether a table of fills can form any (`state`). Not here: the features S_top
and S_bot (pipelines/features), fetching.
"""

from pipelines.market.wallets.cohorts import COHORTS, cohorts, eligible
from pipelines.market.wallets.fills import ParsedFills, lookalike_count, parse_fill_lines, parse_user_fills
from pipelines.market.wallets.flow import FLOW, average_daily_volume, cohort_flow
from pipelines.market.wallets.profit import DAILY, daily_profit
from pipelines.market.wallets.state import cohort_state

__all__ = [
    "COHORTS",
    "DAILY",
    "FLOW",
    "ParsedFills",
    "average_daily_volume",
    "cohort_flow",
    "cohort_state",
    "cohorts",
    "daily_profit",
    "eligible",
    "lookalike_count",
    "parse_fill_lines",
    "parse_user_fills",
]
