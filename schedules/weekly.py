"""The weekly retraining schedule of a recipe: one request per partition, each with a key that never repeats."""

import dagster as dg

MONDAY_NIGHT = "0 3 * * 1"  # UTC, after the weekend's data


def build(recipe: str, partitions: dg.PartitionsDefinition) -> dg.ScheduleDefinition:
    """Requests retrain_<recipe> for every partition, Mondays 03:00 UTC."""

    @dg.schedule(
        name=f"weekly_{recipe}",
        job_name=f"retrain_{recipe}",
        cron_schedule=MONDAY_NIGHT,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Retrains every partition of {recipe} on Mondays at 03:00 UTC.",
    )
    def weekly(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest]:
        week = context.scheduled_execution_time.strftime("%Y-%m-%d")
        return [
            dg.RunRequest(run_key=f"{recipe}/{week}/{key}", partition_key=key)
            for key in partitions.get_partition_keys()
        ]

    return weekly
