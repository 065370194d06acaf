"""Windows for torch: the bits of Windows.batch, every window once an epoch, in workers and on a device."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, Subset

from pipelines.errors import BadData
from pipelines.sequences.matrix import open_npy, write_npy
from pipelines.sequences.torch_windows import DeviceWindows, WindowDataset, to_device, whole_batches
from pipelines.sequences.windows import Windows

BARS, BATCH = 7, 16


def windows(folder: Path, rows: int = 400, seed: int = 0) -> Windows:
    """Two of three windows over a mapped matrix with NaN in its warm-up, as real ones have."""
    values = np.random.default_rng(seed).normal(size=(rows, 5)).astype(np.float32)
    values[: BARS - 1] = np.nan
    ends = np.arange(BARS - 1, rows)
    return Windows(open_npy(write_npy(folder, values)), ends[ends % 3 > 0], BARS)


def bits(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values).view(np.uint32)


# in a process that has threads, Python 3.12 warns of the fork that a plain DataLoader makes
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize(("workers", "start"), [(0, None), (2, None), (2, "spawn")])
def test_a_plain_loader_serves_every_window_once_bit_by_bit(
    tmp_path: Path, workers: int, start: str | None
) -> None:
    held = windows(tmp_path)
    labels = np.arange(len(held))  # each window's own number, so that it can be found again
    loader = DataLoader(
        WindowDataset(held, labels), BATCH, shuffle=True, num_workers=workers, multiprocessing_context=start,
        generator=torch.Generator().manual_seed(3),
    )  # fmt: skip
    orders = []
    for _ in range(1 if start else 2):
        seen = []
        for inputs, which in loader:
            assert (inputs.dtype, which.dtype) == (torch.float32, torch.int64)
            assert np.array_equal(bits(inputs.numpy()), bits(held.batch(which.numpy())))
            seen.append(which.numpy())
        orders.append(np.concatenate(seen))
        assert sorted(orders[-1]) == list(range(len(held)))
        assert not np.array_equal(orders[-1], labels), "not shuffled"
    assert start or not np.array_equal(*orders), "each epoch has an order of its own"


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize(("workers", "shuffle"), [(0, True), (0, False), (2, True)])
def test_whole_batches_are_every_window_once_bit_by_bit(tmp_path: Path, workers: int, shuffle: bool) -> None:
    held = windows(tmp_path)
    dataset, order = WindowDataset(held, np.arange(len(held))), torch.Generator().manual_seed(3)
    seen = []
    for inputs, which in whole_batches(dataset, BATCH, shuffle=shuffle, generator=order, workers=workers):
        assert (inputs.dtype, which.dtype) == (torch.float32, torch.int64)
        assert inputs.shape == (len(which), BARS, 5)
        assert np.array_equal(bits(inputs.numpy()), bits(held.batch(which.numpy())))
        seen.append(which.numpy())
    numbers = np.concatenate(seen)
    assert sorted(numbers) == list(range(len(held)))
    assert np.array_equal(numbers, np.arange(len(held))) is not shuffle
    assert {len(batch) for batch in seen[:-1]} == {BATCH}


def test_a_batch_is_a_copy(tmp_path: Path) -> None:
    """The matrix of everyone must not change when somebody writes into a batch."""
    dataset = WindowDataset(windows(tmp_path), np.zeros(262))
    first, _ = dataset[[0, 1]]
    first.fill_(7.0)
    assert not (dataset[[0]][0] == 7.0).any()


def test_any_whole_number_names_a_window(tmp_path: Path) -> None:
    held = windows(tmp_path)
    dataset = WindowDataset(held, np.arange(len(held)))
    for one in (3, np.int64(3), np.array(3), torch.tensor(3)):
        values, label = dataset[one]
        assert np.array_equal(bits(values.numpy()), bits(held.view(3)))
        assert label == 3
    for several in ([3, 4], (3, 4), np.array([3, 4], np.int32), torch.tensor([3, 4])):
        values, labels = dataset[several]
        assert labels.tolist() == [3, 4]
        assert np.array_equal(bits(values.numpy()), bits(held.batch(np.array([3, 4]))))
    assert Subset(dataset, torch.tensor([5, 6]))[0][1] == 5
    assert dataset[[]][0].shape == (0, BARS, 5)
    with pytest.raises(BadData, match="by whole numbers, found bool"):
        dataset[np.ones(len(held), bool)]
    with pytest.raises(IndexError):
        dataset[[len(held)]]


def test_several_symbols_are_one_dataset(tmp_path: Path) -> None:
    held = [windows(tmp_path, seed=seed) for seed in (0, 1)]
    both = ConcatDataset([WindowDataset(one, np.zeros(len(one), dtype=np.int8)) for one in held])
    assert len(both) == sum(map(len, held))
    last, label = both[len(both) - 1]
    assert (np.asarray(last) == held[1].view(len(held[1]) - 1)).all()
    assert label == 0


def test_a_worker_maps_the_file_again_and_gets_no_copy_of_it(tmp_path: Path) -> None:
    held = windows(tmp_path, rows=50_000)
    sent = pickle.dumps(WindowDataset(held, np.zeros(len(held), dtype=np.int64)))
    assert len(sent) < held.ends.nbytes * 2 + 10_000 < held.matrix.nbytes
    there = pickle.loads(sent).windows  # noqa: S301  # our own bytes
    assert isinstance(there.matrix, np.memmap)
    assert np.array_equal(bits(there.batch(np.arange(9))), bits(held.batch(np.arange(9))))
    part = Windows(held.matrix[100:300], np.array([150]), BARS)  # of a mapped matrix, not all of it
    sent = pickle.dumps(WindowDataset(part, np.zeros(1, dtype=np.int64)))
    again = pickle.loads(sent).windows  # noqa: S301  # our own bytes
    assert np.array_equal(again.matrix, part.matrix)


def test_labels_are_one_a_window(tmp_path: Path) -> None:
    held = windows(tmp_path)
    with pytest.raises(BadData, match=rf"one a window, \({len(held)},\), found shape \(3,\)"):
        WindowDataset(held, np.zeros(3, dtype=np.int64))
    with pytest.raises(IndexError):
        WindowDataset(held, np.zeros(len(held), dtype=np.int64))[len(held)]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_windows_gathered_on_a_device_are_the_same_bits(
    tmp_path: Path, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    monkeypatch.setattr("pipelines.sequences.torch_windows.MOVED", 33)  # so that it is moved in pieces
    held = windows(tmp_path)
    there = DeviceWindows(to_device(held.matrix, device), held.ends, held.bars)
    assert len(there) == len(held)
    assert there.matrix.nbytes == held.matrix.nbytes
    which = np.random.default_rng(1).permutation(len(held))[:50]
    found = there.batch(which)
    assert found.device.type == device
    assert np.array_equal(bits(found.cpu().numpy()), bits(held.batch(which)))
