"""Reading a paper journal as frames, also while its trader runs. Nothing is written here."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import polars as pl

from pipelines.errors import MissingData
from pipelines.trading import frames
from resources.journal.schema import connect_read_only


def stored_terms(path: Path) -> dict[str, Any] | None:
    """The configuration that a session began on; None without a journal, or with one killed before it began."""
    if not path.exists():
        return None
    with closing(connect_read_only(path)) as db:
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'session'").fetchone() is None:
            return None
        stored = db.execute("SELECT config FROM session").fetchone()
    if stored is None:
        return None
    terms: dict[str, Any] = json.loads(stored[0])
    return terms


class JournalReader:
    """A read-only view of a journal file; raises MissingData when there is none. A context manager."""

    def __init__(self, path: Path) -> None:
        """Open the file at `path`; it is not created."""
        if not path.is_file():
            raise MissingData(f"no journal at {path}: expected a session's file; start the session first.")
        self._db: sqlite3.Connection = connect_read_only(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def decisions(self) -> pl.DataFrame:
        """Decisions as `pipelines.trading.frames.decisions_frame`, in (open_time, symbol) order."""
        return self._frame("decision", frames.DECISIONS, "open_time, symbol")

    def fills(self) -> pl.DataFrame:
        """Fills as `pipelines.trading.frames.fills_frame`, in (time, symbol, leg) order."""
        return self._frame("fill", frames.FILLS, "time, symbol, leg")

    def equity(self) -> pl.DataFrame:
        """Equity as `pipelines.trading.frames.equity_frame`, in (open_time, symbol) order."""
        return self._frame("equity", frames.EQUITY, "open_time, symbol")

    def trial_balance(self) -> tuple[int, int]:
        """Sum of debits and sum of credits of the whole ledger, minor units; equal in any journal."""
        debit, credit = self._db.execute(
            "SELECT coalesce(sum(debit), 0), coalesce(sum(credit), 0) FROM ledger"
        ).fetchone()
        return debit, credit

    def _frame(self, table: str, schema: dict[str, Any], order: str) -> pl.DataFrame:
        rows = self._db.execute(f"SELECT {', '.join(schema)} FROM {table} ORDER BY {order}").fetchall()
        return frames.table(rows, schema)
