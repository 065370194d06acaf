"""The wallet_fills asset: what it writes, what it says, and what it refuses."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from assets import wallet_fills
from assets.partitions import Partitions
from pipelines.market.file_entry import FileEntry
from pipelines.settings import parse
from resources.lake import Lake
from resources.sources.files import FilesSource
from resources.sources.source import Source
from tests.assets.world import SILENT, metadata, toml, why

NOW = datetime(2026, 11, 21, tzinfo=UTC)
UNIVERSE = """
[universe]
start = 2025-11-30
end = 2025-12-03
timeframes = ["1h"]
windows = ["seq500h"]
"""
START = datetime(2025, 12, 1, tzinfo=UTC)


def line(number: int, **changed: Any) -> str:
    ts = int((START + timedelta(seconds=number)).timestamp() * 1000)
    side = "buy" if number % 2 else "sell"
    return json.dumps(
        {
            "ts": ts,
            "address": f"0x{number % 3}",
            "coin": "BTC",
            "side": side,
            "price": 90000.5,
            "size": 0.25,
            **changed,
        }
    )


def entry(glob: str) -> FileEntry:
    return FileEntry(glob=glob, kind="fills", symbol="BTC-USD", where="BTC")


def run(tmp_path: Path, source: Source, symbol: str = "BTC-USD") -> tuple[dg.ExecuteInProcessResult, Lake]:
    settings = parse(toml((symbol,), universe=UNIVERSE), {}, "test")
    lake = Lake(tmp_path / "lake")
    assets = wallet_fills.build(Partitions.of(settings))
    job = dg.Definitions(
        assets=assets,
        jobs=[dg.define_asset_job("ingest", selection=dg.AssetSelection.all())],
        resources={"source": source, "lake": lake, "settings": settings},
    ).resolve_job_def("ingest")
    return job.execute_in_process(partition_key=symbol, run_config=SILENT, raise_on_error=False), lake


def source_of(tmp_path: Path, *lines: str) -> FilesSource:
    (tmp_path / "fills.jsonl").write_text("\n".join([*lines, ""]))
    return FilesSource([entry("fills.jsonl")], tmp_path, NOW)


def test_fills_are_written_with_what_they_hold(tmp_path: Path) -> None:
    lines = [line(k, tid=k + 1) for k in range(30)]
    lines += [
        lines[4],
        line(7, tid=8, size=0.5),
        line(40),
        line(40),
        line(50, side="?"),
        line(60, coin="ETH"),
    ]
    result, lake = run(tmp_path, source_of(tmp_path, *lines))
    assert result.success
    said = metadata(result, "wallet_fills")
    rows = lake.read("wallet_fills", {"symbol": "BTC-USD"})
    assert said["dagster/partition_row_count"] == rows.height == 32
    assert said["wallets"] == 3
    assert said["eligible_wallets"] == 0
    assert said["repeats_dropped"] == 1
    assert said["possible_repeats"] == 1
    assert said["quarantined"] == 2
    assert said["cohorts"] == "3 wallets, 0 eligible: no cohort can be formed; expected at least 10"
    assert "1 fills came again with the same trade id" in said["notes"]
    assert rows.filter(pl.col("id") == 2)["side"].to_list() == [1]
    refused = lake.read("quarantine", {"refused_for": "wallet_fills", "part": "BTC-USD"})
    assert sorted(refused["line"]) == [32, 35]


def test_a_second_run_of_the_same_file_writes_nothing(tmp_path: Path) -> None:
    source = source_of(tmp_path, *(line(k) for k in range(5)))
    _, lake = run(tmp_path, source)
    version = lake.version("wallet_fills")
    assert run(tmp_path, source)[0].success
    assert lake.version("wallet_fills") == version


def test_a_source_without_fills_is_refused_in_a_sentence(tmp_path: Path) -> None:
    result, lake = run(tmp_path, FilesSource([], tmp_path, NOW))
    assert not result.success
    assert "the source has no wallet fills; features go without cohorts" in why(result)
    assert lake.version("wallet_fills") is None


@pytest.mark.real
def test_the_real_files_can_form_no_cohort_and_say_so(tmp_path: Path, real_data: Path) -> None:
    source = FilesSource(
        [entry("unlicensed/hyperliquid_fills/fills_12h_2025-12-02.jsonl.gz")], real_data, NOW
    )
    result, lake = run(tmp_path, source)
    assert result.success
    said = metadata(result, "wallet_fills")
    assert said["cohorts"] == "8 wallets, 0 eligible: no cohort can be formed; expected at least 10"
    assert said["possible_repeats"] == 209
    assert lake.row_count("wallet_fills", {"symbol": "BTC-USD"}) == 2236
