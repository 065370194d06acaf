"""Which bar a following paper session waits for, and how long. What it is fed when the bar is there: paper_feed.py."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from assets.obedience import Obeyed
from assets.paper_feed import Starts, bars_of
from assets.tables import optional
from pipelines.features.sets import features_named
from pipelines.features.sources import HOUR
from pipelines.market.schemas import BARS
from pipelines.market.timeframes import length_of
from pipelines.trading.lateness import deadline, usable_at
from pipelines.trading.session import SessionConfig
from resources.clock import Clock
from resources.lake import Lake

POLL = timedelta(seconds=0.5)  # between two looks at the lake
LONGEST_WAIT = timedelta(minutes=1)  # the schedule's next tick goes on from there
FIRST_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)


def awaiting_its_hour(
    lake: Lake, config: SessionConfig, obeyed: Mapping[str, Obeyed], now: datetime
) -> dict[str, datetime]:
    """By symbol the bar that is due, by its open, where the model reads an hour that closed with it and is not there.

    Only until the bar's deadline: then it is decided on without, which is no forecast.
    """
    length = length_of(config.timeframe)
    due = _due(now, length)
    hour = due + length - length_of(HOUR)
    if now > deadline(due, length) or (hour - FIRST_MOMENT) % length_of(HOUR):
        return {}
    return {
        symbol: due
        for symbol, known in obeyed.items()
        if any(one.source == "hours" for one in features_named(known.forecaster.manifest.features))
        and optional(lake, "bars", {"symbol": symbol, "timeframe": HOUR}, BARS, hour, due + length).is_empty()
    }


def await_bar(
    lake: Lake, config: SessionConfig, starts: Starts, obeyed: Mapping[str, Obeyed], clock: Clock
) -> bool:
    """Wait for the newest closed bar; True as soon as it is usable and in the lake for a symbol that lacks it.

    A bar is in the lake when the hour that closed with it is too, where the symbol's model reads hours.

    False when nothing is due (every symbol has decided it, or its deadline has passed), when the deadline passes
    meanwhile, or after a minute; the bar of another symbol that came is reason to decide, so ask again. Somebody
    else must bring the bars into the lake in that time. However the wall clock jumps, the looks are counted.
    """
    length, began = length_of(config.timeframe), clock.now()
    due = _due(began, length)
    last_moment = min(deadline(due, length), began + LONGEST_WAIT)
    waiting = [symbol for symbol, start in starts.items() if start <= due]
    for _ in range(math.ceil((last_moment - began) / POLL) + 1 if waiting else 0):
        now = clock.now()
        if now > last_moment:
            return False
        if now >= usable_at(due, length):
            held = awaiting_its_hour(lake, config, obeyed, now)
            if any(
                symbol not in held and not bars_of(lake, config, symbol, due, due + length).is_empty()
                for symbol in waiting
            ):
                return True
        clock.sleep(POLL.total_seconds())
    return False


def _due(now: datetime, length: timedelta) -> datetime:
    """Open time of the bar that closed last."""
    return now - (now - FIRST_MOMENT) % length - length
