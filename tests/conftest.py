"""Fixtures shared by every test: where the real data is, and a scrubbed environment."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

import assets.causality

settings.register_profile(
    "here", deadline=None
)  # speed is measured in make bench; CI has hypothesis' own profile
if "CI" not in os.environ:
    settings.load_profile("here")

assets.causality.NEWEST = 500
"""Bars: the laws look at every row of every feature; here each of some hundred features runs would take 2 s more."""
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def real_data() -> Path:
    """Folder of real market data, or a skip that says so."""
    if not SHARED.is_dir():
        pytest.skip(f"no real market data at {SHARED}: the synthetic tests cover the same code")
    return SHARED


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith("TIDEMARK_")]:
        monkeypatch.delenv(name)
