"""Public trades by each venue's own cursor: everything once, in order, lost ones found out. A real server answers."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from pipelines.errors import BadAnswer, BadSpan, VenueDown, VenueRefused
from pipelines.market.rows import QUARANTINE
from pipelines.market.schemas import EVIDENCE, TRADES
from resources.sources.source import Delivery
from resources.venues.trades import require_complete
from tests.resources.venues.fetching import START
from tests.resources.venues.tapes import CLOSED, SPAN, ask, serving, tape
from tests.venue import Venue

VENUES = ("coinbase", "kraken", "alpaca")
DENSE = ("coinbase", "kraken")
COUNT = 4321


@pytest.fixture(scope="module")
def trades() -> pl.DataFrame:
    return tape(COUNT)


def shaped(delivery: Delivery) -> None:
    """The promises that hold whatever a venue does."""
    assert dict(delivery.frame.schema) == TRADES
    assert dict(delivery.quarantine.schema) == QUARANTINE
    assert dict(delivery.evidence.schema) == EVIDENCE
    assert delivery.frame.select("time", "id").rows() == sorted(delivery.frame.select("time", "id").rows())
    assert delivery.frame["id"].is_unique().all()
    assert (delivery.evidence["time"] < delivery.evidence["end"]).all()


def kinds(delivery: Delivery) -> set[str]:
    return set(delivery.evidence["kind"])


@pytest.mark.parametrize("venue", VENUES)
def test_every_trade_once_with_the_takers_side(tmp_path: Path, venue: str, trades: pl.DataFrame) -> None:
    """Values, order and sides are those of the tape; a coinbase answer names the maker's side and is turned round."""
    told: list[tuple[str, float]] = []
    with Venue(serving(trades), now=CLOSED) as server:
        delivery = ask(server, venue, tmp_path, told=told)
        pages = len(server.of_kind("trades"))
    shaped(delivery)
    assert delivery.frame.equals(trades)
    assert delivery.quarantine.is_empty()
    assert require_complete(delivery, "trades").height == COUNT
    assert pages >= (5 if venue in DENSE else 1)
    if venue in DENSE:
        assert delivery.duplicates >= pages // 2, "pages overlap by at least one trade"
        assert any("100 % of the trade ids came, 0 are missing" in note for note in delivery.notes)
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert 0 < shares[-1] <= 1


@pytest.mark.parametrize("venue", VENUES)
def test_the_span_is_half_open(tmp_path: Path, venue: str, trades: pl.DataFrame) -> None:
    start, end = trades["time"][1000], trades["time"][3000]
    with Venue(serving(trades), now=CLOSED) as server:
        delivery = ask(server, venue, tmp_path, (start, end))
        one = ask(server, venue, tmp_path, (start, start + timedelta(microseconds=1)))
        with pytest.raises(BadSpan):
            ask(server, venue, tmp_path, (start, start))
    assert delivery.frame.equals(trades.filter(pl.col("time").is_between(start, end, closed="left")))
    assert one.frame.equals(trades.filter(pl.col("time") == start))


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("cut", [0.3, 0.51])
def test_a_span_in_two_parts_is_the_span(
    tmp_path: Path, venue: str, cut: float, trades: pl.DataFrame
) -> None:
    middle = START + cut * (SPAN[1] - START)
    with Venue(serving(trades), now=CLOSED) as server:
        parts = [ask(server, venue, tmp_path, span).frame for span in ((START, middle), (middle, SPAN[1]))]
    assert pl.concat(parts).equals(trades)


def test_a_burst_is_found_by_halving_the_window(tmp_path: Path) -> None:
    """5,000 trades in two minutes of a quiet day: every answer of more than 1,000 is asked for in halves."""
    burst = tape(5000, 120, start=START + timedelta(hours=1))
    calm = tape(20, 3000)
    both = pl.concat([calm, burst]).with_columns(pl.int_range(1, pl.len() + 1).alias("id"))
    with Venue(serving(both), now=CLOSED) as server:
        delivery = ask(server, "coinbase", tmp_path)
    assert delivery.frame.equals(both)
    assert "unknown" not in kinds(delivery)


def test_more_trades_in_a_second_than_an_answer_holds_are_said_to_be_lost(tmp_path: Path) -> None:
    crowd = tape(1500, 0.9)
    with Venue(serving(crowd), now=CLOSED) as server:
        delivery = ask(server, "coinbase", tmp_path, (START, START + timedelta(minutes=10)))
    shaped(delivery)
    assert delivery.frame.height == 1000
    assert any("more trades than one answer" in note for note in delivery.notes)
    with pytest.raises(BadAnswer, match=r"not complete.*more trades there than one answer holds"):
        require_complete(delivery, "trades of that minute")


@pytest.mark.parametrize("venue", VENUES)
def test_no_trade_at_all_is_believed_the_second_time(
    tmp_path: Path, venue: str, trades: pl.DataFrame
) -> None:
    span = (START + timedelta(hours=5), START + timedelta(hours=6))
    with Venue(serving(trades), now=CLOSED) as server:
        delivery = ask(server, venue, tmp_path, span)
        assert len(server.of_kind("trades")) >= 2
    assert delivery.frame.is_empty()
    assert kinds(delivery) == {"verified-empty"}
    assert delivery.evidence["time"].min() == span[0]
    assert delivery.evidence["end"].max() == span[1]
    assert require_complete(delivery, "trades").is_empty()


@pytest.mark.parametrize("venue", DENSE)
def test_a_quiet_hour_and_a_hole_differ_by_their_ids(tmp_path: Path, venue: str) -> None:
    """F14: ids that go on mean that nobody traded; ids that jump mean that trades were left out."""
    early, late = tape(500, 1800), tape(500, 1800, seed=9, start=START + timedelta(hours=2))
    quiet = pl.concat([early, late]).with_columns(pl.int_range(1, pl.len() + 1).alias("id"))
    holed = quiet.with_columns(
        pl.when(pl.col("id") > 500).then(pl.col("id") + 40).otherwise("id").alias("id")
    )
    for tested, expected in ((quiet, set()), (holed, {"unknown"})):
        with Venue(serving(tested), now=CLOSED) as server:
            delivery = ask(server, venue, tmp_path)
        assert delivery.frame.equals(tested)
        assert kinds(delivery) - {"verified-empty"} == expected
    hole = delivery.evidence.filter(pl.col("kind") == "unknown").row(0, named=True)
    assert "left out 40 trade ids" in hole["reason"]
    assert (hole["time"], hole["end"]) == (early["time"][-1], late["time"][0])
    assert not delivery.evidence.filter(
        (pl.col("kind") == "verified-empty") & (pl.col("time") < hole["end"]) & (pl.col("end") > hole["time"])
    ).height


@pytest.mark.parametrize("venue", DENSE)
@pytest.mark.parametrize("fault", [{"how": "order"}, {"how": "text"}], ids=["swapped", "text"])
def test_f15_order_and_fractions(
    tmp_path: Path, venue: str, fault: dict[str, str], trades: pl.DataFrame
) -> None:
    with Venue(serving(trades), now=CLOSED) as server:
        server.play("F15", **fault)
        delivery = ask(server, venue, tmp_path)
    assert delivery.frame.equals(trades)


@pytest.mark.parametrize("venue", VENUES)
def test_f16_repeats_are_dropped_and_contradictions_quarantined(
    tmp_path: Path, venue: str, trades: pl.DataFrame
) -> None:
    tenth = trades.filter(pl.col("id") % 10 == 0).height
    few = trades.head(900)  # one answer holds it all
    span = (START, few["time"][-1] + timedelta(microseconds=1))
    tenth = few.filter(pl.col("id") % 10 == 0).height
    with Venue(serving(few), now=CLOSED) as server:
        clean = ask(server, venue, tmp_path, span)
        server.play("F16", how="duplicate")
        doubled = ask(server, venue, tmp_path, span)
        server.stop_faults()
        server.play("F16", how="mutate")
        mutated = ask(server, venue, tmp_path, span)
    assert doubled.frame.equals(few)
    assert doubled.duplicates >= clean.duplicates + tenth
    shaped(mutated)
    assert mutated.quarantine.height == tenth
    assert mutated.quarantine["reason"].str.contains("repeats the id of trade .* with other values").all()
    assert mutated.frame.height == few.height
    assert mutated.frame["id"].equals(few["id"])
    assert kinds(mutated) >= {"unknown"}


@pytest.mark.parametrize("venue", DENSE)
def test_f17_missing_ids_are_counted_and_their_time_is_unknown(
    tmp_path: Path, venue: str, trades: pl.DataFrame
) -> None:
    left = trades.filter(pl.col("id") % 10 != 0)
    with Venue(serving(trades), now=CLOSED) as server:
        server.play("F17")
        delivery = ask(server, venue, tmp_path)
    assert delivery.frame.equals(left)
    inside = left["id"][-1] - left["id"][0] + 1
    missing = inside - left.height
    share = f"{100 * left.height / inside:.4g}"
    assert f"{share} % of the trade ids came, {missing} are missing" in delivery.notes
    unknown = delivery.evidence.filter(pl.col("kind") == "unknown")
    assert unknown["reason"].str.contains("left out 1 trade ids").all()
    for row in trades.filter((pl.col("id") % 10 == 0) & (pl.col("id") > left["id"][0])).rows(named=True):
        around = unknown.filter((pl.col("time") <= row["time"]) & (pl.col("end") >= row["time"]))
        assert around.height or trades.filter(pl.col("time") == row["time"]).height > 1
    with pytest.raises(BadAnswer, match="left out 1 trade ids"):
        require_complete(delivery, "trades")


@pytest.mark.parametrize("page", [50, 333, 1000])
def test_f18_kraken_pages_that_end_inside_a_second_lose_nothing(
    tmp_path: Path, page: int, trades: pl.DataFrame
) -> None:
    """Stamps and cursor of whole seconds: ccxt's pager loses what shares the last second of a page."""
    whole = trades.with_columns(pl.col("time").dt.truncate("1s")).sort("time", "id")
    with Venue(serving(trades), now=CLOSED) as server:
        server.play("F18", page=page)
        delivery = ask(server, "kraken", tmp_path)
    assert delivery.frame.equals(whole)
    assert delivery.duplicates >= COUNT // page


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("how", ["negative", "zero", "nan", "null", "text"])
@pytest.mark.parametrize("field", ["close", "volume"])
def test_f27_broken_trades_are_quarantined_and_nothing_else(
    tmp_path: Path, venue: str, how: str, field: str, trades: pl.DataFrame
) -> None:
    few = trades.head(900)
    span = (START, few["time"][-1] + timedelta(microseconds=1))
    bad = few.filter(pl.col("id") % 50 == 0)
    with Venue(serving(few), now=CLOSED) as server:
        server.play("F27", how=how, field=field)
        delivery = ask(server, venue, tmp_path, span)
    shaped(delivery)
    assert delivery.frame.equals(few.filter(pl.col("id") % 50 != 0))
    assert delivery.quarantine.height == bad.height
    for time in bad["time"]:
        assert delivery.evidence.filter((pl.col("kind") == "unknown") & (pl.col("time") == time)).height


@pytest.mark.parametrize("venue", VENUES)
def test_f29_prices_that_a_float_cannot_hold_are_quarantined(
    tmp_path: Path, venue: str, trades: pl.DataFrame
) -> None:
    few = trades.head(200)
    with Venue(serving(few), now=CLOSED) as server:
        server.play("F29")
        delivery = ask(server, venue, tmp_path, (START, few["time"][-1] + timedelta(microseconds=1)))
    assert delivery.frame.is_empty()
    assert delivery.quarantine.height == few.height
    assert delivery.quarantine["reason"].str.contains("more than 15 significant digits").all()


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("how", ["html", "empty", "object", "renamed", "rows"])
def test_f6_an_answer_that_is_none_is_asked_for_again(
    tmp_path: Path, venue: str, how: str, trades: pl.DataFrame
) -> None:
    """Once: the second answer counts. Always: nothing is taken for a quiet market without its ids saying so."""
    with Venue(serving(trades), now=CLOSED) as server:
        server.play("F6", how=how, kind="trades", times=1, after=1 if venue in DENSE else 0)
        assert ask(server, venue, tmp_path).frame.equals(trades)
        server.stop_faults()
        if how != "rows":
            server.play("F6", how=how, kind="trades", times=None)
            with pytest.raises((BadAnswer, VenueDown)):
                ask(server, venue, tmp_path / "second")


@pytest.mark.parametrize("venue", DENSE)
def test_a_page_of_nothing_in_the_middle_is_no_quiet_market(
    tmp_path: Path, venue: str, trades: pl.DataFrame
) -> None:
    with Venue(serving(trades), now=CLOSED) as server:
        server.play("F6", how="rows", kind="trades", times=None, after=2)
        with pytest.raises(BadAnswer, match="leaves out trades"):
            ask(server, venue, tmp_path)


def test_hyperliquid_has_no_public_trades_of_a_span(tmp_path: Path, trades: pl.DataFrame) -> None:
    with Venue(serving(trades), now=CLOSED) as server:
        with pytest.raises(VenueRefused, match=r"no public trades.*source\.venues\.tardis\.markets"):
            ask(server, "hyperliquid", tmp_path)
        assert server.requests == []
