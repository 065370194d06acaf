"""G6: the account earns after fees and spread, and still would if fees were half as high again."""

from pipelines.evaluation.scorecard import Scorecard
from pipelines.gates.declaration import Finding, Gate, Thresholds
from pipelines.gates.words import above, number, percent


def _judge(scorecard: Scorecard, thresholds: Thresholds) -> Finding:
    daily, factor = scorecard.figure("daily_return"), scorecard.figure("profit_factor_stressed")
    trades = scorecard.figure("trades").value
    lossless = (
        bool(trades) and factor.value is None and above(daily.value, 0.0)
    )  # no losing trade to divide by
    survives = lossless or above(factor.value, thresholds.profit_factor)
    passed = above(daily.lower, thresholds.daily_return) and survives
    said = "infinite" if lossless else number(factor.value)
    sentence = (
        f"After costs {int(trades or 0)} trades earn {percent(daily.value, 3)} a day (lower "
        f"{percent(daily.level, 0)} bound {percent(daily.lower, 3)}, must be above "
        f"{percent(thresholds.daily_return, 1)}), and the {factor.title} is {said} (must be above "
        f"{number(thresholds.profit_factor)})."
    )
    if not trades:
        sentence = f"The account made no trade: a mean net return above {percent(0.0, 1)} a day was needed."
    return Finding(passed, daily.value, daily.lower, thresholds.daily_return, "share per day", sentence)


GATE = Gate("G6", "It earns after costs", _judge)
