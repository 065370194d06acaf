"""The promotion-gate sensor of a recipe: every new scorecard is evaluated once, in order. It decides nothing itself.

A plain sensor that pages by storage id: `asset_sensor` sees only the newest event of a tick, so of four
scorecards between two ticks it would handle one. A Dagster home may hold the scorecards of another world, or of a
symbol that the settings have dropped: those are logged and passed over, since a request for a partition that is not
defined fails the tick, and every tick after it.
"""

from dataclasses import dataclass

import dagster as dg

PAGE = 100
SECONDS = 60


@dataclass(frozen=True)
class Here:
    """What this code location can promote."""

    partitions: dg.PartitionsDefinition  # of the recipe
    world: str  # `paths.root`, which a scorecard's materialisation names

    def foreign(self, partition: str | None, world: object) -> str:
        """Why a scorecard is not ours to promote; empty when it is."""
        if world != self.world:
            return f"it belongs to world {world}, this is {self.world}"
        if partition not in self.partitions.get_partition_keys():
            return "the settings have no such partition"
        return ""


def build(recipe: str, partitions: dg.PartitionsDefinition, world: str) -> dg.SensorDefinition:
    """Requests promote_<recipe> for each scorecard whose required verdicts all pass, once per scorecard.

    `partitions`: those of the recipe; `world`: `paths.root`. A scorecard of others is passed over.
    """

    @dg.sensor(
        name=f"gate_{recipe}",
        job_name=f"promote_{recipe}",
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Launches promote_{recipe} for every new scorecard whose required verdicts pass.",
    )
    def gate(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return evaluate(context, recipe, Here(partitions, world))

    return gate


def evaluate(context: dg.SensorEvaluationContext, recipe: str, here: Here) -> dg.SensorResult:
    """Requests for the scorecards after the cursor, the new cursor, and a log line per refusal or foreigner."""
    page = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(
            asset_key=dg.AssetKey(["scorecard", recipe]),
            after_storage_id=int(context.cursor) if context.cursor else None,
        ),
        limit=PAGE,
        ascending=True,
    )
    requests = []
    for record in page.records:
        if record.asset_materialization is None:
            continue
        metadata = record.asset_materialization.metadata
        partition, sha256 = record.partition_key, str(metadata["scorecard_sha256"].value)
        why = here.foreign(partition, metadata["world"].value if "world" in metadata else "unnamed")
        if why:
            context.log.info("%s %s is passed over: %s", recipe, partition, why)
        elif metadata["promotable"].value:
            requests.append(
                dg.RunRequest(run_key=sha256, partition_key=partition, tags={"scorecard": sha256})
            )
        else:
            context.log.info("%s %s is not promoted: %s", recipe, partition, metadata["reasons"].value)
    cursor = str(page.records[-1].storage_id) if page.records else context.cursor
    return dg.SensorResult(
        run_requests=requests, cursor=cursor, skip_reason=None if requests else _quiet(len(page.records))
    )


def _quiet(evaluated: int) -> str:
    return f"{evaluated} new scorecards evaluated, none promotable" if evaluated else "no new scorecard"
