"""Writing the paper journal: every step is one transaction, and the state is rebuilt from what was written.

What does not live here: the step (`pipelines.trading.session`), the clock (times are arguments), the loop
that polls bars, the tables (`schema`).
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from pipelines.errors import BadData, SessionRefused
from pipelines.trading import frames
from pipelines.trading.events import Cancel, Decision, EquityMark, Event, Fill, Order
from pipelines.trading.ledger import Account, lines, post, replay
from pipelines.trading.session import SessionConfig
from pipelines.trading.state import Book, State
from resources.journal import lock
from resources.journal.reader import JournalReader
from resources.journal.schema import connect


class Journal(JournalReader):
    """The journal of one session, open for writing. Use as a context manager, or call `close`.

    Raises SessionRefused when another process holds the file, or when its configuration was another.
    """

    def __init__(self, path: Path, config: SessionConfig) -> None:
        """Open or create the file at `path` (its lock lies beside it as `<path>.lock`)."""
        self.config = config
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = lock.take(path.with_name(path.name + ".lock"))
        self._accounts: dict[str, Account] = {}
        try:
            self._db = connect(path)
            self._begin_session()
        except BaseException:
            os.close(self._lock)
            raise
        self._accounts = self._replayed()

    def close(self) -> None:
        """Close the file and let the next writer in."""
        self._db.close()
        os.close(self._lock)

    def append(self, events: Sequence[Event]) -> bool:
        """Write the events of one step in one transaction, durably; False when its bar was already written.

        A bar already written with the same content changes nothing; with other content it raises BadData.
        """
        with self._transaction():
            return self._write(events)

    def append_many(self, steps: Iterable[Sequence[Event]], chunk: int = 1000) -> int:
        """Write many steps, `chunk` to a transaction (a kill loses whole chunks); how many were new."""
        written = 0
        waiting = iter(steps)
        while batch := list(islice(waiting, chunk)):
            with self._transaction():
                written += sum(self._write(events) for events in batch)
        return written

    def record_model(
        self, time: int, slot: str, bundle: str, generation: int, adopted: bool, note: str
    ) -> None:
        """Write that a bundle was adopted, or why not. `time` in us."""
        with self._transaction():
            row = (self.config.name, time, slot, bundle, generation, adopted, note)
            self._db.execute("INSERT INTO model_load VALUES (?,?,?,?,?,?,?) ON CONFLICT DO NOTHING", row)

    def record_event(self, time: int, kind: str, detail: str) -> None:
        """Write anything else worth keeping: a start, a refusal, a clock step. `time` in us."""
        with self._transaction():
            self._event(time, kind, detail)

    def restore(self) -> State:
        """The state after the last journalled bar, rebuilt from fills, last decisions and open orders.

        Raises SessionRefused when the rebuilt books differ from the last stored equity.
        """
        return State(tuple(self._book(symbol) for symbol in self.config.symbols))

    def _begin_session(self) -> None:
        name, wanted = self.config.name, json.dumps(self.config.record(), sort_keys=True)
        with self._transaction():
            self._db.execute("INSERT INTO session VALUES (?, ?) ON CONFLICT DO NOTHING", (name, wanted))
            stored = self._db.execute("SELECT name, config FROM session").fetchall()
        if stored != [(name, wanted)]:
            raise SessionRefused(
                f"session {name!r} does not match its journal: expected the configuration {stored}, found"
                f" {wanted}; restore the settings or start a new session under another name and file."
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        accounts = dict(self._accounts)
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            self._accounts = accounts
            raise
        self._db.execute("COMMIT")

    def _write(self, events: Sequence[Event]) -> bool:
        made = [event for event in events if isinstance(event, Decision)]
        if not events:
            return False
        if len(made) != 1:
            raise BadData(
                f"a step makes exactly one decision: expected 1, found {len(made)}; append step by step."
            )
        if self._seen(made[0]):
            return False
        for event in sorted(events, key=lambda e: _ORDER[type(e)]):
            self._write_one(event)
        return True

    def _write_one(self, event: Event) -> None:
        if isinstance(event, Decision):
            self._insert("decision", (event.open_time, *self._decided(event)), event.symbol)
        elif isinstance(event, Order):
            order_id = self._id("order", event.symbol, event.decided_at)
            self._insert("orders", (event.decided_at, order_id, event.closing, event.opening), event.symbol)
        elif isinstance(event, Fill):
            self._write_fill(event)
        elif isinstance(event, Cancel):
            self._event(event.time, "cancelled", json.dumps(event._asdict(), sort_keys=True))
        else:
            self._insert("equity", event[1:], event.symbol)

    def _write_fill(self, fill: Fill) -> None:
        fill_id = self._id("fill", fill.symbol, fill.decided_at, fill.leg)
        self._insert("fill", (fill.decided_at, fill.leg, fill_id, *fill[3:]), fill.symbol)
        account = self._accounts[fill.symbol]
        postings = enumerate(lines(account, fill))
        self._db.executemany("INSERT INTO ledger VALUES (?,?,?,?,?)", ((fill_id, i, *p) for i, p in postings))
        self._accounts[fill.symbol] = post(account, fill)

    def _decided(self, made: Decision) -> tuple[Any, ...]:
        said = made.forecast
        numbers = (None,) * 5 if said is None else said[2:7]
        bundle = "" if said is None else said.bundle
        return (
            self._id("decision", made.symbol, made.open_time, bundle),
            *(made.action.value, made.reason.value),
            *made[4:10],
            *numbers,
            bundle,
        )

    def _seen(self, made: Decision) -> bool:
        """Whether the bar is journalled; BadData when what is stored differs from `made`."""
        stored = self._db.execute(
            "SELECT id, action, reason, quantity, target, close, signal_time, warm, late FROM decision"
            " WHERE session = ? AND symbol = ? AND timeframe = ? AND open_time = ?",
            (*self._key(made.symbol), made.open_time),
        ).fetchone()
        if stored is not None and stored != self._decided(made)[:9]:
            raise BadData(
                f"bar {made.symbol} at {made.open_time} was decided before: expected {stored},"
                f" found {self._decided(made)[:9]}; the first stands, find out why the second differs."
            )
        return stored is not None

    def _insert(self, table: str, rest: Sequence[Any], symbol: str) -> None:
        row = (*self._key(symbol), *rest)
        marks = ",".join("?" * len(row))
        self._db.execute(f"INSERT INTO {table} VALUES ({marks})", row)

    def _event(self, time: int, kind: str, detail: str) -> None:
        row = (self.config.name, time, kind, detail)
        self._db.execute("INSERT INTO event VALUES (?,?,?,?) ON CONFLICT DO NOTHING", row)

    def _key(self, symbol: str) -> tuple[str, str, str]:
        return self.config.name, symbol, self.config.timeframe

    def _id(self, kind: str, symbol: str, *rest: object) -> str:
        parts = (kind, *self._key(symbol), *rest)
        return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()

    def _replayed(self) -> dict[str, Account]:
        columns = ", ".join(frames.FILLS)
        rows = self._db.execute(f"SELECT {columns} FROM fill ORDER BY time, symbol, leg")
        return replay(map(Fill._make, rows), self.config.sleeves)

    def _book(self, symbol: str) -> Book:
        last = self._db.execute(
            "SELECT d.open_time, d.close, d.signal_time, d.warm, e.cash, e.quantity, e.realised, e.fees"
            " FROM decision d JOIN equity e USING (session, symbol, timeframe, open_time)"
            " WHERE session = ? AND symbol = ? AND timeframe = ? ORDER BY open_time DESC LIMIT 1",
            self._key(symbol),
        ).fetchone()
        account = self._accounts[symbol]
        if last is None:
            return Book(symbol, account)
        open_time, close, signal_time, warm, *stored = last
        rebuilt = [account.cash, account.quantity, account.realised, account.fees]
        if rebuilt != stored:
            raise SessionRefused(
                f"books of {symbol} do not follow from their fills: expected (cash, quantity, realised, fees)"
                f" {stored}, found {rebuilt}; restore the journal from a copy."
            )
        order = self._db.execute(
            "SELECT symbol, decided_at, closing, opening FROM orders"
            " WHERE session = ? AND symbol = ? AND timeframe = ? AND decided_at = ?",
            (*self._key(symbol), open_time),
        ).fetchone()
        pending = None if order is None else Order._make(order)
        return Book(symbol, account, close, open_time, signal_time, bool(warm), pending)


_ORDER = {Decision: 0, Order: 1, Fill: 2, Cancel: 3, EquityMark: 4}
"""Parents before children; the events of one step are otherwise independent rows."""
