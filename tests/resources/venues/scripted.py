"""A real server on a socket that answers with given bytes in turn, and a clock that sleeping moves."""

import socket
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from resources.clock import Clock

START = datetime(2026, 3, 4, 12, 3, 0, tzinfo=UTC)


class FakeClock(Clock):
    """Starts at START; sleeping takes no time. `monotonic` is real: the wire's durations are."""

    def __init__(self, at: datetime = START) -> None:
        self.at, self.slept, self._lock = at, [], threading.Lock()

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.at += timedelta(seconds=seconds)
            self.slept.append(seconds)


def reply(status: int = 200, body: bytes = b'{"ok":1}', length: int | None = None, **headers: str) -> bytes:
    """The bytes of an HTTP answer; `length` lies about the body's, header names have _ for -."""
    lines = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    lines["content-length"] = str(len(body) if length is None else length)
    head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return head.encode() + b"connection: close\r\n\r\n" + body


class Scripted:
    """Serves the answers in turn, the last one for ever; a callable gets the request's text."""

    def __init__(self, answers: Sequence[bytes | Callable[[str], bytes]], clock: Clock | None = None) -> None:
        self.answers, self.clock = list(answers), clock
        self.requests: list[str] = []
        self.times: list[datetime | None] = []
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "Scripted":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(peer,), daemon=True).start()

    def _one(self, peer: socket.socket) -> None:
        with peer:
            text = _request(peer)
            with self._lock:
                answer = self.answers[min(len(self.requests), len(self.answers) - 1)]
                self.requests.append(text)
                self.times.append(self.clock.now() if self.clock else None)
            peer.sendall(answer(text) if callable(answer) else answer)


def _request(peer: socket.socket) -> str:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = peer.recv(65536)
        if not piece:
            return data.decode()
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(x.split(b":")[1]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-length")), 0
    )
    while len(body) < length:
        body += peer.recv(65536)
    return (head + b"\r\n\r\n" + body).decode()
