"""The whole road from the command line: the same definitions as the UI, stage by stage, in one process.

`make run` calls it. It launches the jobs of jobs/, prints the verdicts, the pointers and the paper session, and
writes the report; it computes nothing itself. Which partitions are launched is launches.py.

Exit codes: 0 when every run did what it could, whatever the verdicts (too little data and a refusal are results);
1 when a run failed on the way; 2 for bad settings or bad input, which ends the road before anything is made of it.
"""

import json
import logging
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import dagster as dg
from rich.markup import escape

from pipelines.errors import NotEnoughEvidence, TidemarkError
from pipelines.settings import Settings
from resources.clock import Clock
from resources.environment import load_settings
from resources.lake import Lake
from resources.progress import TerminalProgress
from resources.registry import Registry
from resources.sources import Source
from resources.sources.opening import open_source
from schedules import launches
from schedules.data_notes import data_notes, data_tables
from schedules.launches import Launch, bar_partitions, tick_launches
from schedules.summary import Said, last_said, summarise

__all__ = ["SILENT", "Road", "bar_partitions", "main", "quiet", "tick_launches", "travel"]

SILENT = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}  # the event log keeps everything
LEGIBLE = 140  # columns when nobody says how wide: a log or a pipe


class Road:
    """Runs launches against the local Dagster instance and remembers what failed and what was left out."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance, terminal: TerminalProgress) -> None:
        from schedules import (
            paper,
            research,
        )  # importing them reads the settings: bad ones must be one sentence

        self.settings = settings
        self.instance = instance
        self.terminal = terminal
        self.research = research.build_defs(settings, progress=terminal)
        self.paper = paper.build_defs(settings, progress=terminal)
        self._source = open_source(settings, Clock(), progress=terminal)
        self.registry = Registry(Path(settings.paths.artifacts))
        self.failures: list[tuple[Launch, str]] = []
        self.left_out: list[tuple[Launch, str]] = []  # too little data: a result, with its sentence

    def source(self) -> Source:
        """The market data source that the settings ask for."""
        return self._source

    def notes(self) -> list[tuple[str, str]]:
        """Every launch that did not give what it was launched for, with the sentence that says why."""
        return [(f"{launch.job} {launch.partition}", why) for launch, why in [*self.left_out, *self.failures]]

    def ingest(self, title: str, wanted: Sequence[Launch]) -> list[Launch]:
        """A stage that reads the user's data: the first thing that cannot be believed ends the road."""
        return self._stage(title, wanted, self.research, fatal=True)

    def stage(self, title: str, wanted: Sequence[Launch], defs: dg.Definitions | None = None) -> list[Launch]:
        """Run the launches one after another; returns those that succeeded, logs one line with the time."""
        return self._stage(title, wanted, defs or self.research, fatal=False)

    def _stage(
        self, title: str, wanted: Sequence[Launch], defs: dg.Definitions, *, fatal: bool
    ) -> list[Launch]:
        started = time.monotonic()
        done = []
        with self.terminal.shown() if self.terminal.console.is_terminal else nullcontext():
            for launch in wanted:
                self.terminal.tell(f"{title} {launch.partition}", 0.0)
                if self._run(launch, defs, fatal):
                    done.append(launch)
        seconds = time.monotonic() - started
        self.terminal.console.print(f"{title:<34} {len(done):>3} of {len(wanted):>3} runs {seconds:>8.1f} s")
        return done

    def _run(self, launch: Launch, defs: dg.Definitions, fatal: bool) -> bool:
        try:
            result = defs.resolve_job_def(launch.job).execute_in_process(
                instance=self.instance,
                partition_key=None if launch.until else launch.partition,
                tags=launch.tags,
                run_config=SILENT,
                raise_on_error=True,
            )
        except NotEnoughEvidence as refusal:
            self._remember(self.left_out, launch, str(refusal), "left out")
            return False
        except (TidemarkError, dg.DagsterError) as error:  # the latter: a blocking check that failed
            if fatal:
                raise
            self._remember(self.failures, launch, str(error), "failed")
            return False
        return result.success

    def _remember(self, where: list[tuple[Launch, str]], launch: Launch, why: str, word: str) -> None:
        where.append((launch, why))
        self.terminal.console.print(
            f"  [yellow]{word}[/] {launch.job} {escape(launch.partition)}: {escape(why)}", highlight=False
        )


def travel(road: Road) -> list[str]:
    """Every stage in order; returns the slots that were judged. Raises what is wrong with the user's data."""
    settings, source = road.settings, road.source()
    source.check()
    launches.require_every_symbol(settings, bar_partitions(settings, source))
    road.ingest("ticks and minute bars", tick_launches(settings, source))
    road.ingest("candles", launches.candle_launches(settings, source))
    road.ingest("funding", launches.funding_launches(settings, source))
    road.ingest("wallet fills", launches.fill_launches(settings, source))
    bars = [one.partition for one in road.stage("bars and quality", launches.bar_launches(settings, source))]
    road.stage("market breadth", launches.breadth_launches(settings, bars))
    built = road.stage("features", [Launch("build_features", one) for one in bars])
    with_features = {launch.partition for launch in built}
    road.stage("feature reports", [Launch("build_feature_report", one.partition) for one in built])
    road.stage("sequences", launches.sequence_launches(settings, with_features))
    trees, timing = launches.training_launches(settings, with_features)
    judged = road.stage("boosted_trees and scorecards", trees)
    judged += road.stage("timing and scorecards", timing)
    promotable = [launch for launch in judged if _promotable(road, launch)]
    road.stage("promotion", launches.promotion_launches(promotable))
    road.stage("paper sessions", [Launch("trade_on_paper", s.name) for s in settings.sessions], road.paper)
    return [launch.slot for launch in judged]


def paper_results(road: Road) -> dict[str, Said]:
    """What this road's run of each session said of itself; a run that failed says why, not what an older one said."""
    failed = {launch: {"status": f"failed: {why}"} for launch, why in [*road.left_out, *road.failures]}
    return {
        session.name: failed.get(Launch("trade_on_paper", session.name))
        or last_said(road.instance, session.name)
        for session in road.settings.sessions
    }


def _promotable(road: Road, launch: Launch) -> bool:
    stored = road.registry.load_scorecard(launch.slot)
    return stored is not None and bool(json.loads(stored)["promotable"])


@contextmanager
def quiet() -> Iterator[None]:
    """Dagster's event log and beta warnings go to its own store, not over the progress bar."""
    warnings.simplefilter("ignore")
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    yield


def main() -> int:
    """Run the road of the environment's settings; see the module for the exit codes."""
    started = time.monotonic()
    terminal = TerminalProgress()
    if not terminal.console.is_terminal:
        terminal.console.width = max(terminal.console.width, LEGIBLE)
    try:
        with quiet(), dg.DagsterInstance.get() as instance:
            settings = load_settings()
            road = Road(settings, instance, terminal)
            judged = travel(road)
            _tell(road, judged)
    except TidemarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    terminal.console.print(f"the whole road took {time.monotonic() - started:.0f} s", highlight=False)
    for launch, why in road.failures:
        print(f"error: {launch.job} {launch.partition}: {why}", file=sys.stderr)
    return 1 if road.failures else 0


def _tell(road: Road, judged: Sequence[str]) -> None:
    """Verdicts, pointers and sessions to the terminal, and all of it with the data to the report."""
    settings, lake = road.settings, Lake(road.settings.paths.lake)
    report = summarise(
        road.terminal.console,
        settings,
        road.registry,
        judged,
        paper_results(road),
        [*data_notes(settings, road.source(), lake), *road.notes()],
        data_tables(settings, lake),
        f"{Clock().now():%Y-%m-%d %H:%M} UTC",
    )
    road.terminal.console.print(f"report: {report.resolve()}", soft_wrap=True, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
