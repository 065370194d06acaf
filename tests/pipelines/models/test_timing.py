"""The sequence model: purged split, determinism, skill only where there is some, and a bundle that forecasts."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from pipelines.errors import BadBundle, NotEnoughEvidence
from pipelines.features import feature_set
from pipelines.models import patch_transformer
from pipelines.models.candidate import Candidate
from pipelines.models.forecaster import load
from pipelines.models.timing import TimingConfig, fit_timing
from pipelines.models.timing_loop import LoopConfig
from pipelines.models.timing_split import shuffled, split
from pipelines.promotion.bundle import Bundle
from pipelines.sequences.matrix import matrix
from pipelines.sequences.specs import SequenceSpec
from pipelines.sequences.volatility import with_sigma

V4 = feature_set("v4")
SPEC = SequenceSpec("tiny", 24, "1h", 6, 6, "test")
QUICK = TimingConfig(
    max_windows=1500,
    loop=LoopConfig(epochs=3, width=16, heads=2, layers=1, learning_rate=3e-3),
)
Tables = dict[str, tuple[pl.DataFrame, pl.DataFrame]]


def fit(tables: Tables, **more: Any) -> Candidate:
    options: dict[str, Any] = {"config": QUICK, **more}
    return fit_timing(
        tables, spec=SPEC, feature_set=V4, data_fingerprint="data", code_fingerprint="code", **options
    )


@pytest.fixture(scope="module")
def tables(market: Callable[..., Any]) -> Tables:
    features, bars = market(2000, seed=3, edge=0.3)
    return {
        "BTC-USD": market(2000, seed=1, edge=0.3),
        "ETH-USD": market(2000, seed=2, edge=0.3),
        "NEW-USD": (features.tail(400), bars.tail(400)),
    }


@pytest.fixture(scope="module")
def candidate(tables: Tables) -> Candidate:
    return fit(tables)


def test_finds_a_planted_edge_across_symbols(candidate: Candidate) -> None:
    metrics = candidate.bundle.manifest.metrics
    assert metrics["log_skill"] > 0.01
    assert np.corrcoef(candidate.forecasts["expected"], candidate.forecasts["y"])[0, 1] > 0.1
    assert metrics["epochs"][-1]["climatology"] > min(epoch["validation"] for epoch in metrics["epochs"])


def test_finds_nothing_in_noise(market: Callable[..., Any]) -> None:
    metrics = fit({"BTC-USD": market(2000, seed=5), "ETH-USD": market(2000, seed=6)}).bundle.manifest.metrics
    assert -0.02 < metrics["log_skill"] < 0.01


def test_a_symbol_with_too_little_is_left_out_by_name(candidate: Candidate) -> None:
    card = candidate.bundle.manifest
    assert card.symbols == ("BTC-USD", "ETH-USD")
    assert "of 100 in training" in card.metrics["excluded"]["NEW-USD"]
    assert set(candidate.forecasts["symbol"]) == {"BTC-USD", "ETH-USD"}


def test_no_fit_saw_the_test(candidate: Candidate) -> None:
    first = candidate.forecasts["open_time"].min()
    assert [fit_.what for fit_ in candidate.fits] == ["scaler and weights", "early stop and temperature"]
    for fit_ in candidate.fits:
        assert fit_.honest
        assert fit_.until <= first


def test_the_parts_are_purged_and_windows_stay_inside() -> None:
    times = pl.datetime_range(
        pl.datetime(2026, 1, 1, time_zone="UTC"), pl.datetime(2026, 1, 20, time_zone="UTC"), "1h", eager=True
    )
    index = pl.DataFrame({"open_time": times})
    cut = split({"A-USD": index}, SPEC, 6, 0.7, 0.2)
    hour = times[1] - times[0]
    parts = {name: cut.part(index, name)["open_time"] for name in ("train", "validate", "test")}
    assert parts["train"].max() + hour * 8 == cut.validate  # known_until = t + h + 2
    assert parts["validate"].max() + hour * 8 == cut.test
    assert parts["validate"].min() - hour * 23 == cut.validate  # the window's first bar
    assert parts["test"].min() - hour * 23 == cut.test


def test_an_epoch_visits_every_window_once() -> None:
    batches = shuffled([5, 0, 9], 4, np.random.default_rng(0))
    assert [sum(len(part) for part in batch) for batch in batches] == [4, 4, 4, 2]
    for symbol, count in enumerate([5, 0, 9]):
        assert sorted(np.concatenate([batch[symbol] for batch in batches])) == list(range(count))


def test_same_seed_same_bundle_mapped_or_not(tables: Tables, candidate: Candidate) -> None:
    torch.manual_seed(123)  # the global stream must not matter
    mapped = {symbol: matrix(features, V4.names) for symbol, (features, _) in tables.items()}
    again = fit(tables, matrices=mapped)
    assert again.bundle.sha256 == candidate.bundle.sha256
    assert again.forecasts.equals(candidate.forecasts)


def test_save_load_forecast(tables: Tables, candidate: Candidate) -> None:
    bundle = Bundle.from_files(candidate.bundle.to_files(), candidate.bundle.sha256)
    frame = with_sigma(*tables["BTC-USD"], "1h", 6)
    forecaster = load(bundle)
    whole = forecaster.forecast({"BTC-USD": frame})
    live = forecaster.forecast({"BTC-USD": frame.tail(24)})
    assert live.height == 1
    assert forecaster.forecast({"BTC-USD": frame.tail(23)}).is_empty()
    for name in ("p_down", "p_neutral", "p_up"):
        assert live[name][0] == pytest.approx(whole[name][-1], abs=1e-6)
    shared = whole.join(candidate.forecasts.filter(pl.col("symbol") == "BTC-USD"), on="open_time")
    assert shared.height > 200
    assert (shared["p_up"] - shared["p_up_right"]).abs().max() < 1e-6


def test_every_bar_that_a_session_would_forecast_is_judged(market: Callable[..., Any]) -> None:
    """More than 6,000 test windows, also those without a known outcome: the backtest trades what a session does."""
    tables = {}
    for number, symbol in enumerate(("BTC-USD", "ETH-USD")):
        features, bars = market(10_700, seed=number, edge=0.3)
        idle = pl.int_range(pl.len()) % 97 == 0
        tables[symbol] = (features, bars.with_columns(volume=pl.when(idle).then(0.0).otherwise("volume")))
    loop = replace(QUICK.loop, epochs=1)
    found = fit(tables, config=TimingConfig(max_windows=300, max_validation_windows=300, loop=loop))
    forecaster = load(found.bundle)
    for symbol, (features, bars) in tables.items():
        own = found.forecasts.filter(pl.col("symbol") == symbol)
        session = forecaster.forecast({symbol: with_sigma(features, bars, "1h", 6)})
        session = session.filter(
            pl.col("open_time").is_between(own["open_time"].min(), own["open_time"].max())
        )
        assert own["open_time"].equals(session["open_time"])
        for name in ("p_down", "p_up", "expected"):
            assert (own[name] - session[name]).abs().max() < 1e-6
        assert own["label"].null_count() > 50
        assert own["expected"].null_count() == 0
    assert found.forecasts.height > 6100
    assert found.bundle.manifest.metrics["forecasts"] == found.forecasts["label"].count()


def test_weights_of_another_shape_are_refused(candidate: Candidate) -> None:
    card = candidate.bundle.manifest
    wrong = replace(card, architecture={**card.architecture, "width": 32})
    with pytest.raises(BadBundle, match="architecture"):
        load(Bundle.seal(wrong, candidate.bundle.files))
    with pytest.raises(BadBundle, match="architecture"):
        patch_transformer.from_bytes(b"not safetensors", card.architecture)


def test_too_little_is_refused_with_both_counts(market: Callable[..., Any]) -> None:
    with pytest.raises(NotEnoughEvidence, match=r"n_eff \d+ of 30 in test and \d+ of 100 in training"):
        fit({"BTC-USD": market(1000)})


def test_patches_leave_at_most_thirty_tokens() -> None:
    assert {bars: LoopConfig().patch(bars) for bars in (60, 100, 300, 500, 800)} == {
        60: 2,
        100: 4,
        300: 10,
        500: 20,
        800: 32,
    }
