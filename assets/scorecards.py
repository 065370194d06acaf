"""Scorecards as assets: a candidate's out-of-sample evidence, its backtest after costs, and the gates as checks.

A refusal is a result: the run is green and the check is red. Figures: pipelines/evaluation; rules: pipelines/gates.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import dagster as dg
import polars as pl

from assets.describe import OWNERS, table
from assets.models import partitions_of
from assets.partitions import Partitions
from pipelines.evaluation.backtest import history_of
from pipelines.evaluation.evaluate import scorecard
from pipelines.evaluation.scorecard import Scorecard, Subject
from pipelines.gates.declaration import Verdict
from pipelines.gates.policy import GatePolicy
from pipelines.gates.verdicts import promotable, verdicts
from pipelines.models.recipes import RECIPES
from pipelines.promotion.bundle import Bundle
from pipelines.promotion.pointer import slot_of
from pipelines.settings import Settings
from pipelines.trading.run import run
from pipelines.trading.session import SessionConfig
from resources.lake import Lake
from resources.registry import Registry


def build(p: Partitions) -> list[dg.AssetsDefinition]:
    """One scorecard asset per recipe."""
    return [_scorecard_asset(recipe, p) for recipe in RECIPES]


def _scorecard_asset(recipe: str, p: Partitions) -> dg.AssetsDefinition:
    key = dg.AssetKey(["scorecard", recipe])
    partitions = partitions_of(recipe, p)
    gates = dg.AssetCheckSpec(
        "is_promotable",
        asset=key,
        blocking=False,
        partitions_def=partitions,
        description="Every required gate passes; a refusal turns this check red and leaves the run green.",
    )

    @dg.asset(
        key=key,
        partitions_def=partitions,
        deps=[recipe],
        check_specs=[gates],
        group_name="evidence",
        owners=OWNERS,
        kinds={"python"},
        description=f"Out-of-sample evidence on a candidate of {recipe}, net of costs, and its verdicts.",
    )
    def scorecard_asset(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        registry: dg.ResourceParam[Registry],
        settings: dg.ResourceParam[Settings],
    ) -> dg.MaterializeResult:
        slot = slot_of(recipe, context.partition_key)
        candidate = registry.candidate(slot)
        if "refused" in candidate:
            card, found = None, [refusal(candidate["refused"])]
        else:
            card = judge(recipe, context.partition_key, candidate["bundle"], lake, registry, settings)
            found = list(verdicts(card, settings.gates))
        record = as_record(recipe, context.partition_key, candidate, card, found, settings.gates)
        content = json.dumps(record, sort_keys=True, allow_nan=False).encode()
        return _described(registry.save_scorecard(slot, content), record, found)

    return scorecard_asset


def judge(
    recipe: str, partition: str, sha256: str, lake: Lake, registry: Registry, settings: Settings
) -> Scorecard:
    """The scorecard of a stored candidate: its out-of-sample forecasts, traded by the paper trader's own step."""
    manifest = Bundle.from_files(registry.load(sha256), sha256).manifest
    forecasts = lake.read("forecasts", {"recipe": recipe, "slot": partition.replace("|", ".")})
    symbols = tuple(sorted(forecasts["symbol"].unique()))
    span = (forecasts["open_time"].min(), forecasts["open_time"].max())
    bars = {s: _bars(lake, s, manifest.timeframe, span) for s in symbols}
    config = SessionConfig(
        f"backtest-{recipe}", symbols, manifest.timeframe, manifest.horizon, costs=settings.costs
    )
    together = pl.concat([frame.with_columns(symbol=pl.lit(s)) for s, frame in bars.items()])
    history = history_of(run(together, forecasts, config), config)
    subject = Subject(recipe, partition, sha256, manifest.timeframe, manifest.horizon)
    return scorecard(forecasts, history, bars, subject)


def _bars(lake: Lake, symbol: str, timeframe: str, span: tuple[Any, Any]) -> pl.DataFrame:
    frame = lake.read("bars", {"symbol": symbol, "timeframe": timeframe})
    return frame.filter(pl.col("open_time").is_between(*span))


def refusal(sentence: str) -> Verdict:
    """The verdict on a candidate that was never fitted because its data is too little."""
    return Verdict(
        "effective_sample", "Enough independent labels", False, True, None, None, 30.0, "labels", sentence
    )


def as_record(
    recipe: str,
    partition: str,
    candidate: dict[str, Any],
    card: Scorecard | None,
    found: Sequence[Verdict],
    policy: GatePolicy,
) -> dict[str, Any]:
    """What is stored of a scorecard: the figures, the verdicts, the policy and the candidate they are about."""
    return {
        "recipe": recipe,
        "partition": partition,
        "candidate": candidate,
        "scorecard": card.as_dict() if card else None,
        "verdicts": [asdict(verdict) for verdict in found],
        "policy": policy.name,
        "promotable": promotable(found),
    }


def _described(sha256: str, record: dict[str, Any], found: Sequence[Verdict]) -> dg.MaterializeResult:
    failing = [v for v in found if v.required and not v.passed]
    reasons = " ".join(f"{v.gate}: {v.sentence}" for v in failing) or "every required gate passes"
    return dg.MaterializeResult(
        metadata={
            "scorecard_sha256": sha256,
            "promotable": record["promotable"],
            "reasons": reasons,
            "verdicts": table(
                [
                    {
                        "gate": v.gate,
                        "passed": v.passed,
                        "required": v.required,
                        "why": v.sentence.replace("|", "/"),
                    }
                    for v in found
                ]
            ),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="is_promotable",
                passed=record["promotable"],
                severity=dg.AssetCheckSeverity.ERROR,
                metadata={"reasons": reasons},
            )
        ],
        data_version=dg.DataVersion(sha256[:16]),
    )
