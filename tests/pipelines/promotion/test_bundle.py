"""Bundles: the address covers every byte, and a bundle of other features, timeframe or horizon is refused."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from pipelines.errors import BadBundle, UnknownName
from pipelines.features import feature_set
from pipelines.promotion.bundle import MANIFEST_FILE, Bundle, BundleManifest, canonical, check_live

V4 = feature_set("v4")


def manifest(**changes: Any) -> BundleManifest:
    card = BundleManifest(
        recipe="boosted_trees",
        partition="BTC-USD|1h",
        model="boosted_trees",
        architecture={"rounds": 3},
        feature_set="v4",
        features=V4.names,
        features_sha256=V4.sha256,
        encodings={"open": "anchored"},
        scaler=None,
        calibrator={"temperature": 1.5, "prior": [0.3, 0.4, 0.3]},
        class_names=("DOWN", "NEUTRAL", "UP"),
        class_means=(-1.0, 0.0, 1.0),
        symbols=("BTC-USD",),
        timeframe="1h",
        bars=1,
        horizon=6,
        horizon_seconds=21600,
        label_rule="volatility",
        label_thresholds={"sigma_sqrt_h": 0.43},
        training_start="2026-01-01T00:00:00+00:00",
        training_end="2026-02-01T00:00:00+00:00",
        data_fingerprint="d",
        code_fingerprint="c",
        libraries={"numpy": "2"},
        metrics={"log_loss": 1.0986122886681098},
        fits=({"what": "booster"},),
        golden_tolerance=1e-6,
    )
    return replace(card, **changes)


def bundle() -> Bundle:
    return Bundle.seal(manifest(), {"model.txt": b"tree", "golden.safetensors": bytes(range(64))})


def test_files_and_back_are_the_same_bundle() -> None:
    one = bundle()
    two = Bundle.from_files(one.to_files(), one.sha256)
    assert two == one
    assert two.sha256 == one.sha256 == bundle().sha256
    assert len(one.sha256) == 64


@pytest.mark.parametrize("name", [MANIFEST_FILE, "model.txt", "golden.safetensors"])
def test_every_flipped_byte_is_refused(name: str) -> None:
    files = bundle().to_files()
    for at in range(len(files[name])):
        torn = bytearray(files[name])
        torn[at] ^= 1
        with pytest.raises(BadBundle):
            Bundle.from_files({**files, name: bytes(torn)})


def test_any_changed_field_is_another_address() -> None:
    plain = bundle()
    for field in fields(BundleManifest):
        changed = Bundle(replace(plain.manifest, **{field.name: "other"}), plain.files)
        assert changed.sha256 != plain.sha256, field.name


def test_missing_extra_or_swapped_files_are_refused() -> None:
    files = bundle().to_files()
    with pytest.raises(BadBundle, match=r"bundle\.json"):
        Bundle.from_files({"model.txt": b"tree"})
    with pytest.raises(BadBundle, match="must hold the files"):
        Bundle.from_files({k: v for k, v in files.items() if k != "model.txt"})
    with pytest.raises(BadBundle, match="must hold the files"):
        Bundle.from_files({**files, "extra.bin": b""})
    with pytest.raises(BadBundle, match="its address"):
        Bundle.from_files(files, "0" * 64)


def test_a_resealed_manifest_of_another_version_is_refused() -> None:
    sealed = json.loads(bundle().to_files()[MANIFEST_FILE])
    sealed["manifest"]["surprise"] = 1
    with pytest.raises(BadBundle, match="surprise"):
        Bundle.from_files({**bundle().to_files(), MANIFEST_FILE: canonical(sealed)})


def test_nan_has_no_canonical_spelling() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        canonical({"loss": float("nan")})


@pytest.mark.parametrize(
    ("changes", "both"),
    [
        ({"features": V4.names[::-1]}, "ordered features"),
        ({"features_sha256": "00"}, V4.sha256 + ", found 00"),
        ({"timeframe": "5m"}, "timeframe must be 1h, found 5m"),
        ({"horizon": 5, "horizon_seconds": 18000}, "horizon in bars must be 6, found 5"),
        ({"horizon_seconds": 360}, "horizon in seconds must be 21600.0, found 360"),
    ],
)
def test_the_live_catalogue_and_feed_are_compared(changes: dict[str, Any], both: str) -> None:
    check_live(manifest(), "1h", 6)
    with pytest.raises(BadBundle, match=both):
        check_live(manifest(**changes), "1h", 6)


def test_an_undeclared_feature_set_is_named() -> None:
    with pytest.raises(UnknownName, match="v9"):
        check_live(manifest(feature_set="v9"), "1h")
