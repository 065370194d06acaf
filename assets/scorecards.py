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
from assets.keeping import forecast_keys
from assets.models import partitions_of
from assets.partitions import Partitions
from pipelines.errors import BadData
from pipelines.evaluation.backtest import history_of
from pipelines.evaluation.evaluate import scorecard
from pipelines.evaluation.scorecard import Scorecard, Subject
from pipelines.gates.declaration import Verdict
from pipelines.gates.verdicts import promotable, verdicts
from pipelines.models.recipes import RECIPES
from pipelines.promotion.bundle import Bundle
from pipelines.promotion.pointer import slot_of
from pipelines.sequences.folds import LEAST_TEST
from pipelines.sequences.labels import SHARE_BOUNDS
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
            card, found = None, [refusal(candidate["refused"], candidate["kind"])]
        else:
            card = judge(recipe, context.partition_key, candidate["bundle"], lake, registry, settings)
            found = list(verdicts(card, settings.gates))
        record = as_record(recipe, context.partition_key, candidate, card, found, settings)
        content = json.dumps(record, sort_keys=True, allow_nan=False).encode()
        return _described(registry.save_scorecard(slot, content), record, found, settings.paths.root)

    return scorecard_asset


def judge(
    recipe: str, partition: str, sha256: str, lake: Lake, registry: Registry, settings: Settings
) -> Scorecard:
    """The scorecard of a stored candidate: its out-of-sample forecasts, traded by the paper trader's own step.

    Its skill is held against every bundle that was ever fitted for the slot. Raises BadData when the forecasts are
    another bundle's, or the ledger of trials does not hold this one.
    """
    manifest = Bundle.from_files(registry.load(sha256), sha256).manifest
    forecasts = forecasts_of(sha256, recipe, partition, lake)
    symbols = tuple(sorted(forecasts["symbol"].unique()))
    span = (forecasts["open_time"].min(), forecasts["open_time"].max())
    bars = {s: _bars(lake, s, manifest.timeframe, span) for s in symbols}
    config = SessionConfig(
        f"backtest-{recipe}", symbols, manifest.timeframe, manifest.horizon, costs=settings.costs
    )
    together = pl.concat([frame.with_columns(symbol=pl.lit(s)) for s, frame in bars.items()])
    history = history_of(run(together, forecasts, config), config)
    trials = registry.trials(slot_of(recipe, partition))
    subject = Subject(recipe, partition, sha256, manifest.timeframe, manifest.horizon, trials)
    return scorecard(forecasts, history, bars, subject)


def forecasts_of(sha256: str, recipe: str, partition: str, lake: Lake) -> pl.DataFrame:
    """The stored out-of-sample forecasts; raises BadData when a bundle other than `sha256` made them."""
    found = lake.read("forecasts", forecast_keys(recipe, partition))
    made_by = found["bundle"].unique().sort().to_list() if "bundle" in found.columns else []
    if made_by != [sha256]:
        raise BadData(
            f"forecasts of {recipe} {partition} must be made by the candidate's bundle {sha256}, found "
            f"{', '.join(str(one) for one in made_by) or 'no name on them'}; train it again."
        )
    return found


def _bars(lake: Lake, symbol: str, timeframe: str, span: tuple[Any, Any]) -> pl.DataFrame:
    frame = lake.read("bars", {"symbol": symbol, "timeframe": timeframe})
    return frame.filter(pl.col("open_time").is_between(*span))


def refusal(sentence: str, kind: str) -> Verdict:
    """The verdict on a candidate that was never fitted: too few labels, or too few of a class.

    `kind`: `effective_sample` or `class_balance` (`pipelines.models.evidence.kind_of`).
    """
    about = {
        "effective_sample": ("Enough independent labels", float(LEAST_TEST), "labels"),
        "class_balance": ("Enough of every class to train", SHARE_BOUNDS[0], "share of training rows"),
    }
    title, threshold, unit = about[kind]
    return Verdict(kind, title, False, True, None, None, threshold, unit, sentence)


def as_record(
    recipe: str,
    partition: str,
    candidate: dict[str, Any],
    card: Scorecard | None,
    found: Sequence[Verdict],
    settings: Settings,
) -> dict[str, Any]:
    """What is stored of a scorecard: figures, verdicts, what they were made with, and whom they are about.

    Of the candidate only what its data and code decide: the same inputs give the same record, hence the same
    hash and run key, however often they are trained.
    """
    return {
        "recipe": recipe,
        "partition": partition,
        "candidate": {name: candidate[name] for name in ("bundle", "refused") if name in candidate},
        "scorecard": card.as_dict() if card else None,
        "verdicts": [asdict(verdict) for verdict in found],
        "policy": settings.gates.name,
        "thresholds": asdict(settings.gates.thresholds),
        "costs": asdict(settings.costs),
        "promotable": promotable(found),
    }


def _described(
    sha256: str, record: dict[str, Any], found: Sequence[Verdict], world: str
) -> dg.MaterializeResult:
    failing = [v for v in found if v.required and not v.passed]
    reasons = " ".join(f"{v.gate}: {v.sentence}" for v in failing) or "every required gate passes"
    return dg.MaterializeResult(
        metadata={
            "scorecard_sha256": sha256,
            "world": world,
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
