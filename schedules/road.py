"""The whole road from the command line: the same definitions as the UI, stage by stage, in one process.

`make run` calls it. It launches the jobs of jobs/, prints the verdicts, the pointers and the paper session, and
writes the report; it computes nothing itself.
"""

import json
import logging
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from rich.markup import escape

from pipelines.errors import TidemarkError
from pipelines.market.symbols import Market
from pipelines.market.timeframes import length_of
from pipelines.promotion.pointer import slot_of
from pipelines.sequences.specs import spec
from pipelines.settings import Settings
from resources.clock import Clock
from resources.environment import load_settings
from resources.progress import TerminalProgress
from resources.registry import Registry
from resources.sources import Source
from schedules import paper, research
from schedules.summary import summarise

SILENT = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}  # the event log keeps everything
FIRST, LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@dataclass(frozen=True)
class Launch:
    """One run of a job: a partition, or a range of days of one market."""

    job: str
    partition: str
    until: str | None = None

    @property
    def tags(self) -> dict[str, str]:
        """Tags that make a single run carry the range."""
        return {FIRST: self.partition, LAST: self.until} if self.until else {}


class Road:
    """Runs launches against the local Dagster instance and remembers what was refused."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance, terminal: TerminalProgress) -> None:
        self.settings = settings
        self.instance = instance
        self.terminal = terminal
        self.research = research.build_defs(settings, progress=terminal)
        self.paper = paper.build_defs(settings, progress=terminal)
        self.registry = Registry(Path(settings.paths.artifacts))
        self.failures: list[tuple[Launch, str]] = []

    def source(self) -> Source:
        """The market data source of the research location."""
        found: Source = self.research.resources["source"]  # type: ignore[index]
        return found

    def notes(self) -> list[tuple[str, str]]:
        """What the report says about the data: ignored files and every refused launch."""
        ignored = [("source", f"ignored: {path}") for path in self.source().describe()["ignored"]]
        return [*ignored, *((f"{launch.job} {launch.partition}", why) for launch, why in self.failures)]

    def stage(
        self, title: str, launches: Sequence[Launch], defs: dg.Definitions | None = None
    ) -> list[Launch]:
        """Run the launches one after another; returns those that succeeded, logs one line with the time."""
        started = time.monotonic()
        done = []
        with self.terminal.shown():
            for launch in launches:
                self.terminal.tell(f"{title} {launch.partition}", 0.0)
                if self._run(launch, defs or self.research):
                    done.append(launch)
        seconds = time.monotonic() - started
        self.terminal.console.print(
            f"{title:<34} {len(done):>3} of {len(launches):>3} runs {seconds:>8.1f} s"
        )
        return done

    def _run(self, launch: Launch, defs: dg.Definitions) -> bool:
        try:
            result = defs.resolve_job_def(launch.job).execute_in_process(
                instance=self.instance,
                partition_key=None if launch.until else launch.partition,
                tags=launch.tags,
                run_config=SILENT,
                raise_on_error=True,
            )
        except TidemarkError as error:
            self.failures.append((launch, str(error)))
            self.terminal.console.print(
                f"  [yellow]{launch.job} {escape(launch.partition)}[/]: {escape(str(error))}"
            )
            return False
        return result.success


def tick_launches(settings: Settings, source: Source) -> list[Launch]:
    """One range of days per market that has ticks."""
    launches = []
    for symbol in settings.universe.symbols:
        days = [
            d
            for d in source.tick_days(Market.parse(symbol.primary))
            if settings.universe.start <= d < settings.universe.end
        ]
        if days:
            launches.append(
                Launch("ingest_ticks", f"{min(days)}|{symbol.primary}", f"{max(days)}|{symbol.primary}")
            )
    return launches


def bar_partitions(settings: Settings, source: Source) -> list[str]:
    """Every symbol x timeframe that the source can make, longer timeframes first: short bars may read longer ones."""
    timeframes = sorted(settings.universe.timeframes, key=length_of, reverse=True)
    return [
        f"{s.symbol}|{t}"
        for s in settings.universe.symbols
        for t in timeframes
        if source.has_candles(s.symbol, t)
        or source.has_candles(s.symbol, "1m")
        or source.tick_days(Market.parse(s.primary))
    ]


def travel(road: Road) -> list[str]:
    """Every stage in order; returns the slots that were judged."""
    settings, source = road.settings, road.source()
    road.stage("ticks and minute bars", tick_launches(settings, source))
    possible = bar_partitions(settings, source)
    candles = [p for p in possible if source.has_candles(*p.split("|"))]
    road.stage("candles", [Launch("ingest_candles", p) for p in candles])
    funded = [s.symbol for s in settings.universe.symbols if source.has_funding(s.symbol)]
    road.stage("funding", [Launch("ingest_funding", s) for s in funded])
    built = road.stage("bars and features", [Launch("build_bars_and_features", p) for p in possible])
    with_features = {launch.partition for launch in built}
    windows = [
        f"{s.symbol}|{w}"
        for s in settings.universe.symbols
        for w in settings.universe.windows
        if f"{s.symbol}|{spec(w).timeframe}" in with_features
    ]
    road.stage("sequences", [Launch("build_sequences", p) for p in windows])
    judged = road.stage(
        "boosted_trees and scorecards", [Launch("retrain_boosted_trees", p) for p in sorted(with_features)]
    )
    judged += road.stage(
        "timing and scorecards", [Launch("retrain_timing", w) for w in settings.universe.windows]
    )
    promotable = [launch for launch in judged if _promotable(road, launch)]
    road.stage(
        "promotion",
        [Launch(launch.job.replace("retrain_", "promote_"), launch.partition) for launch in promotable],
    )
    road.stage("paper sessions", [Launch("trade_on_paper", s.name) for s in settings.sessions], road.paper)
    return [_slot(launch) for launch in judged]


def _slot(launch: Launch) -> str:
    return slot_of(launch.job.removeprefix("retrain_"), launch.partition)


def _promotable(road: Road, launch: Launch) -> bool:
    stored = road.registry.load_scorecard(_slot(launch))
    return stored is not None and bool(json.loads(stored)["promotable"])


@contextmanager
def quiet() -> Iterator[None]:
    """Dagster's event log and beta warnings go to its own store, not over the progress bar."""
    warnings.simplefilter("ignore")
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    yield


def main() -> int:
    """Exit code 0 when every stage ran, whatever the verdicts; 2 with one sentence for bad input."""
    started = time.monotonic()
    terminal = TerminalProgress()
    try:
        with quiet(), dg.DagsterInstance.get() as instance:
            settings = load_settings()
            road = Road(settings, instance, terminal)
            judged = travel(road)
            report = summarise(
                terminal.console,
                settings,
                road.registry,
                judged,
                road.notes(),
                f"{Clock().now():%Y-%m-%d %H:%M} UTC",
            )
    except TidemarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    terminal.console.print(f"report: {report.resolve()}")
    terminal.console.print(f"the whole road took {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
