"""The check that anybody may put on an asset of their own: green when honest, else red with the leak's reach."""

from collections.abc import Callable, Mapping
from datetime import timedelta

import dagster as dg
import polars as pl
import pytest

from assets.causality_check import causality_check
from pipelines.features.causality import Table
from pipelines.features.joins import context as joined
from tests.assets.world import SILENT
from tests.pipelines.features import makers

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
CLOSE = pl.col("close")
BARS = makers.bars(600, seed=3)
HOURS = makers.bars(40, "1h", seed=4, start=makers.START - 20 * HOUR).select("open_time", "close")
DAYS = dg.StaticPartitionsDefinition(["calm", "wild"])
Made = Callable[..., pl.DataFrame]


def run(
    compute: Made,
    tables: Mapping[str, Table] | None = None,
    partition: str | None = None,
    **how: object,
) -> dg.ExecuteInProcessResult:
    """A code location of somebody else: one asset, its check, and an asset behind it."""
    partitions = DAYS if partition else None

    @dg.asset(partitions_def=partitions)
    def mine(context: dg.AssetExecutionContext) -> None: ...

    @dg.asset(deps=[mine], partitions_def=partitions)
    def behind(context: dg.AssetExecutionContext) -> None: ...

    def read(context: dg.AssetCheckExecutionContext) -> tuple[pl.DataFrame, Mapping[str, Table]]:
        wild = partition is not None and context.partition_key == "wild"
        return BARS.with_columns(volume=CLOSE) if wild else BARS, tables or {}

    check = causality_check("mine", compute, read, partitions_def=partitions, **how)
    defs = dg.Definitions(assets=[mine, behind], asset_checks=[check], executor=dg.in_process_executor)
    job = defs.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(partition_key=partition, run_config=SILENT, raise_on_error=False)


def verdict(result: dg.ExecuteInProcessResult) -> tuple[bool, str]:
    (found,) = result.get_asset_check_evaluations()
    return found.passed, str(found.metadata["found"].value)


def test_an_honest_function_is_green_and_a_peeking_one_is_named() -> None:
    assert verdict(run(lambda bars: bars.select("open_time", mean=CLOSE.rolling_mean(5)))) == (True, "none")
    passed, said = verdict(run(lambda bars: bars.select("open_time", late=CLOSE.shift(-3), fine=CLOSE)))
    assert not passed
    assert "late reads the future: row 0 " in said
    assert "reaches 3 bars (0:03:00) ahead" in said
    assert "fine" not in said


def test_a_blocking_check_holds_what_lies_behind() -> None:
    peeking: Made = lambda bars: bars.select(late=CLOSE.shift(-1))  # noqa: E731
    for blocking, made in ((True, {"mine"}), (False, {"mine", "behind"})):
        result = run(peeking, blocking=blocking)
        assert result.success is not blocking
        assert {e.asset_key.to_user_string() for e in result.get_asset_materialization_events()} == made


def test_another_table_is_judged_by_when_its_rows_were_known() -> None:
    """Hours joined by their close are honest; by their open they show up to 59 minutes of future."""
    tables = {"hours": Table(HOURS, pl.col("open_time") + HOUR)}

    def honest(bars: pl.DataFrame, hours: pl.DataFrame) -> pl.DataFrame:
        return joined(bars.select("open_time"), "1m", hours, "1h", "h_").select("h_close")

    def by_open(bars: pl.DataFrame, hours: pl.DataFrame) -> pl.DataFrame:
        return bars.select("open_time").join_asof(hours, on="open_time").select("close")

    after = MINUTE + timedelta(seconds=3)
    assert verdict(run(honest, tables, usable_after=after, looks=100))[0]
    passed, said = verdict(run(by_open, tables, usable_after=after, looks=100))
    assert not passed
    assert "close reads the future" in said


def test_each_partition_has_a_verdict_of_its_own() -> None:
    """The function peeks at volumes, which are random in one partition and the close itself in the other."""

    def sometimes(bars: pl.DataFrame) -> pl.DataFrame:
        return bars.select(found=pl.when(pl.col("volume") == CLOSE).then(CLOSE.shift(-1)).otherwise(CLOSE))

    for partition, passed in (("calm", True), ("wild", False)):
        result = run(sometimes, partition=partition)
        assert verdict(result)[0] is passed
        (found,) = result.get_asset_check_evaluations()
        assert found.partition == partition


def test_what_cannot_be_judged_fails_with_the_detector_s_sentence() -> None:
    result = run(lambda bars: bars.head(3).select("close"))
    assert not result.success
    (failure,) = (e for e in result.all_events if e.is_step_failure)
    assert "features need one row a bar: expected 600 rows" in str(failure.step_failure_data.error.cause)


@pytest.mark.parametrize(("memory", "honest"), [(320, True), (0, False)])
def test_the_choices_of_the_search_are_passed_on(memory: int, honest: bool) -> None:
    """A leak at one date is in no piece that was moved by weeks: `leaks` says to look without pieces then."""
    here = pl.col("open_time") == BARS["open_time"][333]
    rare: Made = lambda bars: bars.select(x=pl.when(here).then(CLOSE.shift(-1)).otherwise(CLOSE))  # noqa: E731
    assert verdict(run(rare, memory=memory, thorough=True))[0] is honest


def test_what_is_read_may_come_from_a_resource() -> None:
    @dg.asset
    def mine() -> None: ...

    def read(context: dg.AssetCheckExecutionContext) -> tuple[pl.DataFrame, Mapping[str, Table]]:
        return context.resources.store, {}

    late: Made = lambda bars: bars.select(late=CLOSE.shift(-1))  # noqa: E731
    check = causality_check("mine", late, read, required_resource_keys={"store"})
    resources, executor = {"store": BARS}, dg.in_process_executor
    defs = dg.Definitions(assets=[mine], asset_checks=[check], resources=resources, executor=executor)
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(run_config=SILENT)
    assert not verdict(result)[0]
