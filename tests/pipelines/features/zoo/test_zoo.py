"""Every planted leak is named with its column, row and distance, and nothing honest is."""

import pytest

from tests.pipelines.features.zoo import HONEST, ZOO, Planted


def test_the_zoo_is_large_enough() -> None:
    assert len(ZOO) >= 15
    assert len({leak.name for leak in (*ZOO, *HONEST)}) == len(ZOO) + len(HONEST)
    assert all(len(leak.story) > 10 for leak in (*ZOO, *HONEST))


@pytest.mark.parametrize("leak", ZOO, ids=lambda leak: leak.name)
def test_every_leak_is_caught_with_its_row_and_its_distance(leak: Planted) -> None:
    found = leak.found()
    assert [(one.column, one.row, one.distance) for one in found] == [(leak.name, leak.row, leak.distance)]


@pytest.mark.parametrize("honest", HONEST, ids=lambda honest: honest.name)
def test_no_false_alarm(honest: Planted) -> None:
    assert honest.found() == []
