"""The promotion-gate sensor of a recipe: every new scorecard is evaluated once, in order. It decides nothing itself.

A plain sensor that pages by storage id: `asset_sensor` sees only the newest event of a tick, so of four
scorecards between two ticks it would handle one.
"""

import dagster as dg

PAGE = 100
SECONDS = 60


def build(recipe: str) -> dg.SensorDefinition:
    """Requests promote_<recipe> for each scorecard whose required verdicts all pass, once per scorecard."""

    @dg.sensor(
        name=f"gate_{recipe}",
        job_name=f"promote_{recipe}",
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Launches promote_{recipe} for every new scorecard whose required verdicts pass.",
    )
    def gate(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return evaluate(context, recipe)

    return gate


def evaluate(context: dg.SensorEvaluationContext, recipe: str) -> dg.SensorResult:
    """Requests for the scorecards after the cursor, the new cursor, and a log line per refusal."""
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
        if metadata["promotable"].value:
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
