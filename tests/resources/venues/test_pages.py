"""The spool: what was kept comes back whole, and what is torn, altered or another's does not come back at all."""

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import UnknownName
from pipelines.market.symbols import Market
from resources.venues.pages import Spool
from resources.venues.transport import Answer

AT = datetime(2026, 3, 2, 4, 5, 6, 789, tzinfo=UTC)
ASKED = (AT.replace(second=0, microsecond=0), AT.replace(second=0, microsecond=0) + timedelta(hours=5))
BODY = b'{"candles":[]}\n\x00\xff'


def _spool(folder: Path) -> Spool:
    return Spool(folder / "_pages", Market("coinbase", "BTC-USD"), "1m")


def _answer(body: bytes = BODY) -> Answer:
    return Answer("https://x", 200, {}, body, AT)


def test_an_answer_comes_back_as_it_was(tmp_path: Path) -> None:
    spool = _spool(tmp_path)
    assert spool.read(ASKED) is None
    spool.keep(ASKED, _answer())
    found = _spool(tmp_path).read(ASKED)
    assert found is not None
    assert (found.body, found.received_at) == (BODY, AT)
    assert spool.folder == tmp_path / "_pages" / "coinbase" / "BTC-USD" / "1m"


def test_each_question_has_its_own_page(tmp_path: Path) -> None:
    spool = _spool(tmp_path)
    spool.keep(ASKED, _answer(b"1"))
    spool.keep(ASKED, _answer(b"2"), times=2)
    spool.keep(ASKED, _answer(b"3"), part=1)
    spool.keep((ASKED[0], ASKED[1] + timedelta(minutes=1)), _answer(b"4"))
    bodies = [spool.read(ASKED, times, part) for times, part in ((1, 0), (2, 0), (1, 1))]
    assert [answer.body for answer in bodies if answer] == [b"1", b"2", b"3"]
    assert spool.read(ASKED, 3) is None


@given(st.data())
def test_a_torn_or_altered_page_is_none(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """F5: cut anywhere, or one byte changed anywhere."""
    spool = _spool(tmp_path_factory.mktemp("spool"))
    spool.keep(ASKED, _answer())
    (path,) = spool.folder.iterdir()
    raw = path.read_bytes()
    place = data.draw(st.integers(0, len(raw) - 1))
    if data.draw(st.booleans()):
        path.write_bytes(raw[:place])
    else:
        path.write_bytes(
            raw[:place] + bytes([raw[place] ^ data.draw(st.integers(1, 255))]) + raw[place + 1 :]
        )
    found = spool.read(ASKED)
    assert found is None or (found.body, found.received_at) == (BODY, AT)


def test_a_page_of_another_market_is_none(tmp_path: Path) -> None:
    spool, other = _spool(tmp_path), Spool(tmp_path / "_pages", Market("coinbase", "ETH-USD"), "1m")
    spool.keep(ASKED, _answer())
    other.folder.mkdir(parents=True)
    (path,) = spool.folder.iterdir()
    (other.folder / path.name).write_bytes(path.read_bytes())
    assert other.read(ASKED) is None


def test_a_page_of_another_source_is_none(tmp_path: Path) -> None:
    """Another exchange of ccxt, another name of the symbol there, another server: another instrument's prices."""
    market = Market("coinbase", "BTC-USD")
    one, other = (
        Spool(tmp_path, market, "1m", f"coinbase {name} https://x") for name in ("ETH/USD", "BTC/USD")
    )
    one.keep(ASKED, _answer())
    assert other.read(ASKED) is None
    other.keep(ASKED, _answer(b"new"))
    found = other.read(ASKED)
    assert found is not None
    assert found.body == b"new"
    assert one.read(ASKED) is None


def test_clearing_removes_pages_and_what_a_killed_run_left(tmp_path: Path) -> None:
    spool = _spool(tmp_path)
    assert spool.clear() == 0
    spool.keep(ASKED, _answer())
    spool.keep(ASKED, _answer(), times=2)
    old, young = (spool.folder / f"20260302T000000-20260302T050000-1-0.page.{n}-1.part" for n in (77, 78))
    for part in (old, young):
        part.write_bytes(b"half")
    long_ago = time.time() - 3700
    os.utime(old, (long_ago, long_ago))
    assert spool.clear() == 2
    assert list(spool.folder.iterdir()) == [young], "somebody may be writing it"


def test_a_page_is_kept_while_others_clear(tmp_path: Path) -> None:
    """Two runs of one partition: the one that has committed clears, the other still writes its pages."""
    writer, failed, done = _spool(tmp_path), [], threading.Event()

    def write() -> None:
        try:
            for number in range(300):
                writer.keep(ASKED, _answer(b"x" * 200_000), times=number)
        except OSError as error:
            failed.append(error)
        finally:
            done.set()

    workers = [threading.Thread(target=write)]
    workers += [threading.Thread(target=_clear_until, args=(_spool(tmp_path), done)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert failed == []
    _spool(tmp_path).clear()
    assert list(writer.folder.iterdir()) == []


def _clear_until(spool: Spool, done: threading.Event) -> None:
    while not done.is_set():
        spool.clear()


def test_a_page_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError("no space left on device")

    spool = _spool(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        spool.keep(ASKED, _answer())
    assert list(spool.folder.iterdir()) == []


def test_a_timeframe_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="7m"):
        Spool(tmp_path, Market("coinbase", "BTC-USD"), "7m")
