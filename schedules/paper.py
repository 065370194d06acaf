"""The paper code location: it goes on when research is broken, and reads only pointers, bundles and bars."""

from pathlib import Path

import dagster as dg

from assets import paper
from assets.partitions import Partitions
from jobs import paper as jobs
from pipelines.settings import Settings
from resources.clock import Clock
from resources.environment import load_settings
from resources.lake import Lake
from resources.progress import LogProgress, Progress
from resources.registry import Registry


def build_defs(settings: Settings, root: Path = Path(), progress: Progress | None = None) -> dg.Definitions:
    """Definitions of these settings with every path under `root`."""
    return dg.Definitions(
        assets=paper.build(Partitions.of(settings)),
        jobs=jobs.build(),
        schedules=[every_minute(settings)],
        resources={
            "settings": settings,
            "lake": Lake(root / settings.paths.lake),
            "registry": dg.ResourceDefinition(lambda _: Registry(root / settings.paths.artifacts)),
            "journals": root / settings.paths.artifacts / "journals",
            "clock": Clock(),
            "progress": progress or LogProgress(),
        },
        executor=dg.in_process_executor,
    )


def every_minute(settings: Settings) -> dg.ScheduleDefinition:
    """Brings every following session up to date; a replaying one is launched by hand.

    The run begins at the minute and waits in it for the bar that is due (`assets.paper_wait.await_bar`). Nobody here
    fetches bars: a session only enters when somebody has ingested the bar by max(10 % of it, 5 s) after it is usable,
    which for 1m is 9 s after its close.
    """

    @dg.schedule(
        name="follow_bars",
        job_name="trade_on_paper",
        cron_schedule="* * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Once a minute, for every session with mode = follow: decides the bar that is due once it is in.",
    )
    def follow_bars(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        minute = context.scheduled_execution_time.strftime("%Y-%m-%dT%H:%M")
        requests = [
            dg.RunRequest(run_key=f"{session.name}/{minute}", partition_key=session.name)
            for session in settings.sessions
            if session.mode == "follow"
        ]
        return requests or dg.SkipReason("no session follows: every session in the settings replays")

    return follow_bars


defs = build_defs(load_settings())
