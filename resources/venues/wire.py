"""One request and one answer over HTTP, verified to the last byte. What an answer means is classify.py.

httpx checks Content-Length but takes a gzip stream that was cut off for a whole one, so the body is read raw and
unpacked here. Redirects are not followed and proxies and netrc of the environment are not used.
"""

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from resources.clock import Clock

if TYPE_CHECKING:
    import httpx

LARGEST = 256 * 2**20
"""Bytes of one answer, packed or not; more is no answer to any request of ours."""
PATIENCE = 12
"""A whole answer may take so many timeouts: a body that drips one byte a second never times out otherwise."""
PACKED = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""Content encodings that we can verify, and zlib's window bits for them."""


@dataclass(frozen=True)
class Request:
    """What is asked; `json` says that only JSON can be an answer to it."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    json: bool = True

    @property
    def repeatable(self) -> bool:
        """Whether asking twice changes nothing: GET, and POSTs that only read."""
        return self.method == "GET" or (
            self.method == "POST" and self.url.partition("?")[0].endswith("/info")
        )


@dataclass(frozen=True)
class Answer:
    """What came back, whole and unpacked."""

    url: str
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    received_at: datetime  # UTC, by the local clock
    seconds: float = 0.0  # from sending to the last byte


@dataclass(frozen=True)
class Fault:
    """Why there is no answer."""

    what: str  # continues "the venue ..."
    damaged: bool = False  # something came, but not all of it or not unharmed
    hopeless: bool = False  # asking again cannot help


def open_client(timeout: float) -> "httpx.Client":
    """A pool of verified connections; `timeout` seconds to connect, and between two pieces of an answer."""
    import httpx

    return httpx.Client(timeout=timeout, trust_env=False, follow_redirects=False)


def exchange(client: "httpx.Client", request: Request, clock: Clock, timeout: float) -> Answer | Fault:
    """Ask once."""
    import httpx

    headers = {**{name.lower(): value for name, value in request.headers.items()}, "accept-encoding": "gzip"}
    begun = clock.monotonic()
    try:
        with client.stream(request.method, request.url, headers=headers, content=request.body) as response:
            raw = _read(response.iter_raw(), lambda: clock.monotonic() - begun > PATIENCE * timeout)
            seconds, received_at = clock.monotonic() - begun, clock.now()
            answer_headers = {name.lower(): value for name, value in response.headers.items()}
            status = response.status_code
    except httpx.TimeoutException:
        return Fault(f"did not answer within {timeout:g} s")
    except httpx.RemoteProtocolError as error:
        return Fault(f"broke off its answer ({error})", damaged=True)
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError) as error:
        return Fault(f"cannot be asked like this ({error})", hopeless=True)
    except httpx.HTTPError as error:
        return Fault(f"could not be reached ({error})", hopeless="CERTIFICATE_VERIFY_FAILED" in str(error))
    if isinstance(raw, Fault):
        return raw
    body = unpacked(raw, answer_headers)
    if isinstance(body, Fault):
        return body
    return Answer(request.url, status, answer_headers, body, received_at, seconds)


def unpacked(raw: bytes, headers: Mapping[str, str]) -> bytes | Fault:
    """The body of an answer: as long as its header says, its gzip stream ended and its checksum right."""
    said = headers.get("content-length", "")
    if said.isdigit() and "transfer-encoding" not in headers and int(said) != len(raw):
        return Fault(f"sent {len(raw)} of {said} bytes", damaged=True)
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("", "identity") or not raw:
        return raw
    if encoding not in PACKED:
        return Fault(f"packed its answer as {encoding!r}, which was not asked for", damaged=True)
    unpacker = zlib.decompressobj(PACKED[encoding])
    try:
        body = unpacker.decompress(raw, LARGEST)
    except zlib.error as error:
        return Fault(f"sent a damaged {encoding} stream ({error})", damaged=True)
    if not unpacker.eof or unpacker.unused_data:
        return Fault(f"sent a {encoding} stream of {len(raw)} bytes that does not end", damaged=True)
    return body


def _read(pieces: Iterable[bytes], late: Callable[[], bool]) -> bytes | Fault:
    parts, size = [], 0
    for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if size > LARGEST:
            return Fault(f"sent more than {LARGEST} bytes", hopeless=True)
        if late():
            return Fault("sends its answer too slowly to ever end", damaged=True)
    return b"".join(parts)
