"""What kind of message came, so that none vanishes in silence: read, known to say nothing here, or unknown.

Which message is which kind is the exchanges' own; rows that cannot be read are gathered.py.
"""

import json
from enum import Enum
from typing import Any

BEGINNING = 160
"""Characters of a message that a person is shown."""


class Shape(Enum):
    """What a reader made of a message."""

    READ = "of a feed that is read here, of this symbol or another"
    OTHER = "known to say nothing here: heartbeats, answers to requests, other channels"
    UNKNOWN = "neither"


class Shapes:
    """Counts of the messages that should have said something."""

    def __init__(self) -> None:
        self.messages = self.unknown = 0  # read and unknown ones; unknown ones alone
        self.first = self.first_unknown = ""  # how the first of each begins

    def see(self, shape: Shape, message: Any) -> None:
        """Count one message."""
        if shape is Shape.OTHER:
            return
        self.messages += 1
        self.first = self.first or beginning_of(message)
        if shape is Shape.UNKNOWN:
            self.unknown += 1
            self.first_unknown = self.first_unknown or beginning_of(message)


def beginning_of(message: Any) -> str:
    """The first characters of a message, as text."""
    text = message if isinstance(message, str) else json.dumps(message, default=str)
    return text if len(text) <= BEGINNING else f"{text[:BEGINNING]}…"
