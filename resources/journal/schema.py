"""Tables of the paper journal and how its file is opened. Who writes and reads them lives next door."""

import sqlite3
from pathlib import Path

BAR = "session TEXT NOT NULL, symbol TEXT NOT NULL, timeframe TEXT NOT NULL"
OF_DECISION = (
    "FOREIGN KEY (session, symbol, timeframe, decided_at)"
    " REFERENCES decision (session, symbol, timeframe, open_time)"
)
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS session (name TEXT PRIMARY KEY, config TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS decision (
    {BAR}, open_time INTEGER NOT NULL, id TEXT NOT NULL UNIQUE, action TEXT NOT NULL, reason TEXT NOT NULL,
    quantity INTEGER NOT NULL, target INTEGER NOT NULL, close INTEGER NOT NULL, signal_time INTEGER NOT NULL,
    warm INTEGER NOT NULL, late INTEGER NOT NULL, p_down REAL, p_neutral REAL, p_up REAL, sigma REAL,
    expected REAL, bundle TEXT NOT NULL,
    PRIMARY KEY (session, symbol, timeframe, open_time), FOREIGN KEY (session) REFERENCES session (name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS orders (
    {BAR}, decided_at INTEGER NOT NULL, id TEXT NOT NULL UNIQUE,
    closing INTEGER NOT NULL, opening INTEGER NOT NULL,
    PRIMARY KEY (session, symbol, timeframe, decided_at), {OF_DECISION}
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fill (
    {BAR}, decided_at INTEGER NOT NULL, leg TEXT NOT NULL, id TEXT NOT NULL UNIQUE, time INTEGER NOT NULL,
    quantity INTEGER NOT NULL, price INTEGER NOT NULL, cash INTEGER NOT NULL, fee INTEGER NOT NULL,
    PRIMARY KEY (session, symbol, timeframe, decided_at, leg),
    FOREIGN KEY (session, symbol, timeframe, decided_at)
        REFERENCES orders (session, symbol, timeframe, decided_at)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger (
    fill TEXT NOT NULL REFERENCES fill (id), line INTEGER NOT NULL, account TEXT NOT NULL,
    debit INTEGER NOT NULL, credit INTEGER NOT NULL,
    PRIMARY KEY (fill, line), CHECK (debit >= 0 AND credit >= 0 AND (debit = 0) <> (credit = 0))
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS equity (
    {BAR}, open_time INTEGER NOT NULL,
    cash INTEGER NOT NULL, quantity INTEGER NOT NULL, mark INTEGER NOT NULL, equity INTEGER NOT NULL,
    realised INTEGER NOT NULL, fees INTEGER NOT NULL,
    PRIMARY KEY (session, symbol, timeframe, open_time)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS model_load (
    session TEXT NOT NULL, time INTEGER NOT NULL, slot TEXT NOT NULL, bundle TEXT NOT NULL,
    generation INTEGER NOT NULL, adopted INTEGER NOT NULL, note TEXT NOT NULL,
    PRIMARY KEY (session, time, slot, bundle)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event (
    session TEXT NOT NULL, time INTEGER NOT NULL, kind TEXT NOT NULL, detail TEXT NOT NULL,
    PRIMARY KEY (session, time, kind, detail)
) WITHOUT ROWID;
"""
"""Amounts are integers of 1e-8, times microseconds since 1970 UTC, ids hex sha256."""


def connect(path: Path) -> sqlite3.Connection:
    """A writer's connection: WAL, every commit on the disk before it returns, foreign keys enforced."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("PRAGMA foreign_keys=ON")
    db.executescript(SCHEMA)
    return db


def connect_read_only(path: Path) -> sqlite3.Connection:
    """A reader's connection; it sees the last commit and never waits for the writer."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
