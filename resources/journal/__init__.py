"""The paper journal, one SQLite file per session: `Journal` writes it, `JournalReader` reads it meanwhile.

WAL, synchronous=FULL, foreign keys on, one writer behind an operating-system lock. After `kill -9` anywhere
and a restart the same bars give the same file content (`honesty-and-reliability.md` 2.6).
"""

from resources.journal.reader import JournalReader, stored_terms
from resources.journal.writer import Journal

__all__ = ["Journal", "JournalReader", "stored_terms"]
