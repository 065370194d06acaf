"""What a person sees at the end of the road: verdicts, pointers, paper sessions, the report. Nothing is computed here."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipelines.errors import MissingData
from pipelines.evaluation.report import report
from pipelines.settings import Settings
from pipelines.trading.session import SessionConfig
from pipelines.trading.summary import total_equity
from resources.journal import JournalReader
from resources.registry import Registry


def summarise(
    console: Console,
    settings: Settings,
    registry: Registry,
    slots: Sequence[str],
    notes: Sequence[tuple[str, str]],
    made: str,
) -> Path:
    """Print the verdicts, pointers and sessions; write the HTML report and return its path."""
    records = [record for slot in slots if (record := _record(registry, slot)) is not None]
    sessions = [session_result(settings, session.name) for session in settings.sessions]
    console.print(verdict_table(records))
    for line in [*pointer_lines(registry, slots), *(_session_line(s) for s in sessions)]:
        console.print(line)
    path = Path(settings.paths.reports) / "report.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    judged = [record for record in records if record["scorecard"] is not None]
    page = report(
        judged, [_for_report(s) for s in sessions], [*_refusals(records), *_notes(notes)], made=made
    )
    path.write_text(page, encoding="utf-8")
    return path


def _for_report(session: dict[str, Any]) -> dict[str, Any]:
    shown = {key: value for key, value in session.items() if key not in ("name", "equity")}
    return {"name": session["name"], "summary": shown, "equity": session["equity"]}


def _refusals(records: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """Candidates that could not be judged, each with the sentence that says why."""
    return [
        {"subject": record["slot"], "note": record["candidate"]["refused"]}
        for record in records
        if record["scorecard"] is None
    ]


def _notes(notes: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"subject": subject, "note": note} for subject, note in notes]


def _record(registry: Registry, slot: str) -> dict[str, Any] | None:
    stored = registry.load_scorecard(slot)
    return None if stored is None else dict(json.loads(stored), slot=slot)


def verdict_table(records: Sequence[dict[str, Any]]) -> Table:
    """One line per required or advisory verdict, in words."""
    table = Table("slot", "gate", "verdict", "why", title="verdicts", show_lines=False)
    for record in records:
        for verdict in record["verdicts"]:
            colour, word = ("green", "pass") if verdict["passed"] else ("red", "refuse")
            if not verdict["required"]:
                word += " (advisory)"
            table.add_row(record["slot"], verdict["gate"], f"[{colour}]{word}", escape(verdict["sentence"]))
    return table


def pointer_lines(registry: Registry, slots: Sequence[str]) -> list[str]:
    """Where each judged slot points now."""
    lines = []
    for slot in slots:
        pointer, notes = registry.read(slot)
        where = (
            f"generation {pointer.generation} -> bundle {pointer.sha256[:12]}"
            if pointer
            else "nothing promoted"
        )
        lines.append(f"pointer {slot}: {where}{' '.join(['', *notes])}")
    return lines


def session_result(settings: Settings, name: str) -> dict[str, Any]:
    """What a session's journal holds, as plain values; `status` says why when there is nothing."""
    path = Path(settings.paths.artifacts) / "journals" / f"{name}.db"
    session = settings.session(name)
    try:
        with JournalReader(path) as journal:
            equity, fills, decisions = journal.equity(), journal.fills(), journal.decisions()
    except MissingData:
        return {
            "name": name,
            "status": "no order: nothing was promoted for it to obey",
            "capital": session.capital,
            "equity": [],
        }
    config = SessionConfig(name, session.symbols, session.timeframe, 1, capital=session.capital)
    total = total_equity(equity, config)
    daily = total.group_by(pl.col("open_time").dt.date().alias("day"), maintain_order=True).agg(
        pl.col("equity").last()
    )
    last = float(total["equity"][-1])
    return {
        "name": name,
        "status": "traded",
        "capital": session.capital,
        "decisions": decisions.height,
        "fills": fills.height,
        "last": last,
        "return": last / session.capital - 1,
        "equity": [{"time": day.isoformat(), "equity": value} for day, value in daily.iter_rows()],
    }


def _session_line(session: dict[str, Any]) -> str:
    if not session["equity"]:
        return f"paper session {session['name']}: {session['status']}"
    return (
        f"paper session {session['name']}: {session['decisions']} decisions, {session['fills']} fills, "
        f"equity {session['last']:,.2f} of {session['capital']:,.2f} ({session['return']:+.2%})"
    )
