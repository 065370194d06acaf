"""What goes over the wire: the request as it arrived, the reply as it leaves, and numbers as text.

No venue's format lives here; each has its own module.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

JSON = "application/json; charset=utf-8"


@dataclass
class Seen:
    """One request as it arrived."""

    at: float
    """Monotonic seconds, for differences."""
    wall: datetime
    """This machine's clock, whatever the venue's says."""
    method: str
    path: str
    query: dict[str, str]
    body: bytes
    headers: dict[str, str]
    """Lower-case names."""
    venue: str = ""
    kind: str = "other"
    """markets, candles, trades, book, funding, fills, time, status, dataset, replay, exchanges or other."""
    status: int = 0
    """Of the answer; 0 where none left whole."""
    faults: list[str] = field(default_factory=list)
    """Faults that touched the answer."""

    @property
    def json(self) -> Any:
        """The body as JSON; None for an empty one."""
        return json.loads(self.body) if self.body else None

    @property
    def text(self) -> str:
        """Path, query and body in one text, to match against."""
        return f"{self.path}?{'&'.join(f'{k}={v}' for k, v in self.query.items())} {self.body.decode(errors='replace')}"


@dataclass(frozen=True)
class Reply:
    """One answer; `manner` is how it leaves: whole, cut, reset or hang."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    manner: str = "whole"
    seconds: float = 0.0
    """How long a hang lasts."""

    def with_headers(self, **more: str) -> "Reply":
        """The same with more headers; `_` in a name becomes `-`."""
        return replace(self, headers={**self.headers, **{k.replace("_", "-"): v for k, v in more.items()}})


def as_json(value: Any, status: int = 200, **headers: str) -> Reply:
    """A JSON answer."""
    body = json.dumps(value, separators=(",", ":")).encode()
    return Reply(status, body, {"Content-Type": JSON}).with_headers(**headers)


def raw_json(text: str, status: int = 200) -> Reply:
    """A JSON answer that is already text: numbers keep every digit."""
    return Reply(status, text.encode(), {"Content-Type": JSON})


def html(title: str, text: str, status: int) -> Reply:
    """A web page where an answer was expected."""
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1><p>{text}</p></body></html>"
    return Reply(status, page.encode(), {"Content-Type": "text/html; charset=UTF-8"})


def text_of(value: float | str | None) -> str | None:
    """A number as plain decimal text with every digit it has; text stays as it is, NaN becomes `NaN`."""
    if value is None or isinstance(value, str):
        return value
    text = repr(float(value))
    if "n" in text:
        return "NaN" if text == "nan" else text
    if "e" in text:
        text = format(Decimal(text), "f")
    return text.removesuffix(".0")


def number_token(text: str | None) -> str:
    """Number text as a JSON token without loss; what is no number becomes a JSON string, nothing becomes null."""
    if text is None:
        return "null"
    try:
        finite = Decimal(text).is_finite()
    except ArithmeticError:
        finite = False
    return text if finite else json.dumps(text)


def is_zero(text: str | None) -> bool:
    """Whether number text is nothing at all, however it is written."""
    return text is not None and text != "" and not text.strip("0.")


def padded(text: str | None, decimals: int) -> str | None:
    """Number text with at least so many decimals; longer text stays whole."""
    if text is None or not text.replace(".", "", 1).lstrip("-").isdigit():
        return text
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.ljust(decimals, '0')}"


def moment(nanoseconds: int, digits: int, zone: str = "Z") -> str:
    """ISO 8601 with so many decimals of a second, UTC."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    stamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return stamp + (f".{rest:09d}"[: digits + 1] if digits else "") + zone


def nanoseconds_of(stamp: str) -> int:
    """Nanoseconds of an ISO 8601 moment (UTC when it names no zone)."""
    head, dot, tail = stamp.partition(".")
    digits = "".join(ch for ch in tail if ch.isdigit()) if dot else ""
    zone = tail[len(digits) :] if dot else ""
    whole = datetime.fromisoformat(head + zone)
    whole = whole if whole.tzinfo else whole.replace(tzinfo=UTC)
    return int(whole.timestamp()) * 1_000_000_000 + int(digits.ljust(9, "0")[:9] or 0)
