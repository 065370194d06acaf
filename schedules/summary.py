"""What a person sees at the end of the road: verdicts, pointers, paper sessions, the report. Nothing is computed."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from rich.console import Console

from pipelines.errors import MissingData
from pipelines.evaluation.report import report
from pipelines.promotion.bundle import Bundle
from pipelines.settings import Settings
from pipelines.trading.session import SessionConfig
from pipelines.trading.summary import total_equity
from resources.journal import JournalReader
from resources.registry import Registry
from schedules.verdict_lines import print_verdicts

Said = Mapping[str, Any]
"""What a paper run said of itself: `status`, `new_bars`, and `reasons` by symbol why it was not traded as it could."""


def summarise(
    console: Console,
    settings: Settings,
    registry: Registry,
    slots: Sequence[str],
    said: Mapping[str, Said],
    notes: Sequence[tuple[str, str]],
    tables: Sequence[Mapping[str, Any]],
    made: str,
) -> Path:
    """Print the verdicts, pointers and sessions; write the HTML report and return its path.

    `said`: by session, what the run that is told about said of itself.
    """
    records = [record for slot in slots if (record := _record(registry, slot)) is not None]
    sessions = [session_result(settings, session.name, said[session.name]) for session in settings.sessions]
    print_verdicts(console, records)
    console.print(_holdout_line(settings.training.holdout_days), highlight=False)
    for line in [*pointer_lines(registry, slots), *(line for s in sessions for line in session_lines(s))]:
        console.print(line, highlight=False, markup=False)
    path = Path(settings.paths.reports) / "report.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    page = report(
        [record for record in records if record["scorecard"] is not None],
        [_for_report(s) for s in sessions],
        [{"subject": subject, "note": note} for subject, note in notes],
        made=made,
        tables=tables,
        unfitted=_unfitted(records),
    )
    path.write_text(page, encoding="utf-8")
    return path


def _holdout_line(days: int) -> str:
    if days == 0:
        return "nothing is held out: the models have seen every bar"
    return f"the last {days} days of each history are held out: no model and no figure above has seen them"


def _for_report(session: dict[str, Any]) -> dict[str, Any]:
    shown = {
        key: f"{value:,.2f}" if isinstance(value, float) and key != "return" else value
        for key, value in session.items()
        if key not in ("name", "equity", "return", "reasons")
    }
    if session["reasons"]:
        shown["reasons"] = "; ".join(f"{symbol}: {why}" for symbol, why in session["reasons"].items())
    if "return" in session:
        shown["return"] = f"{session['return']:+.2%}"
    return {"name": session["name"], "summary": shown, "equity": session["equity"]}


def _unfitted(records: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """Candidates that could not be judged, each with the sentence that says why."""
    return [
        {"slot": record["slot"], "why": record["candidate"]["refused"]}
        for record in records
        if record["scorecard"] is None
    ]


def _record(registry: Registry, slot: str) -> dict[str, Any] | None:
    """The stored scorecard, the generation when it is the promoted one, and which symbols it is about."""
    stored = registry.load_scorecard(slot)
    if stored is None:
        return None
    record = dict(json.loads(stored), slot=slot)
    sha256 = record["candidate"].get("bundle")
    pointer, _ = registry.read(slot)
    if pointer is not None and pointer.sha256 == sha256:
        record["generation"] = pointer.generation
    if sha256 is not None:
        record["note"] = _symbols_note(Bundle.from_files(registry.load(sha256), sha256).manifest.metrics)
    return record


def _symbols_note(metrics: Mapping[str, Any]) -> str:
    """Which symbols a model of several was tested on, and which were left out of it and why; else nothing."""
    tested, excluded = metrics.get("test_forecasts"), metrics.get("excluded")
    parts = []
    if tested:
        parts.append("tested on " + ", ".join(f"{symbol} ({count:,})" for symbol, count in tested.items()))
    if excluded:
        parts.append("left out: " + ", ".join(f"{symbol} ({why})" for symbol, why in excluded.items()))
    return "; ".join(parts)


def pointer_lines(registry: Registry, slots: Sequence[str]) -> list[str]:
    """Where each judged slot points now; one line for all that point nowhere."""
    lines, nowhere = [], 0
    for slot in slots:
        pointer, notes = registry.read(slot)
        if pointer is not None:
            where = f"generation {pointer.generation} -> bundle {pointer.sha256[:12]}"
            lines.append(f"pointer {slot}: {where}{' '.join(['', *notes])}")
        elif notes:
            lines.append(f"pointer {slot}: nothing promoted {' '.join(notes)}")
        else:
            nowhere += 1
    return (
        [*lines, f"pointers: {nowhere} of {len(slots)} slots point nowhere, nothing was promoted there"]
        if nowhere
        else lines
    )


def last_said(instance: dg.DagsterInstance, name: str) -> Said:
    """The metadata of a session's newest materialisation; raises MissingData when it has none."""
    records = dg.AssetRecordsFilter(asset_key=dg.AssetKey("paper_session"), asset_partitions=[name])
    newest = instance.fetch_materializations(records, limit=1).records
    found = newest[0].asset_materialization if newest else None
    if found is None:
        raise MissingData(f"paper session {name} was never run: expected a run of it; launch trade_on_paper.")
    return {key: value.value for key, value in found.metadata.items()}


def session_result(settings: Settings, name: str, said: Said) -> dict[str, Any]:
    """What the run said, and what the session's journal holds after it and all runs before, as plain values."""
    session = settings.session(name)
    result = {
        "name": name,
        "status": said["status"],
        "reasons": dict(said.get("reasons", {})),
        "capital": session.capital,
        "equity": [],
    }
    try:
        with JournalReader(Path(settings.paths.artifacts) / "journals" / f"{name}.db") as journal:
            equity, fills, decisions = journal.equity(), journal.fills(), journal.decisions()
    except MissingData:  # nothing was ever decided; the status says why
        return result
    if equity.is_empty():
        return result
    config = SessionConfig(name, session.symbols, session.timeframe, 1, capital=session.capital)
    total = total_equity(equity, config)
    daily = total.group_by(pl.col("open_time").dt.date().alias("day"), maintain_order=True).agg(
        pl.col("equity").last()
    )
    last = float(total["equity"][-1])
    return {
        **result,
        "new_bars": said.get("new_bars", 0),
        "decisions": decisions.height,
        "fills": fills.height,
        "last": last,
        "return": last / session.capital - 1,
        "equity": [{"time": day.isoformat(), "equity": value} for day, value in daily.iter_rows()],
    }


def session_lines(session: Mapping[str, Any]) -> list[str]:
    """The run's status, its journal if it has one, and each symbol's reason on a line of its own."""
    line = f"paper session {session['name']}: {session['status']}"
    if session["equity"]:
        line += (
            f"; {session['new_bars']} new bars, in its journal {session['decisions']} decisions, "
            f"{session['fills']} fills, equity {session['last']:,.2f} of {session['capital']:,.2f} "
            f"({session['return']:+.2%})"
        )
    return [line, *(f"    {symbol}: {why}" for symbol, why in session["reasons"].items())]
