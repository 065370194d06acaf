"""A small dataset of two symbols, ready to be exported, for the tests of exports."""

import importlib.util
from pathlib import Path

import polars as pl

from pipelines.features import best_set, compute
from pipelines.sequences.index import index
from pipelines.sequences.labels import labels
from pipelines.sequences.manifest import describe
from pipelines.sequences.matrix import content_hash, matrix
from pipelines.sequences.specs import spec
from resources.datasets import Datasets
from resources.exports import Export, prepare
from resources.lake import Receipt

_found = importlib.util.spec_from_file_location(
    "feature_makers", Path(__file__).parents[1] / "pipelines" / "features" / "makers.py"
)
assert _found is not None
assert _found.loader is not None
makers = importlib.util.module_from_spec(_found)
_found.loader.exec_module(makers)

WINDOW = spec("lstm60")
RECEIPT = Receipt("features", 1, 1, None, None, "0" * 64, ())
ROWS = 900


def silent(what: str, share: float) -> None:
    assert 0 < share <= 1


def stored(folder: Path, candles: tuple[str, ...] = ()) -> Export:
    """Two symbols with a gap; those in `candles` have no ticks."""
    datasets, indexes = Datasets(folder), {}
    for seed, symbol in enumerate(("BTC-USD", "ETH-USD")):
        bars = makers.bars(ROWS, seed=seed, gaps=(500,))
        bars = makers.without_ticks(bars) if symbol in candles else bars
        features = compute(bars, "1m")
        chosen = best_set(features)
        found = index(features, labels(bars, "1m", WINDOW.horizon), WINDOW, chosen.names)
        indexes[symbol] = found.with_columns(fold=pl.lit("train"))
        values = matrix(features, chosen.names)
        manifest = describe(
            {symbol: indexes[symbol]}, {symbol: ROWS}, WINDOW, WINDOW.horizon, chosen, {symbol: content_hash(values)}
        )  # fmt: skip
        datasets.save(symbol, manifest, values, indexes[symbol], RECEIPT, RECEIPT)
    return prepare("lstm60", {symbol: datasets.open(symbol, "lstm60") for symbol in indexes}, indexes)
