"""Promotion as assets: the pointer of a slot. It reads the stored verdicts itself and refuses when one fails.

A blocking check blocks only inside its own run, so the check is for people; this is the lock.
"""

import json
from datetime import datetime
from typing import Any

import dagster as dg

from assets.describe import OWNERS
from assets.models import partitions_of
from assets.partitions import Partitions
from pipelines.errors import MissingData, NotPromotable
from pipelines.gates.declaration import Verdict
from pipelines.market.timeframes import length_of
from pipelines.models.forecaster import MODEL_FILES
from pipelines.models.recipes import RECIPES
from pipelines.promotion.bundle import Bundle, BundleManifest
from pipelines.promotion.pointer import Pointer, slot_of
from pipelines.promotion.policy import demand
from pipelines.settings import Settings
from resources.clock import Clock
from resources.registry import Registry


def build(p: Partitions) -> list[dg.AssetsDefinition]:
    """One pointer asset per recipe."""
    return [_promoted(recipe, p) for recipe in RECIPES]


def _promoted(recipe: str, p: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        key=dg.AssetKey(["promoted", recipe]),
        partitions_def=partitions_of(recipe, p),
        deps=[dg.AssetKey(["scorecard", recipe])],
        group_name="promotion",
        owners=OWNERS,
        kinds={"json"},
        description=f"LATEST of {recipe}: the bundle that paper obeys; refuses when a required verdict fails.",
    )
    def promoted(
        context: dg.AssetExecutionContext,
        registry: dg.ResourceParam[Registry],
        settings: dg.ResourceParam[Settings],
        clock: dg.ResourceParam[Clock],
    ) -> dg.MaterializeResult:
        slot = slot_of(recipe, context.partition_key)
        champion = registry.newest(slot)  # read before judging: who promotes meanwhile makes this run fail
        bundle, record = judged(registry, slot, settings)
        pointer = registry.promote(slot, pointer_to(bundle, record, clock.now().isoformat()), champion)
        return dg.MaterializeResult(
            metadata={
                "slot": slot,
                "generation": pointer.generation,
                "bundle": pointer.sha256,
                "previous": pointer.previous or "",
            },
            data_version=dg.DataVersion(pointer.sha256[:16]),
        )

    return promoted


def judged(registry: Registry, slot: str, settings: Settings) -> tuple[Bundle, dict[str, Any]]:
    """The newest candidate's bundle and the stored scorecard it may be promoted on.

    Raises MissingData without a candidate or scorecard, NotPromotable when a required verdict of the settings is
    missing, failed, or about another bundle.
    """
    candidate = registry.candidate(slot)
    if "refused" in candidate:
        raise NotPromotable(f"slot {slot} has no bundle to promote: {candidate['refused']}")
    stored = registry.load_scorecard(slot)
    if stored is None:
        raise MissingData(
            f"slot {slot} has no scorecard: expected verdicts to promote on; judge the candidate first."
        )
    record: dict[str, Any] = json.loads(stored)
    found = [Verdict(**verdict) for verdict in record["verdicts"]]
    demand(candidate["bundle"], record["candidate"].get("bundle", ""), found, settings.gates.required)
    # the record leaves out the run id, so that its hash is of the evidence alone
    whole = {**record, "candidate": candidate}
    return Bundle.from_files(registry.load(candidate["bundle"]), candidate["bundle"]), whole


def pointer_to(bundle: Bundle, record: dict[str, Any], promoted_at: str) -> Pointer:
    """The pointer to a bundle; the registry fills in the generation and what came before."""
    card = bundle.manifest
    return Pointer(
        generation=1,
        bundle=f"bundles/{bundle.sha256}",
        sha256=bundle.sha256,
        feature_columns=card.features,
        meta_classifier=MODEL_FILES[card.model],
        calibrator=json.dumps(card.calibrator, sort_keys=True),
        training_meta={
            "training_start": card.training_start,
            "training_end": card.training_end,
            "evidence_end": evidence_end(record["scorecard"]["end"], card),
            "data_fingerprint": card.data_fingerprint,
            "code_fingerprint": card.code_fingerprint,
            "metrics": card.metrics,
        },
        schema_hash=card.features_sha256,
        mlflow_run_id=record["candidate"]["mlflow_run_id"],
        verdicts=tuple(record["verdicts"]),
        promoted_at=promoted_at,
        previous=None,
    )


def evidence_end(judged_until: str, card: BundleManifest) -> str:
    """When the last judged label was known, ISO 8601: open(t + 2 + horizon) of the last judged bar t.

    `judged_until`: close of that bar, the end of the scorecard. The label looks h bars ahead from the open of the
    next bar, and the last of these is known at its close (`known_until`, pipelines/sequences/labels.py).
    """
    bars_ahead = card.horizon + 1
    return (datetime.fromisoformat(judged_until) + bars_ahead * length_of(card.timeframe)).isoformat()
