"""The golden example inside a bundle: raw inputs and the probabilities due. No model lives here."""

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from pipelines.errors import BadBundle
from pipelines.promotion.bundle import GOLDEN_FILE, Bundle

TOLERANCE = 1e-6  # largest absolute difference of a probability
EXAMPLES = 4  # windows

Array = NDArray[np.float64]


def pack(raw: NDArray[np.floating], probabilities: Array) -> bytes:
    """Raw feature windows (B, T, F) and their calibrated probabilities (B, 3) as safetensors bytes."""
    return bytes(
        save(
            {
                "input": np.ascontiguousarray(raw, dtype=np.float64),
                "output": np.ascontiguousarray(probabilities, dtype=np.float64),
            }
        )
    )


def unpack(bundle: Bundle) -> tuple[Array, Array]:
    """Golden input (B, T, F) and output (B, 3) of a bundle; raises BadBundle when there is none."""
    try:
        tensors = load(bundle.files[GOLDEN_FILE])
        return tensors["input"], tensors["output"]
    except (KeyError, SafetensorError) as error:
        raise BadBundle(
            f"bundle must hold a golden example in {GOLDEN_FILE}, found {error!r}; train it again."
        ) from error


def compare(expected: Array, found: Array, tolerance: float) -> None:
    """Raises BadBundle naming both values at the worst place when they differ by more than the tolerance."""
    if expected.shape != found.shape:
        raise BadBundle(
            f"golden output must have shape {expected.shape}, found {found.shape}; train it again."
        )
    difference = np.abs(expected - found)
    if not difference.size or not np.isfinite(difference).all() or difference.max() > tolerance:
        worst = np.unravel_index(np.argmax(difference), difference.shape) if difference.size else ()
        raise BadBundle(
            f"golden output must be {expected[worst]} within {tolerance}, found {found[worst]}; "
            "this machine's libraries read the model differently: retrain it here."
        )
