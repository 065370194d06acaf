"""What the leak detector does to the future: the past and its order stay, and what comes is a possible market."""

import numpy as np
import polars as pl
import pytest

from pipelines.features.causality import MODES, Mode, leaks
from pipelines.features.causality.modes import perturbed
from tests.pipelines.features import makers
from tests.pipelines.features.looking import CLOSE, TIME


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_a_mode_leaves_the_past_and_its_order_alone(mode: Mode) -> None:
    bars = makers.bars(400, seed=4)
    later = np.random.default_rng(1).random(400) < 0.4
    got, kept = perturbed(bars, later, mode, np.random.default_rng(2))
    assert got.schema == bars.schema
    assert got.height == kept.sum()
    assert kept[~later].all()
    assert got.filter(pl.Series(~later[kept])).equals(bars.filter(pl.Series(~later)))
    assert not got.equals(bars)
    if mode.name not in {"after a gap", "cut off", "every other row lost"}:
        assert got["open_time"].equals(bars["open_time"])
    if mode in MODES[:3]:  # these take turns: each must move every price and amount
        moved = later & (bars["volume"] > 0).to_numpy()
        for name in ("open", "high", "low", "close", "volume", "bid_ask_spread"):
            assert (got[name] != bars[name]).to_numpy()[moved].mean() > 0.99, name


def test_another_market_is_a_possible_one() -> None:
    bars = makers.bars(400, seed=4)
    got, _ = perturbed(bars, np.ones(400, dtype=np.bool_), MODES[1], np.random.default_rng(2))
    assert MODES[1].name == "another market"
    assert (got["high"] >= got.select(pl.max_horizontal("open", "close", "low")).to_series()).all()
    assert (got["volume"] >= 0.0).all()


def test_pieces_are_rows_of_the_bars_at_their_hour_and_weekday_in_order_of_time() -> None:
    bars = makers.bars(900, "15m", seed=5, gaps=(300,))
    bars = bars.with_columns(CLOSE + pl.int_range(pl.len()))  # every close is another
    place = bars.select("close", "volume", hour=TIME.dt.time(), weekday=TIME.dt.weekday())
    seen: list[int] = []

    def watching(rows: pl.DataFrame) -> pl.DataFrame:
        seen.append(rows.height)
        assert rows["open_time"].is_sorted()
        assert rows["open_time"].is_unique().all()
        original = rows.select("close", "volume", hour=TIME.dt.time(), weekday=TIME.dt.weekday())
        known = original.join(place, on="close", suffix="_of_bar")
        if rows.height > bars.height:
            assert known.height > rows.height // 2
            assert (known["hour"] == known["hour_of_bar"]).all()
            assert (known["weekday"] == known["weekday_of_bar"]).all()
        return rows.select("open_time", before=CLOSE.shift(1))

    assert leaks(watching, bars, modes=[mode for mode in MODES if mode.name == "times 1e6"]) == []
    assert max(seen) > 10 * bars.height
