"""The paper session: one decision a bar, and no order without a sound pointer."""

from datetime import timedelta

import polars as pl

from assets.obedience import obey
from resources.journal import JournalReader
from tests.assets.paper_books import books, journal_of, served
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


def test_a_bundle_that_was_tampered_with_gives_no_order(promoted: World, zoo: Zoo) -> None:
    """One digit in the weights; the run before it had decided bars, the run after it decides none."""
    assert promoted.run("trade_on_paper", "main").success
    before = books(journal_of(promoted))
    weights = promoted.registry.root / "bundles" / zoo.sha256 / "model.txt"
    content = weights.read_bytes()
    weights.write_bytes(content.replace(b"leaf_value=", b"leaf_value=1", 1))
    said = metadata(promoted.run("trade_on_paper", "main"), "paper_session")
    assert said["status"] == "no order"
    assert f"bundle {zoo.sha256} is damaged" in said["reasons"]["BTC-USD"]
    assert "model.txt" in said["reasons"]["BTC-USD"]
    assert all(frame.equals(before[name]) for name, frame in books(journal_of(promoted)).items())


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
