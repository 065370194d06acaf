"""Verdicts for a person at a terminal: a headline per slot, what fails with its sentence, what passes in one line.

Nothing is judged here; the records are the stored scorecards.
"""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

Record = dict[str, Any]
"""A stored scorecard record with its `slot` and, when its bundle was promoted, the `generation`."""


def print_verdicts(console: Console, records: Sequence[Record]) -> None:
    """One block per slot, those that were judged before those that had too little data, then the count."""
    console.print()
    for record in sorted(records, key=lambda record: record["scorecard"] is None):
        console.print(headline(record))
        for text in details(record):
            console.print(Padding(text, (0, 0, 0, 4), expand=False))
    console.print(Text(tally(records), style="bold"))


def headline(record: Record) -> Text:
    """Slot, outcome, and how much evidence stands behind it."""
    text = Text(record["slot"], style="bold")
    text.append("  ").append(*outcome(record))
    card = record["scorecard"]
    if card is not None:
        text.append(
            f"  {card['n']:,} forecasts worth {card['n_eff']:,.0f} independent labels, "
            f"{card['start'][:10]} to {card['end'][:10]}, {', '.join(card['symbols'])}",
            style="dim",
        )
    return text


def outcome(record: Record) -> tuple[str, str]:
    """The outcome in words and its colour."""
    if record.get("generation") is not None:
        return f"PROMOTED as generation {record['generation']}", "bold green"
    if record["promotable"]:
        return "promotable, not promoted", "green"
    return ("refused", "red") if record["scorecard"] is not None else ("refused, no model was made", "yellow")


def details(record: Record) -> list[Text]:
    """Failing gates with their sentences (required ones first), symbols left out, passing gates in one line."""
    if record["scorecard"] is None:
        return [Text(record["candidate"]["refused"])]
    lines = []
    for required, word, colour in ((True, "fails", "red"), (False, "fails (advisory)", "dim")):
        for verdict in record["verdicts"]:
            if not verdict["passed"] and verdict["required"] is required:
                text = Text(f"{word} {verdict['gate']} {verdict['title']}: ", style=colour)
                lines.append(text.append(verdict["sentence"], style="default"))
    passing = [f"{v['gate']} {v['title']}" for v in record["verdicts"] if v["passed"]]
    if passing:
        lines.append(Text("passes ", style="green").append(" · ".join(passing), style="default"))
    if record.get("note"):
        lines.append(Text(record["note"], style="dim"))
    return lines


def tally(records: Sequence[Record]) -> str:
    """How many slots ended in which way."""
    promoted = sum(record.get("generation") is not None for record in records)
    empty = sum(record["scorecard"] is None for record in records)
    refused = sum(record["scorecard"] is not None and not record["promotable"] for record in records)
    waiting = len(records) - promoted - empty - refused
    parts = [
        f"{promoted} promoted",
        f"{refused} refused by a gate",
        f"{empty} without enough data for a model",
    ]
    if waiting:
        parts.append(f"{waiting} promotable and not promoted")
    return f"{len(records)} slots judged: {', '.join(parts)}"
