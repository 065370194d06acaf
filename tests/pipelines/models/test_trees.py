"""Boosted trees: honest fits, the same seed the same forecast, and skill only where there is some."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines.errors import BadBundle, NotEnoughEvidence
from pipelines.features import feature_set
from pipelines.models import golden
from pipelines.models.candidate import Candidate
from pipelines.models.forecaster import load
from pipelines.models.trees import TreesConfig, fit_boosted_trees
from pipelines.promotion.bundle import GOLDEN_FILE, Bundle
from pipelines.sequences.volatility import with_sigma

V4 = feature_set("v4")
QUICK = TreesConfig(rounds=30, n_folds=3)


def fit(tables: tuple[pl.DataFrame, pl.DataFrame], **more: Any) -> Candidate:
    options: dict[str, Any] = {"config": QUICK, **more}
    return fit_boosted_trees(
        *tables,
        symbol="BTC-USD",
        timeframe="1h",
        feature_set=V4,
        data_fingerprint="data",
        code_fingerprint="code",
        **options,
    )


@pytest.fixture(scope="module")
def tables(market: Callable[..., Any]) -> tuple[pl.DataFrame, pl.DataFrame]:
    return market(3000, edge=0.3)


@pytest.fixture(scope="module")
def candidate(tables: tuple[pl.DataFrame, pl.DataFrame]) -> Candidate:
    return fit(tables)


def test_finds_a_planted_edge(candidate: Candidate) -> None:
    metrics = candidate.bundle.manifest.metrics
    assert metrics["log_skill"] > 0.01
    assert metrics["accuracy"] > metrics["accuracy_do_nothing"]
    found = candidate.forecasts
    assert np.corrcoef(found["expected"], found["y"])[0, 1] > 0.1


def test_finds_nothing_in_noise(market: Callable[..., Any]) -> None:
    skills = [fit(market(3000, seed=seed)).bundle.manifest.metrics["log_skill"] for seed in range(3)]
    assert all(-0.02 < skill < 0.01 for skill in skills), skills


def test_forecasts_are_out_of_sample_probabilities(candidate: Candidate) -> None:
    found = candidate.forecasts
    assert found.columns == [
        *("symbol", "open_time", "p_down", "p_neutral", "p_up", "sigma", "expected", "fold", "label", "y"),
        *("clim_down", "clim_neutral", "clim_up"),
    ]
    total = found.select(pl.sum_horizontal("p_down", "p_neutral", "p_up")).to_series()
    assert (total - 1).abs().max() < 1e-12
    assert not found["open_time"].is_duplicated().any()
    assert found["fold"].is_sorted()
    assert set(found["fold"]) == {0, 1, 2}


def test_every_bar_that_a_session_would_forecast_is_judged(tables: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    """Also the bars whose outcome is unknown because nothing traded at the entry or the exit."""
    bars = tables[1].with_columns(
        pl.when(pl.int_range(pl.len()) % 97 == 0).then(0.0).otherwise("volume").alias("volume")
    )
    found = fit((tables[0], bars))
    session = load(found.bundle).forecast({"BTC-USD": with_sigma(tables[0], bars, "1h", 6)})
    span = pl.col("open_time").is_between(
        found.forecasts["open_time"].min(), found.forecasts["open_time"].max()
    )
    assert found.forecasts["open_time"].equals(session.filter(span)["open_time"])
    unknown = found.forecasts.filter(pl.col("label").is_null())
    assert unknown.height > 20
    assert unknown["y"].null_count() == unknown.height
    assert unknown["expected"].null_count() == 0
    metrics = found.bundle.manifest.metrics
    assert metrics["forecasts"] == found.forecasts.height - unknown.height
    assert metrics["test_independent"] == (found.forecasts.height - unknown.height) // 7


def test_no_fit_saw_what_it_forecasts(candidate: Candidate) -> None:
    assert len(candidate.fits) == 3 * 4  # three fits a fold and three for the bundle
    for fit_ in candidate.fits:
        assert fit_.honest
    for fold in range(3):
        first = candidate.forecasts.filter(pl.col("fold") == fold)["open_time"].min()
        for fit_ in candidate.fits:
            if fit_.what.startswith(f"fold {fold}"):
                assert fit_.until <= first


def test_the_future_of_a_fold_changes_none_of_its_forecasts(
    tables: tuple[pl.DataFrame, pl.DataFrame], candidate: Candidate
) -> None:
    features, bars = tables
    cut = candidate.forecasts.filter(pl.col("fold") == 1)["open_time"].min()
    later = pl.col("open_time") >= cut
    prices = ["open", "high", "low", "close"]
    other = bars.with_columns(pl.when(later).then(pl.col(p) * 1.5).otherwise(pl.col(p)) for p in prices)
    known = pl.col("open_time") < cut - (bars["open_time"][1] - bars["open_time"][0]) * 7
    columns = ["open_time", "p_down", "p_neutral", "p_up", "expected"]
    one, two = (c.forecasts.filter(known).select(columns) for c in (candidate, fit((features, other))))
    assert one.height > 100
    assert one.equals(two)


def test_until_cuts_the_information(tables: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    until = tables[0]["open_time"][2500]
    found = fit(tables, until=until)
    assert max(fit_.until for fit_ in found.fits) == until
    assert found.bundle.manifest.training_end == until.isoformat()


def test_same_seed_same_bundle(tables: tuple[pl.DataFrame, pl.DataFrame], candidate: Candidate) -> None:
    again = fit(tables)
    assert again.bundle.sha256 == candidate.bundle.sha256
    assert again.forecasts.equals(candidate.forecasts)
    assert fit(tables, config=replace(QUICK, seed=8)).bundle.sha256 != candidate.bundle.sha256


def test_save_load_forecast(tables: tuple[pl.DataFrame, pl.DataFrame], candidate: Candidate) -> None:
    bundle = Bundle.from_files(candidate.bundle.to_files(), candidate.bundle.sha256)
    frame = with_sigma(*tables, "1h", bundle.manifest.horizon)
    whole = load(bundle).forecast({"BTC-USD": frame})
    live = load(candidate.bundle).forecast({"BTC-USD": frame.tail(1)})
    assert whole.columns == candidate.forecasts.columns[:7]
    assert whole.tail(1).equals(live)
    assert whole["open_time"][0] == frame["open_time"][288]  # the first bar with a σ
    means = np.array(bundle.manifest.class_means)
    row = live.row(0, named=True)
    hand = (
        (row["p_down"] * means[0] + row["p_neutral"] * means[1] + row["p_up"] * means[2])
        * row["sigma"]
        * 6**0.5
    )
    assert row["expected"] == pytest.approx(hand)
    with pytest.raises(BadBundle, match="ETH-USD"):
        load(bundle).forecast({"ETH-USD": frame})


def test_no_forecast_without_sigma_or_a_feature(
    tables: tuple[pl.DataFrame, pl.DataFrame], candidate: Candidate
) -> None:
    frame = with_sigma(*tables, "1h", 6).tail(3)
    first = pl.int_range(pl.len()) == 0
    frame = frame.with_columns(
        pl.when(first).then(None).otherwise("sigma").alias("sigma"),
        pl.when(pl.int_range(pl.len()) == 1).then(None).otherwise("atr").alias("atr"),
    )
    found = load(candidate.bundle).forecast({"BTC-USD": frame})
    assert found["open_time"].to_list() == [frame["open_time"][2]]


def test_another_golden_output_is_refused(candidate: Candidate) -> None:
    raw, output = golden.unpack(candidate.bundle)
    files = {**candidate.bundle.files, GOLDEN_FILE: golden.pack(raw, output + 2e-6)}
    with pytest.raises(BadBundle, match=r"golden output must be [\d.]+ within 1e-06, found [\d.]+"):
        load(Bundle.seal(candidate.bundle.manifest, files))
    near = {**candidate.bundle.files, GOLDEN_FILE: golden.pack(raw, output + 5e-7)}
    load(Bundle.seal(candidate.bundle.manifest, near))


def test_a_swapped_model_or_missing_golden_is_refused(candidate: Candidate) -> None:
    card, files = candidate.bundle.manifest, candidate.bundle.files
    with pytest.raises(BadBundle, match="golden"):
        load(Bundle.seal(card, {"model.txt": files["model.txt"]}))
    with pytest.raises(BadBundle, match="'pickle'"):
        load(Bundle.seal(replace(card, model="pickle"), files))
    with pytest.raises(BadBundle, match="feature hash"):
        load(Bundle.seal(replace(card, features_sha256="00"), files))
    with pytest.raises(BadBundle, match="must hash to"):
        load(Bundle(card, {**files, "model.txt": files["model.txt"] + b" "}))


def test_too_little_is_refused_with_both_counts(market: Callable[..., Any]) -> None:
    with pytest.raises(NotEnoughEvidence, match=r"n_eff \d+ of 30 in test and \d+ of 100 in training"):
        fit(market(900))
