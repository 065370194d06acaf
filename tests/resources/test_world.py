"""A world belongs to the market that made it."""

from pathlib import Path

import pytest

from pipelines.errors import BadSettings
from resources.world import NAME, claim


def test_a_world_is_claimed_once_and_refuses_another_market(tmp_path: Path) -> None:
    root = tmp_path / "world"
    claim(root, {"seed": 7, "edge": 0.2})
    claim(root, {"seed": 7, "edge": 0.2})
    before = (root / NAME).read_bytes()
    with pytest.raises(BadSettings, match=r"made with source\.synthetic\.edge = 0\.2, found 0\.0"):
        claim(root, {"seed": 7, "edge": 0.0})
    assert (root / NAME).read_bytes() == before
