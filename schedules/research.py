"""The research code location: which assets, with which resources, launched by what, when."""

from functools import cache
from pathlib import Path

import dagster as dg

from assets import (
    bars,
    breadth,
    candles,
    data_quality,
    feature_report,
    features,
    funding,
    models,
    promotion,
    scorecards,
    sequences,
    ticks,
    wallet_fills,
)
from assets.partitions import Partitions
from jobs import research as jobs
from pipelines.models.recipes import RECIPES
from pipelines.settings import Settings
from resources.clock import Clock
from resources.datasets import Datasets
from resources.environment import load_settings
from resources.lake import Lake
from resources.progress import LogProgress, Progress
from resources.registry import Registry
from resources.reports import Reports
from resources.sources.opening import open_source
from resources.tracking import Tracking
from schedules import gate_sensor, weekly


def build_defs(settings: Settings, root: Path = Path(), progress: Progress | None = None) -> dg.Definitions:
    """Definitions of these settings with every path under `root`."""
    p = Partitions.of(settings)
    shown = progress or LogProgress()
    source = cache(
        lambda: open_source(settings, Clock(), root, shown)
    )  # opened by the first run, not by loading
    return dg.Definitions(
        assets=[
            *ticks.build(p),
            *candles.build(p),
            *funding.build(p),
            *wallet_fills.build(p),
            *bars.build(p),
            *data_quality.build(p),
            *breadth.build(p),
            *features.build(p),
            *feature_report.build(p),
            *sequences.build(p),
            *models.build(p),
            *scorecards.build(p),
            *promotion.build(p),
        ],
        jobs=jobs.build(),
        schedules=[weekly.build(recipe, models.partitions_of(recipe, p)) for recipe in RECIPES],
        sensors=[
            *(
                gate_sensor.build(recipe, models.partitions_of(recipe, p), settings.paths.root)
                for recipe in RECIPES
            ),
            dg.AutomationConditionSensorDefinition(
                "automation", target=dg.AssetSelection.all(), default_status=dg.DefaultSensorStatus.RUNNING
            ),
        ],
        resources={
            "settings": settings,
            "source": dg.ResourceDefinition(lambda _: source()),
            "lake": Lake(root / settings.paths.lake),
            "datasets": Datasets(root / settings.paths.datasets),
            "registry": dg.ResourceDefinition(lambda _: Registry(root / settings.paths.artifacts)),
            "tracking": Tracking(root / settings.paths.tracking),
            "reports": Reports(root / settings.paths.reports),
            "clock": Clock(),
            "progress": shown,
        },
        executor=dg.in_process_executor,
    )


defs = build_defs(load_settings())
