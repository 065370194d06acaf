"""The data section of the report: what each symbol and timeframe holds, and why what is null is null.

Pure: plain dicts in, HTML out. Gathering them from the lake is schedules/data_notes.py.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from pipelines.evaluation.null_reasons import listed

Plain = Mapping[str, Any]


def data_section(tables: Sequence[Plain], notes: Sequence[Plain]) -> str:
    """The section, or nothing when there is neither table nor note.

    `tables`: one a symbol and timeframe, `{"symbol", "timeframe", "rows", "first", "last", "gaps", "missing",
    "longest_gap", "origins": {origin: bars}, "features": name of the set, "funding": words, "nulls": rows of
    null_reasons}`. `notes`: `{"subject": …, "note": …}`.
    """
    if not tables and not notes:
        return ""
    return f"<section><h2>Data</h2>{_overview(tables)}{_nulls(tables)}{_notes(notes)}</section>"


def _overview(tables: Sequence[Plain]) -> str:
    if not tables:
        return ""
    head = (
        "<th>symbol</th><th>bars</th><th class='n'>rows</th><th>from</th><th>to (last open)</th><th>gaps</th>"
    )
    rows = "".join(
        f"<tr><td class='t'>{escape(one['symbol'])}</td><td>{escape(one['timeframe'])}</td>"
        f"<td class='n'>{one['rows']:,}</td><td class='t'>{escape(one['first'])}</td>"
        f"<td class='t'>{escape(one['last'])}</td>"
        f"<td>{_gaps(one)}</td><td>{escape(_origins(one))}</td><td>{escape(one['features'])}</td>"
        f"<td>{escape(one['funding'])}</td></tr>"
        for one in tables
    )
    return (
        f"<div class='wide'><table><thead><tr>{head}<th>made of</th><th>features</th><th>funding</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _gaps(one: Plain) -> str:
    if not one["gaps"]:
        return "none"
    return f"{one['gaps']:,} ({one['missing']:,} bars unknown, longest {one['longest_gap']:,})"


def _origins(one: Plain) -> str:
    return ", ".join(f"{count:,} {origin}" for origin, count in one["origins"].items())


def _nulls(tables: Sequence[Plain]) -> str:
    """Unknown columns with their reasons; tables that agree in every reason share one heading."""
    alike: dict[str, list[str]] = {}
    for one in tables:
        body = "".join(_null_row(row) for row in one["nulls"])
        alike.setdefault(body, []).append(f"{one['symbol']} {one['timeframe']}")
    parts = [
        f"<details><summary>{escape(', '.join(names))}</summary><div class='wide'><table><tbody>{body}</tbody>"
        "</table></div></details>"
        for body, names in alike.items()
        if body
    ]
    return f"<h3>Unknown values, and why</h3>{''.join(parts)}" if parts else ""


def _null_row(row: Plain) -> str:
    much = (
        "everywhere" if row["nulls"] == row["rows"] else f"in up to {row['nulls']:,} of {row['rows']:,} rows"
    )
    names = listed(row["columns"], 60)
    return f"<tr><td>{escape(names)}</td><td class='t'>{much}</td><td>{escape(row['reason'])}</td></tr>"


def _notes(notes: Sequence[Plain]) -> str:
    if not notes:
        return ""
    rows = "".join(
        f"<tr><td><b>{escape(str(note['subject']))}</b></td><td>{escape(str(note['note']))}</td></tr>"
        for note in notes
    )
    return f"<h3>Notes</h3><div class='wide'><table><tbody>{rows}</tbody></table></div>"
