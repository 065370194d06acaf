"""Many symbols and two years of minutes through the real assets: how much memory, and what a kill costs.

`make scale` (118 symbols: 40 minutes and 60 GB of disk under worlds/scale; SYMBOLS=3 for a taste). Candles are
made as Parquet files, one symbol at a time, and go through `ingest_candles`, `build_bars_and_features` and
`build_sequences` like anybody's, then `build_breadth` through all of them; a symbol whose sequences are there is
skipped, so the same command after a kill goes on where it was. A whole run that skipped none is written down in
tests/certificates/scale.json, with the code that it was run on; a test reads that file.
"""

import argparse
import json
import resource
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
from rich.console import Console
from rich.progress import Progress

from pipelines.features import compute
from pipelines.settings import parse
from resources.fingerprint import fingerprint
from resources.lake import Lake
from schedules import research
from schedules.certify import commit

START = datetime(2024, 1, 1, tzinfo=UTC)
LIMIT = 4 * 2**30  # bytes resident at most
JOBS = {"ingest_candles": "1m", "build_bars_and_features": "1m", "build_sequences": "seq300"}
"""What is run, and on which partition of a symbol."""
SYMBOLS, DAYS = 118, 730
CERTIFICATE = Path("tests/certificates/scale.json")
CODE = ("pipelines", "resources", "assets")  # what the figures depend on
CHECKED = 5_000  # newest rows of a symbol that are computed again at the end
SILENT = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
HEAD = """
[universe]
start = {start:%Y-%m-%d}
end = {end:%Y-%m-%d}
timeframes = ["1m"]
windows = ["seq300"]
[costs]
fee_bps = 2.0
half_spread_bps = 0.5
slippage_bps = 0.0
[training]
holdout_days = 10
[training.trees]
threads = 1
[training.timing]
max_windows = 6000
[training.timing.loop]
epochs = 1
[gates]
required = ["G1", "effective_sample"]
advisory = []
[[sessions]]
name = "main"
symbols = ["COIN000-USD"]
timeframe = "1m"
slot = "boosted_trees/{{symbol}}/{{timeframe}}"
capital = 100_000
max_position = 1.0
margin = 0.0
[paths]
root = "."
{symbols}
[source]
kind = "files"
{files}
"""
SYMBOL = """
[[universe.symbols]]
symbol = "{symbol}"
primary = "made.{symbol}"
"""
FILE = """
[[source.files]]
glob = "{folder}/{symbol}.parquet"
kind = "ohlcv"
market = "made.{symbol}"
timeframe = "1m"
"""


def names(symbols: int) -> list[str]:
    """COIN000-USD, COIN001-USD, …"""
    return [f"COIN{number:03d}-USD" for number in range(symbols)]


def candles(seed: int, minutes: int) -> pl.DataFrame:
    """A random walk of minute candles without a hole."""
    rng = np.random.default_rng(seed)
    close = np.round(100.0 * np.exp(np.cumsum(rng.normal(0, 5e-4, minutes))), 4)
    opened = np.concatenate([close[:1], close[:-1]])
    reach = np.abs(rng.normal(0, 3e-4, (2, minutes)))
    return pl.DataFrame(
        {
            "timestamp": START + pl.Series(np.arange(minutes) * 60_000_000).cast(pl.Duration("us")),
            "open": opened,
            "high": np.round(np.maximum(opened, close) * (1 + reach[0]), 4),
            "low": np.round(np.minimum(opened, close) * (1 - reach[1]), 4),
            "close": close,
            "volume": np.round(rng.lognormal(0, 1, minutes), 3),
        }
    )


def settings_text(folder: Path, symbols: int, days: int) -> str:
    """Settings of all of them, over files in `folder`."""
    every = names(symbols)
    return HEAD.format(
        start=START,
        end=START + timedelta(days=days),
        symbols="".join(SYMBOL.format(symbol=name) for name in every),
        files="".join(FILE.format(symbol=name, folder=folder) for name in every),
    )


def main() -> int:
    """0 when every symbol has its features and memory stayed below the limit."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--symbols", type=int, default=SYMBOLS)
    asked.add_argument("--days", type=int, default=DAYS)
    asked.add_argument("--folder", type=Path, default=Path("worlds/scale"))
    given = asked.parse_args()
    console, folder = Console(), given.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    settings = parse(settings_text(folder / "candles", given.symbols, given.days), {}, "scale")
    defs, lake = research.build_defs(settings, root=folder), Lake(folder / settings.paths.lake)
    minutes, began, skipped = given.days * 24 * 60, time.monotonic(), 0
    (folder / "home").mkdir(exist_ok=True)
    instance = dg.DagsterInstance.local_temp(str(folder / "home"), {"telemetry": {"enabled": False}})
    with Progress(console=console) as progress:
        task = progress.add_task("symbols", total=given.symbols)
        for number, name in enumerate(names(given.symbols)):
            if lake.row_count("sequences", {"symbol": name, "window": "seq300"}):
                skipped += 1
            else:
                _build(defs, instance, folder, number, minutes)
            progress.update(task, advance=1, description=f"{name}, at most {_peak() / 2**30:.2f} GiB")
    every = names(given.symbols)
    _run(defs, instance, "build_breadth", "1m")
    found = {
        "rows": sum(lake.row_count("features", {"symbol": name, "timeframe": "1m"}) for name in every),
        "expected": given.symbols * minutes,
        "breadth": lake.row_count("breadth", {"timeframe": "1m"}),
        "windows": sum(lake.row_count("sequences", {"symbol": name, "window": "seq300"}) for name in every),
        "as_a_cold_build": all(
            _as_cold(lake, every[which]) for which in {0, len(every) // 2, len(every) - 1}
        ),
        "peak_gib": round(_peak() / 2**30, 2),
        "limit_gib": LIMIT / 2**30,
        "seconds": round(time.monotonic() - began),
        "skipped": skipped,
    }
    console.print_json(data=found)
    if (given.symbols, given.days, skipped) == (SYMBOLS, DAYS, 0):
        body = {"command": "make scale", "commit": commit(), "code": fingerprint(*CODE), **found}
        CERTIFICATE.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    right = (
        found["rows"] == found["expected"] and found["as_a_cold_build"] and found["breadth"] == minutes - 1
    )
    return 0 if right and _peak() <= LIMIT else 1


def _build(
    defs: dg.Definitions, instance: dg.DagsterInstance, folder: Path, number: int, minutes: int
) -> None:
    path = folder / "candles" / f"{names(number + 1)[number]}.parquet"
    path.parent.mkdir(exist_ok=True)
    candles(number, minutes).write_parquet(path)
    for job, key in JOBS.items():
        _run(defs, instance, job, f"{path.stem}|{key}")
    path.unlink()  # its rows are in the lake
    for matrix in (folder / "datasets" / "matrices").glob("*.npy"):
        matrix.unlink()  # a cache of what is in the lake: 139 MB a symbol


def _run(defs: dg.Definitions, instance: dg.DagsterInstance, job: str, partition: str) -> None:
    found = defs.resolve_job_def(job)
    found.execute_in_process(instance=instance, partition_key=partition, run_config=SILENT)


def _as_cold(lake: Lake, symbol: str) -> bool:
    """Whether the newest rows are, to the last bit, what the bars give without anything stored."""
    keys = {"symbol": symbol, "timeframe": "1m"}
    stored = lake.read("features", keys)
    names = [name for name in stored.columns if name != "open_time"]
    made = compute(lake.read("bars", keys), "1m", names)
    return made.tail(CHECKED).equals(stored.tail(CHECKED))


def _peak() -> int:
    """Most bytes that were ever resident in this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    raise SystemExit(main())
