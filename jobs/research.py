"""The jobs of the research location: one per stage, then retrain and promote per recipe. No schedules here."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from pipelines.models.recipes import RECIPES

TRAIN = {"lane": "train"}  # dagster.yaml allows one at a time: a training run uses every core


def build() -> list[UnresolvedAssetJobDefinition]:
    """Every research job."""
    return [*stages(), *(job for recipe in RECIPES for job in (retrain(recipe), promote(recipe)))]


def stages() -> list[UnresolvedAssetJobDefinition]:
    """The stages between the market and the sequences."""
    return [
        dg.define_asset_job(
            "ingest_ticks",
            selection=dg.AssetSelection.assets("trades", "order_book", "minute_bars"),
            description="Trades and books of the asked days and markets, and the minute bars they make; every asked "
            "day needs both. Read a day again and its minute bars follow here; those of the day after, which read its "
            "last 61 minutes, are made again by the automation sensor or by a range that includes that day.",
        ),
        dg.define_asset_job(
            "ingest_trades",
            selection=dg.AssetSelection.assets("trades", "minute_bars"),
            description="The same for days of which the source has trades and no book: no book columns then.",
        ),
        dg.define_asset_job("ingest_candles", selection="candles", description="The exchange's own candles."),
        dg.define_asset_job(
            "ingest_funding", selection="funding", description="Settled funding, where a source has it."
        ),
        dg.define_asset_job(
            "ingest_wallet_fills",
            selection="wallet_fills",
            description="Fills by wallet, where a source has them.",
        ),
        dg.define_asset_job(
            "build_bars_and_features",
            selection=dg.AssetSelection.assets("bars", "data_quality", "features"),
            description="The one bar table of a symbol and timeframe, what it is worth, and its features.",
        ),
        dg.define_asset_job(
            "build_bars",
            selection=dg.AssetSelection.assets("bars", "data_quality"),
            description="Bars and what they are worth: of every symbol, before features that read the whole market.",
        ),
        dg.define_asset_job(
            "build_breadth", selection="breadth", description="How much of the market rose, of a timeframe."
        ),
        dg.define_asset_job(
            "build_features", selection="features", description="The features of bars that were judged."
        ),
        dg.define_asset_job(
            "build_feature_report",
            selection="feature_report",
            description="Nulls, drift, correlation and importance of the features of a symbol and timeframe.",
        ),
        dg.define_asset_job(
            "build_sequences", selection="sequences", description="The index of a sequence dataset."
        ),
    ]


def retrain(recipe: str) -> UnresolvedAssetJobDefinition:
    """Candidate, then its scorecard, in one run."""
    return dg.define_asset_job(
        f"retrain_{recipe}",
        selection=dg.AssetSelection.assets(recipe, dg.AssetKey(["scorecard", recipe])),
        tags=TRAIN,
        description=f"Train {recipe} and judge it out of sample.",
    )


def promote(recipe: str) -> UnresolvedAssetJobDefinition:
    """The pointer; the asset reads the stored verdicts again and refuses by itself."""
    return dg.define_asset_job(
        f"promote_{recipe}",
        selection=dg.AssetSelection.assets(dg.AssetKey(["promoted", recipe])),
        description=f"Move LATEST of {recipe} when every required verdict passes.",
    )
