"""Agreement with an independent implementation: the pandas peer of the benchmark, with and without gaps."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from pipelines.features import catalogue, compute, feature_set

_found = importlib.util.spec_from_file_location(
    "feature_benchmark", Path(__file__).parents[2] / "benchmarks" / "features.py"
)
assert _found is not None
assert _found.loader is not None
peer = importlib.util.module_from_spec(_found)
_found.loader.exec_module(peer)


@pytest.mark.parametrize("gaps", [0, 4])
def test_same_values_as_pandas(gaps: int) -> None:
    """Where ours shows a value pandas has it too, within what pandas' running sums lose.

    After a group boundary its std of a flat window is 6e-7 instead of 0, hence the wider margin for the bands.
    """
    bars = peer.make_bars(4_000, gaps)
    ours, theirs = compute(bars, "1m"), peer.pandas_features(peer.as_pandas(bars))
    assert list(theirs.columns) == list(feature_set("v5").names)
    for feature in catalogue()[:53]:
        x = ours.get_column(feature.name).to_numpy()
        y = theirs[feature.name].to_numpy(dtype=np.float64)
        shown = ~np.isnan(x)
        assert shown.sum() > 2_000
        assert not np.isnan(y[shown]).any(), feature.name
        atol = 2e-6 if feature.group == "bands" and gaps else 1e-9
        np.testing.assert_allclose(x[shown], y[shown], rtol=1e-9, atol=atol, err_msg=feature.name)
