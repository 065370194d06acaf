"""When an asset is made again by itself: what it reads has changed. Schedules and sensors live in schedules/."""

from collections.abc import Sequence
from typing import Any

import dagster as dg


def when_inputs_change(*required: str, followed: Sequence[str] = ()) -> dg.AutomationCondition:
    """Eager, but never past a failed blocking check, and not stopped by what a source does not have.

    required : assets of which at least one upstream partition must exist; any other input may be missing for ever
    followed : inputs that must exist and whose change is no reason by itself, because another input always follows
        them: bars, which are judged, so that nothing is made of them before their verdict is there
    `eager()` alone waits for every upstream partition: for funding that no source has, for days without ticks.
    `all_deps_blocking_checks_passed()` asks whether *any* upstream partition passed, so good hours would release
    the features of bad minutes; here a single failed upstream partition holds its own dependants, and only those.
    """
    failed = dg.AutomationCondition.any_checks_match(
        dg.AutomationCondition.check_failed(), blocking_only=True
    )
    return _eager(required, followed) & ~dg.AutomationCondition.any_deps_match(failed)


def when_inputs_are_judged(*required: str, followed: Sequence[str] = ()) -> dg.AutomationCondition:
    """The same, but never in or beside the run that makes or judges an input: its verdict must be there first.

    Of what is `followed` the judge is requested on the tick that sees it, so nothing else is on that tick.
    """
    soon = dg.AutomationCondition.any_deps_match(dg.AutomationCondition.will_be_requested())
    seen = dg.AutomationCondition.any_deps_match(dg.AutomationCondition.newly_updated())
    condition = when_inputs_change(*required, followed=followed) & ~soon
    return condition & ~seen.allow(dg.AssetSelection.assets(*followed)) if followed else condition


def when_an_input_was_judged(*required: str, followed: Sequence[str] = ()) -> dg.AutomationCondition:
    """When something it reads was judged, whatever the verdict: what is bad is left out by name."""
    return _eager(required, followed)


def _eager(required: Sequence[str], followed: Sequence[str]) -> dg.AutomationCondition:
    """Eager once one of the required and all of the followed are there, and not because of what is followed.

    `will_be_requested()` is no substitute: Dagster answers it for inputs of the same partitions only, and those of
    another timeframe, or of every symbol, would release a run beside the one that judges them.
    """
    found: Any = dg.AutomationCondition.eager().without(~dg.AutomationCondition.any_deps_missing())
    if followed:
        found = found.ignore(dg.AssetSelection.assets(*followed))
    there = dg.AutomationCondition.any_deps_match(~dg.AutomationCondition.missing())
    for assets in (required, *([one] for one in followed)):
        found = found & there.allow(dg.AssetSelection.assets(*assets))
    kept: dg.AutomationCondition = found  # Dagster declares `ignore` on a class it does not export
    return kept


def when_an_input_is_replaced() -> dg.AutomationCondition:
    """Make again what was made once, of whatever day, when anything it read has been read again.

    A day's minute bars read the end of the day before, so a new D makes D and D + 1 again. `eager()` looks at the
    latest day only. What was never made is left to the ingest jobs: the day after the last has its day before, and
    no ticks of its own.
    """
    return (
        dg.AutomationCondition.any_deps_updated().since_last_handled()
        & ~dg.AutomationCondition.missing()
        & ~dg.AutomationCondition.any_deps_in_progress()
        & ~dg.AutomationCondition.in_progress()
    )
