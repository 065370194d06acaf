"""The bundle: a trained model as a folder that needs no knowledge from outside, addressed by its content.

What does not live here: training and forecasting (pipelines.models), writing to disk (resources), who is
promoted (pointer.py).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from pipelines.errors import BadBundle
from pipelines.features import feature_set
from pipelines.market.timeframes import length_of

MANIFEST_FILE = "bundle.json"
GOLDEN_FILE = "golden.safetensors"


def canonical(value: object) -> bytes:
    """The one JSON spelling of a value: sorted keys, no spaces, shortest floats; ValueError for NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


@dataclass(frozen=True)
class BundleManifest:
    """Everything that the weights alone do not say. JSON-able; lists are tuples, times ISO 8601 UTC."""

    recipe: str
    partition: str  # of the slot: `BTC-USD|1m` or `seq300`
    model: str  # which file of pipelines.models reads the weights
    architecture: dict[str, Any]  # what that file needs to rebuild the model
    feature_set: str
    features: tuple[str, ...]  # in order
    features_sha256: str  # of the live catalogue when trained
    encodings: dict[str, str]
    scaler: dict[str, Any] | None  # None: the model splits on order alone and needs none
    calibrator: dict[str, Any]
    class_names: tuple[str, ...]
    class_means: tuple[float, ...]  # mean of y/(σ_t·√h) per class in training
    symbols: tuple[str, ...]  # in order
    timeframe: str
    bars: int  # sequence length; 1 for tabular
    horizon: int  # bars
    horizon_seconds: int
    label_rule: str
    label_thresholds: dict[str, float]
    training_start: str
    training_end: str  # exclusive, with the information of the last label
    data_fingerprint: str
    code_fingerprint: str
    libraries: dict[str, str]
    metrics: dict[str, Any]
    fits: tuple[dict[str, Any], ...]  # what every fit saw
    golden_tolerance: float  # largest absolute difference of the replayed golden output
    files: dict[str, str] = field(default_factory=dict)  # sha256 per file

    def to_json(self) -> bytes:
        """The canonical JSON of the manifest."""
        return canonical(asdict(self))


@dataclass(frozen=True)
class Bundle:
    """A manifest and the files it names. Build it with `seal`, read it with `from_files`."""

    manifest: BundleManifest
    files: dict[str, bytes]  # weights and golden example, without bundle.json

    @classmethod
    def seal(cls, manifest: BundleManifest, files: Mapping[str, bytes]) -> "Bundle":
        """A bundle whose manifest holds the hash of each file."""
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        return cls(replace(manifest, files=hashes), dict(files))

    @property
    def sha256(self) -> str:
        """Content address: hash of the manifest, which holds the hash of every file."""
        return hashlib.sha256(self.manifest.to_json()).hexdigest()

    def to_files(self) -> dict[str, bytes]:
        """Every file of the bundle's folder, bundle.json included."""
        sealed = canonical({"manifest": asdict(self.manifest), "sha256": self.sha256})
        return {MANIFEST_FILE: sealed, **self.files}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes], sha256: str | None = None) -> "Bundle":
        """Read and verify a bundle's folder; `sha256`: the address it was asked for by.

        Raises BadBundle for any flipped byte, missing or extra file, unknown field or other address.
        """
        rest = dict(files)
        manifest, stated = _read_manifest(rest.pop(MANIFEST_FILE, None))
        bundle = cls(manifest, rest)
        for what, expected in (("its own seal", stated), ("its address", sha256 or stated)):
            if bundle.sha256 != expected:
                raise BadBundle(
                    f"bundle must hash to {what} {expected}, found {bundle.sha256}; fetch it again."
                )
        bundle.verify()
        return bundle

    def verify(self) -> None:
        """Compares each file with its hash in the manifest; raises BadBundle naming both."""
        expected, found = sorted(self.manifest.files), sorted(self.files)
        if expected != found:
            raise BadBundle(f"bundle must hold the files {expected}, found {found}; fetch it again.")
        for name, stated in self.manifest.files.items():
            actual = hashlib.sha256(self.files[name]).hexdigest()
            if actual != stated:
                raise BadBundle(f"bundle file {name} must hash to {stated}, found {actual}; fetch it again.")


def check_live(manifest: BundleManifest, timeframe: str, horizon: int | None = None) -> None:
    """Compares a bundle with the running code and feed: features, timeframe and (when given) horizon.

    Raises BadBundle naming both values at the first difference, UnknownName for a feature set nobody
    declares.
    """
    live = feature_set(manifest.feature_set)
    seconds = manifest.horizon_seconds
    pairs: list[tuple[str, object, object]] = [
        ("ordered features", list(live.names), list(manifest.features)),
        ("feature hash", live.sha256, manifest.features_sha256),
        ("timeframe", timeframe, manifest.timeframe),
        ("horizon in bars", manifest.horizon if horizon is None else horizon, manifest.horizon),
        ("horizon in seconds", manifest.horizon * length_of(timeframe).total_seconds(), seconds),
    ]
    for what, expected, found in pairs:
        if expected != found:
            raise BadBundle(
                f"bundle {manifest.recipe}/{manifest.partition}: {what} must be {expected}, found {found}; "
                "retrain it with the running code."
            )


def _read_manifest(raw: bytes | None) -> tuple[BundleManifest, str]:
    if raw is None:
        raise BadBundle(f"bundle must hold {MANIFEST_FILE}, found none; fetch it again.")
    try:
        sealed = json.loads(raw)
        content, stated = sealed["manifest"], str(sealed["sha256"])
        known = {f.name: f for f in fields(BundleManifest)}
        if set(content) != set(known):
            raise KeyError(f"fields {sorted(set(content) ^ set(known))}")
        tuples = {name for name, f in known.items() if str(f.type).startswith("tuple")}
        values: dict[str, Any] = {k: tuple(v) if k in tuples else v for k, v in content.items()}
        manifest = BundleManifest(**values)
    except (ValueError, KeyError, TypeError) as error:
        raise BadBundle(
            f"{MANIFEST_FILE} must be a sealed manifest of this version, found {error!r}; fetch it again."
        ) from error
    if raw != canonical(sealed):
        raise BadBundle(f"{MANIFEST_FILE} must be in canonical JSON, found another spelling; fetch it again.")
    return manifest, stated
