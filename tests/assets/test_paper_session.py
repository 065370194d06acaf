"""The paper session: one decision a bar, and no order without a sound pointer."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from assets.obedience import obey
from pipelines.market.timeframes import length_of
from pipelines.promotion.bundle import Bundle
from resources.journal import JournalReader
from tests.assets.paper_books import books, journal_of, served, session
from tests.assets.world import World, metadata, why
from tests.assets.zoo import SLOT, Zoo


def test_every_bar_after_the_training_is_decided_exactly_once(promoted: World, zoo: Zoo) -> None:
    result = promoted.run("trade_on_paper", "main")
    assert result.success
    said = metadata(result, "paper_session")
    assert said["status"] == "trading"
    assert said["decisions"] == said["new_bars"] == said["bars"] == served(zoo).height > 200
    assert said["fills"] > 5  # free trading on a planted edge: a session without a trade would prove nothing
    assert said["ledger_balances"] is True
    kept = books(journal_of(promoted))
    assert kept["decisions"]["open_time"].equals(served(zoo)["open_time"])
    assert kept["decisions"]["bundle"].unique().to_list() == [zoo.sha256]
    with JournalReader(journal_of(promoted)) as journal:
        debit, credit = journal.trial_balance()
    assert debit == credit > 0


def test_a_second_run_decides_nothing_and_changes_nothing(promoted: World) -> None:
    assert promoted.run("trade_on_paper", "main").success
    before = books(journal_of(promoted))
    said = metadata(promoted.run("trade_on_paper", "main"), "paper_session")
    assert said["new_bars"] == 0
    assert all(frame.equals(before[name]) for name, frame in books(journal_of(promoted)).items())


def test_a_session_trades_the_symbol_that_has_a_pointer_and_says_why_not_the_other(
    two: World, zoo: Zoo
) -> None:
    zoo.promote(two)
    zoo.record_bars(two)
    said = metadata(two.run("trade_on_paper", "main"), "paper_session")
    assert said["status"] == "trading"
    assert set(said["reasons"]) == {"ETH-USD"}
    assert "no pointer at boosted_trees/ETH-USD/1h" in said["reasons"]["ETH-USD"]
    assert books(journal_of(two))["decisions"]["symbol"].unique().to_list() == ["BTC-USD"]


def test_a_new_pointer_decides_from_the_next_bar_on_and_never_inside_its_training(
    world: World, zoo: Zoo, later_zoo: Zoo
) -> None:
    """The session has decided three days when a bundle that knew seven is promoted: four days have no forecast."""
    zoo.promote(world)
    zoo.record_bars(world, until=zoo.trained_until + timedelta(days=3))
    assert world.run("trade_on_paper", "main").success
    before = books(journal_of(world))["decisions"]
    later_zoo.promote(world)
    later_zoo.record_bars(world)
    assert world.run("trade_on_paper", "main").success
    after = books(journal_of(world))["decisions"]
    assert after.head(before.height).equals(before)
    new = after.slice(before.height)
    inside = pl.col("open_time") < later_zoo.trained_until
    assert new.filter(inside & pl.col("expected").is_not_null()).is_empty()
    assert new.filter(~inside)["bundle"].unique().to_list() == [later_zoo.sha256]
    assert after["open_time"].is_unique().all()


def test_without_a_pointer_there_is_no_order_and_the_reason_says_so(world: World, zoo: Zoo) -> None:
    zoo.keep(world)  # trained, never promoted
    zoo.record_bars(world)
    result = world.run("trade_on_paper", "main")
    assert result.success
    said = metadata(result, "paper_session")
    assert said["status"] == "no order"
    assert said["reasons"] == {"BTC-USD": f"no pointer at {SLOT}: nothing was promoted, so nothing is traded"}
    assert not journal_of(world).exists()


def tamper(world: World, zoo: Zoo) -> None:
    """One digit in the weights."""
    weights = world.registry.root / "bundles" / zoo.sha256 / "model.txt"
    weights.write_bytes(weights.read_bytes().replace(b"leaf_value=", b"leaf_value=1", 1))


def while_holding(world: World, zoo: Zoo, path: Path) -> datetime:
    """Close of the first bar after a day at which a replay holds a position."""
    session(world, path)
    held = books(path)["equity"].filter((pl.col("quantity") != 0) & (pl.col("symbol") == zoo.symbol))
    return held["open_time"][24] + timedelta(hours=1)


def test_a_bundle_that_was_tampered_with_enters_nothing_and_closes_what_is_held(
    promoted: World, zoo: Zoo, tmp_path: Path
) -> None:
    """The run before it held a position. After it every bar has a decision, and one of them is the exit at expiry."""
    until = while_holding(promoted, zoo, tmp_path / "whole.db")
    zoo.record_bars(promoted, until=until)
    assert promoted.run("trade_on_paper", "main").success
    before = books(journal_of(promoted))
    assert before["equity"]["quantity"][-1] != 0
    tamper(promoted, zoo)
    zoo.record_bars(promoted)
    said = metadata(promoted.run("trade_on_paper", "main"), "paper_session")
    assert said["status"] == "no entry"
    assert f"bundle {zoo.sha256} is damaged" in said["reasons"]["BTC-USD"]
    assert "model.txt" in said["reasons"]["BTC-USD"]
    after = books(journal_of(promoted))
    new = after["decisions"].slice(before["decisions"].height)
    assert said["new_bars"] == new.height > 100
    assert after["decisions"]["open_time"].equals(served(zoo)["open_time"])
    assert new["expected"].is_null().all()
    assert set(new["action"]) == {"hold", "exit", "stay flat"}
    [out] = new.filter(pl.col("action") == "exit").rows(named=True)
    last_signal = before["decisions"]["signal_time"][-1]
    horizon = zoo.candidate.bundle.manifest.horizon
    assert (out["reason"], out["open_time"] - last_signal) == ("expired", timedelta(hours=horizon))
    assert after["equity"]["quantity"][-1] == 0
    assert after["equity"].height == after["decisions"].height  # marked at every bar
    assert said["ledger_balances"] is True


def test_a_symbol_that_loses_its_pointer_is_closed_while_the_other_trades_on(
    two: World, zoo: Zoo, second_zoo: Zoo, tmp_path: Path
) -> None:
    for each in (zoo, second_zoo):
        each.promote(two)
        each.record_bars(two)
    until = while_holding(two, second_zoo, tmp_path / "whole.db")
    for each in (zoo, second_zoo):
        each.record_bars(two, until=until)
    assert two.run("trade_on_paper", "main").success
    tamper(two, second_zoo)
    for each in (zoo, second_zoo):
        each.record_bars(two)
    said = metadata(two.run("trade_on_paper", "main"), "paper_session")
    assert said["status"] == "trading"
    assert set(said["reasons"]) == {"ETH-USD"}
    decided = books(journal_of(two))["decisions"]
    assert decided.height == 2 * served(zoo).height
    new = decided.filter(pl.col("open_time") >= until)
    lost, kept = (new.filter(pl.col("symbol") == symbol) for symbol in ("ETH-USD", "BTC-USD"))
    assert set(lost["action"]) == {"hold", "exit", "stay flat"}
    assert kept["expected"].is_not_null().all()
    assert "edge above cost" in set(kept["reason"])


def test_a_bundle_of_another_horizon_than_the_journal_is_a_reason_and_bars_are_still_decided(
    promoted: World, zoo: Zoo
) -> None:
    zoo.record_bars(promoted, until=zoo.trained_until + timedelta(days=2))
    assert promoted.run("trade_on_paper", "main").success
    point_to(promoted, zoo, horizon=zoo.candidate.bundle.manifest.horizon + 1, horizon_seconds=None)
    zoo.record_bars(promoted)
    said = metadata(promoted.run("trade_on_paper", "main"), "paper_session")
    assert (said["status"], said["decisions"]) == ("no entry", served(zoo).height)
    assert "bars as in the session's journal" in said["reasons"]["BTC-USD"]


def point_to(world: World, zoo: Zoo, **changes: Any) -> None:
    """Point a slot at the same model with other fields in its manifest."""
    card = zoo.candidate.bundle.manifest
    if "horizon_seconds" in changes:
        changes["horizon_seconds"] = changes["horizon"] * length_of(card.timeframe).total_seconds()
    other = Bundle(replace(card, **changes), zoo.candidate.bundle.files)
    world.registry.save(other.to_files(), other.sha256)
    record = world.registry.read(zoo.slot).pointer
    assert record is not None
    moved = replace(record, sha256=other.sha256, bundle=f"bundles/{other.sha256}")
    world.registry.promote(zoo.slot, moved)


def test_a_feature_set_that_this_code_does_not_declare_is_refused_for_its_symbol_alone(
    two: World, zoo: Zoo, second_zoo: Zoo
) -> None:
    for each in (zoo, second_zoo):
        each.promote(two)
        each.record_bars(two)
    point_to(two, second_zoo, feature_set="v99")
    said = metadata(two.run("trade_on_paper", "main"), "paper_session")
    assert said["status"] == "trading"
    assert set(said["reasons"]) == {"ETH-USD"}
    assert "'v99'" in said["reasons"]["ETH-USD"]
    assert books(journal_of(two))["decisions"]["symbol"].unique().to_list() == ["BTC-USD"]


def test_what_was_wrong_on_the_way_to_a_pointer_is_said_though_it_is_obeyed(promoted: World) -> None:
    (promoted.registry.root / "promoted" / SLOT / "LATEST.json").write_bytes(b"{")
    said = metadata(promoted.run("trade_on_paper", "main"), "paper_session")
    assert said["status"] == "trading"
    assert "LATEST.json cannot be read" in said["reasons"]["BTC-USD"]


def test_no_bar_is_forecast_that_a_judged_label_knew(world: World, zoo: Zoo) -> None:
    """As for a window model, which is judged on bars after its training: the last label reaches h + 1 bars further."""
    judged = zoo.trained_until + timedelta(days=3)
    zoo.promote(world, judged)
    zoo.record_bars(world)
    assert world.run("trade_on_paper", "main").success
    known = judged + timedelta(hours=zoo.candidate.bundle.manifest.horizon + 1)
    assert books(journal_of(world))["decisions"]["open_time"][0] == known


def test_a_pointer_to_a_bundle_of_another_timeframe_is_not_obeyed(world: World, zoo: Zoo) -> None:
    zoo.promote(world)
    minutes = world.settings.session("main").model_copy(update={"timeframe": "1m"})
    world.registry.promote("boosted_trees/BTC-USD/1m", world.registry.read(SLOT).pointer)
    obeyed, reasons = obey(world.registry, minutes)
    assert obeyed == {}
    assert "1m, found 1h" in reasons["BTC-USD"]


def test_without_bars_a_promoted_session_decides_nothing(world: World, zoo: Zoo) -> None:
    zoo.promote(world)
    result = world.run("trade_on_paper", "main")
    assert result.success, why(result)
    assert metadata(result, "paper_session")["decisions"] == 0
