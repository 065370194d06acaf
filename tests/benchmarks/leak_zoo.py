"""The leak zoo: what our detector names beside what freqtrade's lookahead-analysis rule would, emulated, not run.

The rule, of release 2026.9 (and of 2024): for the first 20 trades of a strategy the world is cut one candle after the
trade opened and one candle after it closed, every table by its own date column, everything is computed again, and
every overlapping row of every column is compared (2024: the row of the trade alone). The rule looks nowhere but at
trades, so a strategy has to make some: a long trade while the 12-bar average of the price is above the 26-bar one, the
first 26 bars being its start-up. Which leaks of few rows the rule meets depends on where these trades happen to be.
"""

from collections.abc import Iterable

import numpy as np
import polars as pl
import polars.selectors as cs

from pipelines.features import feature_set
from pipelines.features.causality import declared_leaks
from tests.benchmarks.measure import Row, at_most, best
from tests.pipelines.features import makers
from tests.pipelines.features.zoo import HONEST, ZOO, Planted

PEER = "freqtrade 2026.9's rule, emulated"
TRADES = 20  # that the rule looks at
FAST, SLOW = 12, 26  # bars of the strategy's averages
BUDGET = 3.0  # seconds of the asset check


def measure() -> list[Row]:
    """A line for each leak, the score of both, false alarms, and what the asset check costs."""
    found = [_caught(leak) for leak in ZOO]
    theirs, before = ([rule(leak, whole=whole) for leak in ZOO] for whole in (True, False))
    lines = [_line(leak, ours, peers) for leak, ours, peers in zip(ZOO, found, theirs, strict=True)]
    alarms = sum(bool(honest.found()) for honest in HONEST)
    their_alarms = sum(rule(honest, whole=True) for honest in HONEST)
    return [*lines, _score(found, theirs, before), _alarms(alarms, their_alarms), _cost()]


def rule(leak: Planted, *, whole: bool) -> bool:
    """Whether the rule sees a difference; whole: every overlapping row, as since August 2025, else the trade's row."""
    bars, tables = leak.bars(), {name: table.frame for name, table in leak.made_tables().items()}
    full = leak.compute(bars, **tables)[leak.name]
    for row in traded_rows(bars):
        until = bars["open_time"][row + 1]
        known = {name: table.filter(dates(table) <= until) for name, table in tables.items()}
        cut = leak.compute(bars.head(row + 2), **known)[leak.name]
        differs = full.head(row + 2).ne_missing(cut)
        if differs.any() if whole else differs[row]:
            return True
    return False


def traded_rows(bars: pl.DataFrame) -> list[int]:
    """Rows at which the first 20 trades open and close: a fast average of the price crosses a slow one."""
    price = bars["close"] if "close" in bars.columns else bars["price"]
    above = (price.ewm_mean(span=FAST) > price.ewm_mean(span=SLOW)).to_numpy()
    above[:SLOW] = False
    crossed = np.flatnonzero(above[1:] != above[:-1]) + 1
    opens = np.flatnonzero(
        above[crossed]
    )  # a trade opens where the fast one rises through, closes at the next
    rows = crossed[opens[0] : opens[0] + 2 * TRADES] if opens.size else crossed[:0]
    return [int(row) for row in rows if row + 2 < bars.height]


def dates(table: pl.DataFrame) -> pl.Expr:
    """The table's own date column, which says what a row is about, not when it was known."""
    return pl.col(table.select(cs.temporal()).columns[0])


def _caught(leak: Planted) -> str | None:
    """Row and reach as told; None when it is not found, or not as planted."""
    named = [(one.column, one.row, one.distance) for one in leak.found()]
    right = named == [(leak.name, leak.row, leak.distance)]
    return f"row {leak.row}, {leak.distance} ahead" if right else None


def _line(leak: Planted, ours: str | None, theirs: bool) -> Row:
    return _row(
        f"leak: {leak.name}", ours or "missed", "found" if theirs else "passed", bool(ours), "row and reach"
    )


def _score(ours: Iterable[str | None], theirs: list[bool], before: list[bool]) -> Row:
    found = sum(one is not None for one in ours)
    peers = f"{sum(theirs)} of {len(ZOO)} (2024: {sum(before)})"
    return _row("leaks found", f"{found} of {len(ZOO)}", peers, found == len(ZOO), "all", found / len(ZOO))


def _alarms(ours: int, theirs: int) -> Row:
    work = f"false alarms, {len(HONEST)} honest ones"
    return _row(work, str(ours), str(theirs), ours == 0, "none", float(ours))


def _row(work: str, ours: str, theirs: str, within: bool, budget: str, ratio: float | None = None) -> Row:
    return {
        "work": work,
        "ours": ours,
        "peer": PEER,
        "peers": theirs,
        "ratio": float(within) if ratio is None else ratio,
        "budget": budget,
        "within": within,
    }


def _cost() -> Row:
    """The asset check on v5: every row of the newest 2,000 minutes."""
    bars, names = makers.bars(2_000), feature_set("v5").names
    (seconds,) = best(lambda: declared_leaks(bars, "1m", names))
    return at_most(1.0, "is_causal, 53 features, 2,000 bars", seconds, "limit", BUDGET)
