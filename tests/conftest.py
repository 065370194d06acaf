"""Fixtures shared by every test: where the real data is, and a scrubbed environment."""

import os
from pathlib import Path

import pytest

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
