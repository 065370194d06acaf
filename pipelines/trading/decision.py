"""The decision rule: forecast and holding in, action and reason out. No money, no orders live here.

Enter in the sign of the expected log return when it exceeds the round trip with a margin; hold, and start the
clock again whenever the forecast would justify an entry; reverse when the opposite would; leave when `horizon`
bars have passed since the last such forecast. Between the two thresholds nothing is traded: a forecast wavers
around zero more often than a round trip pays for. (Davis & Norman 1990, the no-transaction region;
`earlier-systems.md` 6.4, failures 31 and 34.)
"""

import math
from enum import StrEnum
from typing import NamedTuple


class Forecast(NamedTuple):
    """What a model says at the close of one bar.

    `expected` is a log return over the horizon, `sigma` per bar.
    """

    symbol: str
    open_time: int  # us since 1970 UTC, of the bar at whose close the forecast is made
    p_down: float
    p_neutral: float
    p_up: float
    sigma: float
    expected: float
    bundle: str = ""  # sha256 of the bundle that spoke


class Action(StrEnum):
    """What is done at the close of a bar."""

    ENTER_LONG = "enter long"
    ENTER_SHORT = "enter short"
    REVERSE = "reverse"
    HOLD = "hold"
    EXIT = "exit"
    STAY = "stay flat"


class Reason(StrEnum):
    """Why it is done."""

    WARMING = "warming"  # no forecast has come yet in this session
    NO_FORECAST = "no forecast"
    NOT_FINITE = "forecast not finite"
    BELOW_COST = "below cost"
    EDGE = "edge above cost"
    EXTENDED = "edge renewed"
    AGREES = "no opposite edge"
    FLIPPED = "opposite edge"
    EXPIRED = "expired"
    STALE_BAR = "stale bar"  # the bar came late: state catches up, entries never
    TOO_SMALL = "below one quantity step"


class Choice(NamedTuple):
    """Action, reason, and whether the forecast was good enough to enter on (it restarts the holding clock)."""

    action: Action
    reason: Reason
    entry_quality: bool = False


WARMING = Choice(Action.STAY, Reason.WARMING)
NO_FORECAST = Choice(Action.STAY, Reason.NO_FORECAST)
NOT_FINITE = Choice(Action.STAY, Reason.NOT_FINITE)
BELOW_COST = Choice(Action.STAY, Reason.BELOW_COST)
STALE = Choice(Action.STAY, Reason.STALE_BAR)
TOO_SMALL = Choice(Action.STAY, Reason.TOO_SMALL)
LONG = Choice(Action.ENTER_LONG, Reason.EDGE, True)
SHORT = Choice(Action.ENTER_SHORT, Reason.EDGE, True)
REVERSE = Choice(Action.REVERSE, Reason.EDGE, True)
EXTEND = Choice(Action.HOLD, Reason.EXTENDED, True)
HOLD = Choice(Action.HOLD, Reason.AGREES)
HOLD_BLIND = Choice(Action.HOLD, Reason.NO_FORECAST)
FLIPPED = Choice(Action.EXIT, Reason.FLIPPED)
EXPIRED = Choice(Action.EXIT, Reason.EXPIRED)


def when_flat(expected: float | None, threshold: float, late: bool) -> Choice:
    """Choice without a position. `threshold` is a fraction: round trip times (1 + margin)."""
    if expected is None:
        return NO_FORECAST
    if not math.isfinite(expected):
        return NOT_FINITE
    if abs(expected) <= threshold:
        return BELOW_COST
    if late:
        return STALE
    return LONG if expected > 0 else SHORT


def when_holding(expected: float | None, side: int, threshold: float, expired: bool, late: bool) -> Choice:
    """Choice with a position on `side` (+1 long, -1 short); `expired`: horizon bars since the last edge."""
    if expected is None or not math.isfinite(expected):
        return EXPIRED if expired else HOLD_BLIND
    agreement = expected * side
    if agreement > threshold:
        return EXTEND
    if agreement < -threshold:
        return FLIPPED if late else REVERSE
    return EXPIRED if expired else HOLD
