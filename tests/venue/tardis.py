"""Tardis: daily datasets, the replay API and exchange details, for both of its Python clients.

Without a key only first days of months are served. Rewriting the files for a fault is faults_tardis.py.
"""

import gzip
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import zstandard

from tests.venue.call import Call
from tests.venue.captures import framed, wanted
from tests.venue.wire import Reply, as_json, nanoseconds_of

MINUTE = 60 * 10**9
SUGGESTED = 10


def answer(call: Call, path: str) -> Reply:
    """The answer to one GET of the API host."""
    match path.strip("/").split("/"):
        case ["v1", "exchanges"]:
            return as_json([{"id": name, "name": name, "enabled": True} for name in _exchanges(call)])
        case ["v1", "exchanges", exchange] if exchange in _exchanges(call):
            return as_json(_details(call, exchange))
        case ["v1", "data-feeds", exchange]:
            return _replay(call, exchange)
    return _error(404, f"there is no {path}")


def dataset(call: Call, path: str) -> Reply:
    """The answer to one GET of the datasets host."""
    match path.strip("/").split("/"):
        case ["v1", exchange, kind, year, month, day, file] if file.endswith(".csv.gz"):
            symbol = file.removesuffix(".csv.gz")
        case _:
            return _error(404, f"there is no {path}")
    refusal = _key_refused(call, day == "01")
    if refusal:
        return refusal
    name = (exchange, kind, f"{year}-{month}-{day}", symbol)
    source = call.data.shelf.get(name)
    if source is None:
        return _error(404, f"no dataset {kind} of {exchange} {symbol} on {name[2]}")
    body = source.read_bytes() if isinstance(source, Path) else source
    if not body:
        body = gzip.compress(b"", mtime=0)
    body = call.apply("file", body, None, name)
    return Reply(200, body, {"Content-Type": "application/gzip"})


def _replay(call: Call, exchange: str) -> Reply:
    query = call.seen.query
    tape = call.data.tapes.get(exchange)
    if tape is None:
        return _error(400, f"Invalid 'exchange' param provided: {exchange}.")
    start = nanoseconds_of(query["from"]) // MINUTE * MINUTE + int(query.get("offset", 0)) * MINUTE
    refusal = _key_refused(call, datetime.fromtimestamp(start / 1e9, UTC).day == 1)
    if refusal:
        return refusal
    size = int(query.get("sliceSize", 1))
    if start + size * MINUTE > call.now_ns:
        return _error(400, "Invalid 'offset' param provided: data is not available yet.")
    filters = json.loads(query.get("filters") or "[]")
    strange = [str(each.get("channel")) for each in filters if each.get("channel") not in tape.channels]
    if strange:
        known = ", ".join(tape.channels)
        return _error(
            400,
            f"Invalid 'filters' param provided: {exchange} has no channel {strange[0]}: expected one of {known}.",
        )
    lines = [line for line in tape.between(start, start + size * MINUTE) if wanted(line, filters)]
    lines = call.apply("tape", lines, None, start, tape)
    headers = {"x-slice-size": str(size), "x-suggested-slice-size": str(SUGGESTED if filters else 1)}
    return _packed(call, framed(lines), headers)


def _packed(call: Call, body: bytes, headers: dict[str, str]) -> Reply:
    """Compressed as the client names it first; the older client reads gzip only."""
    accepted = call.seen.headers.get("accept-encoding", "gzip")
    named = [word.strip() for word in accepted.split(",") if word.strip() in ("gzip", "zstd")]
    if (named or ["gzip"])[0] == "zstd":
        return Reply(
            200,
            zstandard.compress(body),
            {**headers, "Content-Encoding": "zstd", "Content-Type": "text/plain"},
        )
    return Reply(
        200,
        gzip.compress(body, 1, mtime=0),
        {**headers, "Content-Encoding": "gzip", "Content-Type": "text/plain"},
    )


def _key_refused(call: Call, free: bool) -> Reply | None:
    sent = call.seen.headers.get("authorization", "").removeprefix("Bearer").strip()
    if not sent and free:
        return None
    if not sent:
        return _error(401, "API key is missing: only the first day of each month is free.")
    if call.key is not None and sent != call.key:
        return _error(401, "API key is not valid.")
    return None


def _error(status: int, text: str) -> Reply:
    return as_json({"code": status, "message": text}, status)


def _exchanges(call: Call) -> list[str]:
    return list(dict.fromkeys([*(key[0] for key in call.data.shelf), *call.data.tapes, *call.data.incidents]))


def _details(call: Call, exchange: str) -> dict[str, object]:
    files = [key for key in call.data.shelf if key[0] == exchange]
    days = sorted(key[2] for key in files)
    tape = call.data.tapes.get(exchange)
    if tape and tape.stamps:
        days = sorted(
            [*days, *(datetime.fromtimestamp(tape.stamps[k] / 1e9, UTC).date().isoformat() for k in (0, -1))]
        )
    first = days[0] if days else call.now.date().isoformat()
    until = (date.fromisoformat(days[-1] if days else first) + timedelta(days=1)).isoformat()
    symbols = [
        {"id": symbol, "type": "perpetual" if "futures" in exchange else "spot",
         "availableSince": f"{first}T00:00:00.000Z", "availableTo": f"{until}T00:00:00.000Z",
         "dataTypes": sorted({key[1] for key in files if key[3] == symbol})}
        for symbol in dict.fromkeys(key[3] for key in files)
    ]  # fmt: skip
    return {
        "id": exchange,
        "name": exchange,
        "enabled": True,
        "availableSince": f"{first}T00:00:00.000Z",
        "availableChannels": tape.channels if tape else [],
        "availableSymbols": [
            {key: x[key] for key in ("id", "type", "availableSince", "availableTo")} for x in symbols
        ],
        "incidentReports": call.apply("incidents", list(call.data.incidents.get(exchange, ())), None),
        "datasets": {
            "formats": ["csv"],
            "exportedFrom": f"{first}T00:00:00.000Z",
            "exportedUntil": f"{until}T00:00:00.000Z",
            "symbols": symbols,
        },
    }
