"""The one job of the paper location. When it runs is in schedules/paper.py."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

PAPER = {"lane": "paper"}  # dagster.yaml allows one at a time: a journal has one writer


def build() -> list[UnresolvedAssetJobDefinition]:
    """Every paper job."""
    return [
        dg.define_asset_job(
            "trade_on_paper",
            selection="paper_session",
            tags=PAPER,
            description="Bring a paper session up to the last bar.",
        )
    ]
