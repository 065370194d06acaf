"""Sockets: reads HTTP/1.1 requests, and sends replies whole, cut off, late or not at all. No formats here."""

import contextlib
import os
import socket
import struct
import sys
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.venue.wire import Reply, Seen


class Responder(Protocol):
    """Who answers."""

    errors: list[BaseException]

    def respond(self, seen: Seen) -> Reply:
        """The answer to one request."""
        ...


class Listener(ThreadingHTTPServer):
    """A threading server on 127.0.0.1."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, responder: Responder, port: int) -> None:
        self.responder = responder
        self.closing = threading.Event()
        self.sockets: set[socket.socket] = set()
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        super().__init__(("127.0.0.1", port), Handler)

    def start(self) -> None:
        """Serve in a thread of its own."""
        self.thread.start()

    def stop(self) -> None:
        """Stop serving; connections that are still open are closed."""
        self.closing.set()
        if self.thread.is_alive():
            self.shutdown()
            self.thread.join()
        self.server_close()
        for each in list(self.sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients may leave at any moment; everything else is a bug of the venue and kept for its owner."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, (ConnectionError, TimeoutError)):
            self.responder.errors.append(error)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60.0
    server: Listener

    def setup(self) -> None:
        """Remember the socket, to be able to close it."""
        super().setup()
        self.server.sockets.add(self.connection)

    def finish(self) -> None:
        """Forget the socket."""
        self.server.sockets.discard(self.connection)
        with contextlib.suppress(ConnectionError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing is printed: requests are in Venue.requests."""

    def do_GET(self) -> None:
        """Any request."""
        url = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        seen = Seen(
            at=time.monotonic(),
            wall=datetime.now(UTC),
            method=self.command,
            path=unquote(url.path),
            query=dict(parse_qsl(url.query, keep_blank_values=True)),
            body=self.rfile.read(length),
            headers={name.lower(): value for name, value in self.headers.items()},
        )
        try:
            reply = self.server.responder.respond(seen)
        except Exception as error:  # a bug of the venue: raised when it closes
            self.server.responder.errors.append(error)
            reply = Reply(500, f"bug in the test venue: {error!r}".encode(), {"Content-Type": "text/plain"})
        seen.status = reply.status if reply.manner == "whole" else 0
        self._send(reply)

    do_POST = do_GET  # noqa: N815

    def _send(self, reply: Reply) -> None:
        if reply.manner == "hang":
            self.server.closing.wait(reply.seconds)
        if reply.manner in ("hang", "reset"):
            self._reset()
            return
        sent = reply.body if reply.manner == "whole" else reply.body[: int(len(reply.body) * reply.seconds)]
        self.send_response_only(reply.status)
        for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(sent)
        self.wfile.flush()
        if reply.manner == "cut":
            self.close_connection = True

    def _reset(self) -> None:
        """Close with a TCP reset instead of a goodbye."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.server.sockets.discard(self.connection)
        os.close(self.connection.detach())
