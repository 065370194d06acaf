"""When an asset is made again by itself: what it reads has changed. Schedules and sensors live in schedules/."""

import dagster as dg


def when_inputs_change(*required: str) -> dg.AutomationCondition:
    """Eager, but never past a failed blocking check, and not stopped by what a source does not have.

    required : assets of which at least one upstream partition must exist; any other input may be missing for ever
    `eager()` alone waits for every upstream partition: for funding that no source has, for days without ticks.
    `all_deps_blocking_checks_passed()` asks whether *any* upstream partition passed, so good hours would release
    the features of bad minutes; here a single failed upstream partition holds its own dependants, and only those.
    """
    failed = dg.AutomationCondition.any_checks_match(
        dg.AutomationCondition.check_failed(), blocking_only=True
    )
    there = dg.AutomationCondition.any_deps_match(~dg.AutomationCondition.missing())
    return (
        dg.AutomationCondition.eager().without(~dg.AutomationCondition.any_deps_missing())
        & there.allow(dg.AssetSelection.assets(*required))
        & ~dg.AutomationCondition.any_deps_match(failed)
    )


def when_inputs_are_judged(*required: str) -> dg.AutomationCondition:
    """The same, but never in the run, or beside the run, that makes an input: its verdict must be there first."""
    soon = dg.AutomationCondition.any_deps_match(dg.AutomationCondition.will_be_requested())
    return when_inputs_change(*required) & ~soon


def when_an_input_was_judged() -> dg.AutomationCondition:
    """When something it reads has changed and was judged, whatever the verdict: bad inputs are left out by name."""
    soon = dg.AutomationCondition.any_deps_match(dg.AutomationCondition.will_be_requested())
    return dg.AutomationCondition.eager().without(~dg.AutomationCondition.any_deps_missing()) & ~soon


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
