"""A world of three days in a temporary folder: real definitions, real lake, an ephemeral Dagster instance."""

from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from assets.increments import remember, stale
from pipelines.settings import Settings, parse
from resources.lake import Lake
from resources.registry import Registry
from schedules import paper, research

SILENT = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
FIRST, LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
DAYS = ("2026-01-01", "2026-01-03")

SYNTHETIC = """
[source]
kind = "synthetic"
[source.synthetic]
seed = 7
trades_per_day = 1_500
book_per_day = 1_440
"""
UNIVERSE = """
[universe]
start = 2026-01-01
end = 2026-01-04
timeframes = ["1m", "1h"]
windows = ["seq300", "seq500h"]
"""
REST = """
[costs]
fee_bps = 0.0
half_spread_bps = 0.0
slippage_bps = 0.0
[training]
holdout_days = 1
[training.trees]
rounds = 5
[training.timing]
max_windows = 50
[training.timing.loop]
epochs = 1
[gates]
required = ["G1", "effective_sample"]
advisory = []
[[sessions]]
name = "main"
symbols = ["BTC-USD"]
timeframe = "1h"
slot = "boosted_trees/{symbol}/{timeframe}"
capital = 100_000
max_position = 1.0
margin = 0.0
[paths]
root = "world"
"""


def toml(
    symbols: tuple[str, ...] = ("BTC-USD",),
    source: str = SYNTHETIC,
    universe: str = UNIVERSE,
    rest: str = REST,
) -> str:
    """Settings of a tiny universe as TOML text."""
    listed = "".join(f'[[universe.symbols]]\nsymbol = "{s}"\nprimary = "synthetic.{s}"\n' for s in symbols)
    return universe + listed + source + rest


def enough(symbols: tuple[str, ...] = ("BTC-USD",)) -> str:
    """Settings under which three days hold enough independent labels for windows `lstm60`: few minutes are idle."""
    return toml(
        symbols,
        SYNTHETIC.replace("1_500", "10_000"),
        UNIVERSE.replace("windows = [", 'windows = ["lstm60", '),
        REST.replace("holdout_days = 1", "holdout_days = 0"),
    )


class World:
    """Both code locations over one temporary folder."""

    def __init__(self, root: Path, instance: dg.DagsterInstance, text: str | None = None) -> None:
        self.root = root
        self.settings: Settings = parse(text or toml(), {}, "test")
        self.instance = instance
        self.research = research.build_defs(self.settings, root=root)
        self.paper = paper.build_defs(self.settings, root=root)
        self.lake = Lake(root / self.settings.paths.lake)
        self.registry = Registry(root / self.settings.paths.artifacts)

    def run(self, job: str, partition: str, until: str | None = None) -> dg.ExecuteInProcessResult:
        """One run of a job; a failed run is returned, not raised."""
        defs = self.paper if job == "trade_on_paper" else self.research
        return defs.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=None if until else partition,
            tags={FIRST: partition, LAST: until} if until else {},
            run_config=SILENT,
            raise_on_error=False,
        )

    def ingest(self, symbol: str = "BTC-USD") -> None:
        """Ticks, minute bars, candles and funding of a symbol."""
        first, last = (f"{day}|synthetic.{symbol}" for day in DAYS)
        runs = [self.run("ingest_ticks", first, last), self.run("ingest_funding", symbol)]
        runs += [self.run("ingest_candles", f"{symbol}|{timeframe}") for timeframe in ("1m", "1h")]
        assert all(run.success for run in runs)

    def versions(self) -> dict[str, int | None]:
        """Delta version of every table that exists."""
        tables = sorted(p.name for p in Path(self.lake.root).iterdir() if (p / "_delta_log").is_dir())
        return {table: self.lake.version(table) for table in tables}


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    """Metadata values of what a run materialised of an asset."""
    found = [
        event.step_materialization_data.materialization
        for event in result.all_events
        if event.is_step_materialization
    ]
    return {
        name: value.value
        for each in found
        if each.asset_key == dg.AssetKey(asset.split("/"))
        for name, value in each.metadata.items()
    }


def materialised(result: dg.ExecuteInProcessResult) -> set[str]:
    """Assets that a run materialised."""
    return {event.asset_key.to_user_string() for event in result.get_asset_materialization_events()}


def checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    """Outcome of every check of a run, by name."""
    return {e.check_name: e.passed for e in result.get_asset_check_evaluations()}


def why(result: dg.ExecuteInProcessResult) -> str:
    """Innermost error of a failed run, as its class and sentence."""
    error = next(e for e in result.all_events if e.is_step_failure).step_failure_data.error
    while error.cause is not None:
        error = error.cause
    return str(error.message)


def keep_features(lake: Lake, features: pl.DataFrame, keys: dict[str, str]) -> None:
    """Store features as made of the bars that are stored: what the `features` asset writes."""
    names = [name for name in features.columns if name != "open_time"]
    made = stale(lake, keys, names, {})
    remember(lake, keys, made, lake.replace_months("features", features, keys))
