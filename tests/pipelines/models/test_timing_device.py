"""On a device: encoded, scaled and trained as on the processor, within the rounding that timing_device.py states."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from pipelines.errors import BadSettings
from pipelines.features import encoding, feature_set
from pipelines.models import timing_device, timing_feed
from pipelines.models.inputs import Inputs, fit_scaler
from pipelines.models.timing import TimingConfig, fit_timing
from pipelines.models.timing_device import DeviceInputs, Resident, moved
from pipelines.models.timing_feed import Mapped, Part, resident
from pipelines.models.timing_loop import LoopConfig
from pipelines.models.timing_split import shuffled
from pipelines.sequences.specs import SequenceSpec
from pipelines.sequences.windows import Windows

EVERY = tuple(dict.fromkeys(n for s in ("v5", "meta17", "intraday12") for n in feature_set(s).names))
"""Every feature of the catalogue's sets, once."""
TOLERANCE = 2e-6  # absolute, and relative to the encoded value
BARS, ROWS = 300, 3000
HERE = "cuda" if torch.cuda.is_available() else "cpu"


def part(names: tuple[str, ...], seed: int = 0) -> Part:
    """Positive values over six decades; minutes without a trade and runs of them, so that no scale is there."""
    rng = np.random.default_rng(seed)
    values = np.exp(2 * rng.normal(size=(ROWS, len(names))) + rng.normal(0, 4, len(names)))
    for name in {"volume", "volume_ma", "trade_intensity", "trade_size_mean"} & set(names):
        values[rng.random(ROWS) < 0.2, names.index(name)] = 0
        values[: 2 * BARS, names.index(name)] = 0
    ends = np.arange(BARS - 1, ROWS)
    return Part(Windows(values.astype(np.float32), ends, BARS), rng.integers(0, 3, ends.size))


@pytest.mark.parametrize("names", [feature_set("v4").names, EVERY], ids=["v4", "every"])
def test_encoding_and_scaler_agree_for_every_feature(names: tuple[str, ...]) -> None:
    held = part(names)
    host = Inputs(names, fit_scaler([held.windows], names, 200, 8, 7))
    there = DeviceInputs(host, HERE)
    raw = held.windows.batch(np.linspace(0, len(held.windows) - 1, 64).astype(np.int64))
    expected, found = (
        encoding.windows(raw, names),
        there.encoded(torch.tensor(raw, device=HERE)).cpu().numpy(),
    )
    slack = TOLERANCE + TOLERANCE * np.abs(expected)
    assert (np.abs(found - expected) <= slack).all()
    scaled = there(torch.tensor(raw, device=HERE)).cpu().numpy()
    limit = slack / np.asarray(host.scaler.scale) + TOLERANCE
    assert (np.abs(scaled - host(raw)) <= limit).all()
    assert np.abs(scaled).max() == 8


def test_every_encoding_has_its_rule() -> None:
    """A new encoding is missed here, not on the device; the columns scaled by the mean trade are the same."""
    assert set(timing_device.ENCODINGS) == set(encoding._ENCODERS)
    assert timing_device.SIZES == encoding._SIZES


def test_what_is_not_known_stays_unknown_and_the_raw_windows_stay_as_they_are() -> None:
    names = feature_set("v4").names
    held = part(names)
    raw = torch.tensor(held.windows.batch(np.array([1000, 2000])))
    raw[0, 5] = float("nan")
    before = raw.clone()
    there = DeviceInputs(Inputs(names, fit_scaler([held.windows], names, 50, 8, 7)), "cpu")
    assert there(raw)[0, 5].isnan().all()
    assert torch.equal(raw.nan_to_num(-1), before.nan_to_num(-1))


def test_a_device_serves_the_batches_of_the_processor_and_holds_each_matrix_once() -> None:
    names = feature_set("v5").names
    parts = [part(names, seed) for seed in (0, 1)]
    late = [
        Part(Windows(one.windows.matrix, one.windows.ends[-100:], BARS), one.classes[-100:]) for one in parts
    ]
    host = Inputs(names, fit_scaler([one.windows for one in parts], names, 100, 8, 7))
    feed, held_back = resident(parts, late, host, HERE)
    assert isinstance(feed, Resident)
    assert isinstance(held_back, Resident)
    for one, other in zip(feed._windows, held_back._windows, strict=True):
        assert one.matrix.data_ptr() == other.matrix.data_ptr()
    counts = [len(one.windows) for one in parts]
    batches = shuffled(counts, 64, np.random.default_rng(0))[:5]
    scale = np.asarray(host.scaler.scale)
    both = zip(Mapped(parts, host, 1).batches(batches), feed.batches(batches), strict=True)
    for (expected, classes), (found, known) in both:
        assert np.array_equal(known.cpu().numpy(), classes)
        slack = TOLERANCE * (1 + np.abs(expected) + 20 / scale)
        assert (np.abs(found.cpu().numpy() - expected) <= slack).all()
    array = parts[0].windows.matrix
    assert list(moved([array, array], "cpu")) == [id(array)]


def test_the_batch_ahead_changes_neither_values_nor_order_and_its_error_is_raised() -> None:
    names = feature_set("v4").names
    feed = Mapped([part(names)], Inputs(names, fit_scaler([part(names).windows], names, 50, 8, 7)), 1)
    batches = shuffled([500], 64, np.random.default_rng(0))
    for batch, (inputs, classes) in zip(batches, feed.batches(batches), strict=True):
        assert np.array_equal(inputs, feed.gather(batch)[0])
        assert np.array_equal(classes, feed.parts[0].classes[batch[0]])
    assert list(feed.batches([])) == []
    with pytest.raises(IndexError):
        list(feed.batches([[np.array([10**9])]]))


V4 = feature_set("v4")
SPEC = SequenceSpec("tiny", 24, "1h", 6, 6, "test")
LOOP = LoopConfig(epochs=2, width=16, heads=2, layers=1, learning_rate=3e-3)


def epochs(tables: Any, loop: LoopConfig) -> list[float]:
    """Losses of every epoch, in training and in validation."""
    found = fit_timing(
        tables, spec=SPEC, feature_set=V4, data_fingerprint="data", code_fingerprint="code",
        config=TimingConfig(max_windows=1500, loop=loop),
    )  # fmt: skip
    return [
        epoch[name] for epoch in found.bundle.manifest.metrics["epochs"] for name in ("train", "validation")
    ]


def test_training_from_a_device_learns_what_training_from_the_processor_learns(
    market: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The feed of a device, on the device `cpu`: same seed, dropout and order, so the same losses but for rounding."""
    tables = {"BTC-USD": market(2000, seed=1, edge=0.3), "ETH-USD": market(2000, seed=2, edge=0.3)}
    expected = epochs(tables, LOOP)
    called = []

    def there(training: Any, validation: Any, inputs: Inputs, device: str, threads: int) -> Any:
        called.append(device)
        return resident(training, validation, inputs, device)

    monkeypatch.setattr("pipelines.models.timing_loop.feeds", there)
    assert epochs(tables, LOOP) == pytest.approx(expected, abs=2e-4)
    assert called == ["cpu"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_training_on_cuda_learns_as_well(market: Callable[..., Any]) -> None:
    """Dropout is drawn otherwise there, so the losses are near and not equal; a second run has the same dropout."""
    tables = {"BTC-USD": market(2000, seed=1, edge=0.3)}
    before = torch.cuda.get_rng_state()
    there = [epochs(tables, replace(LOOP, device="cuda")) for _ in range(2)]
    assert there[0] == pytest.approx(epochs(tables, LOOP), abs=0.02)
    assert there[1] == pytest.approx(there[0], abs=1e-4)
    assert torch.equal(torch.cuda.get_rng_state(), before)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_refused_in_words() -> None:
    with pytest.raises(BadSettings, match=r"loop\.device is 'cuda', expected a device that torch can use"):
        timing_feed.feeds([], [], None, "cuda", 1)  # type: ignore[arg-type]
