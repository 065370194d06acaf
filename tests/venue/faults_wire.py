"""Faults of the transport: F1–F6, F30 and the clock's F22. They refuse a request or spoil an answer's bytes."""

import gzip
import json
from dataclasses import replace
from typing import Any

from tests.venue.faults import Fault, hook
from tests.venue.wire import JSON, Reply, Seen, as_json, html

REFUSALS = {
    400: "the request is malformed",
    401: "the key is missing or not valid",
    403: "forbidden",
    404: "no such thing",
    451: "unavailable for legal reasons: service unavailable from a restricted location",
}


@hook("refuse", "F1")
def too_many(fault: Fault, reply: Reply | None, seen: Seen) -> Reply:
    """Rate limited."""
    if fault["form"] == "body" and seen.venue == "kraken":
        return as_json({"error": ["EAPI:Rate limit exceeded"]})
    limited = as_json({"error": "too many requests", "message": "too many requests"}, fault["status"])
    wait = fault["retry_after"]
    return limited if wait is None else limited.with_headers(Retry_After=str(wait))


@hook("refuse", "F2")
def broken(fault: Fault, reply: Reply | None, seen: Seen) -> Reply:
    """Server error, timeout or reset."""
    if fault["how"] == "status":
        return as_json({"message": "internal server error"}, fault["status"])
    return Reply(manner={"timeout": "hang", "reset": "reset"}[fault["how"]], seconds=fault["seconds"])


@hook("refuse", "F3")
def refused(fault: Fault, reply: Reply | None, seen: Seen) -> Reply:
    """Permanently refused."""
    text = fault["message"] or REFUSALS.get(fault["status"], "refused")
    return as_json({"error": text, "message": text}, fault["status"])


@hook("refuse", "F4")
def maintenance(fault: Fault, reply: Reply | None, seen: Seen) -> Reply | None:
    """Under maintenance."""
    if seen.venue == "kraken":
        if seen.kind == "status":
            return reply
        return as_json({"error": ["EService:Unavailable"]})
    if seen.venue in ("coinbase", "alpaca"):
        return html(
            "Scheduled maintenance",
            "The service is under maintenance. Please try again later.",
            fault["status"],
        )
    return as_json({"message": "service is under maintenance"}, fault["status"])


@hook("reply", "F4")
def maintenance_status(fault: Fault, reply: Reply, seen: Seen) -> Reply:
    """Kraken says so in its status."""
    if seen.venue != "kraken" or seen.kind != "status":
        return reply
    body = json.loads(reply.body)
    body["result"]["status"] = "maintenance"
    return as_json(body)


@hook("refuse", "F30")
def banned(fault: Fault, reply: Reply | None, seen: Seen) -> Reply:
    """A ban page."""
    return html("Access denied", "Your IP address has been blocked. Ray ID: 7d4f0c1e2b3a", fault["status"])


@hook("reply", "F5")
def damaged(fault: Fault, reply: Reply, seen: Seen) -> Reply:
    """Cut off, or a gzip stream that does not check out."""
    if fault["how"] == "cut":
        return replace(reply, manner="cut", seconds=fault["keep"])
    packed = "Content-Encoding" in reply.headers or seen.kind == "dataset"
    body = reply.body if packed else gzip.compress(reply.body, 6, mtime=0)
    if fault["how"] == "gzip":
        body = body[: max(int(len(body) * fault["keep"]), 1)]
    else:
        at = len(body) - 8  # CRC-32 of a gzip stream; for zstd the end of the frame
        body = body[:at] + bytes(b ^ 0xFF for b in body[at : at + 4]) + body[at + 4 :]
    headers = dict(reply.headers) if packed else {**reply.headers, "Content-Encoding": "gzip"}
    return replace(reply, body=body, headers=headers)


@hook("reply", "F6")
def nonsense(fault: Fault, reply: Reply, seen: Seen) -> Reply:
    """Status 200, but not the answer."""
    how = fault["how"]
    if how == "html":
        return html("Welcome", "Please enable JavaScript and cookies to continue", 200)
    if how == "empty":
        return Reply(200, b"", {"Content-Type": JSON})
    if how == "object":
        return as_json({})
    value = json.loads(reply.body)
    return as_json(_renamed(value) if how == "renamed" else _without_rows(value))


def _renamed(value: Any) -> Any:
    """Every field of every row under another name."""
    if isinstance(value, dict):
        return {f"{key}_v2": _renamed(item) for key, item in value.items()}
    return [_renamed(item) for item in value] if isinstance(value, list) else value


def _without_rows(value: Any) -> Any:
    """The same envelope with every list of rows empty."""
    if isinstance(value, dict):
        return {key: _without_rows(item) for key, item in value.items()}
    return [] if isinstance(value, list) else value


@hook("clock", "F22")
def skewed(fault: Fault, now_ns: int) -> int:
    """A clock that is ahead."""
    return now_ns + int(fault["seconds"] * 1e9)
