"""The server: listens on 127.0.0.1, logs what arrives, lets faults act, and sends the answer as they want it sent.

The formats are the venues' modules, the data is data.py.
"""

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.venue import faults_bars, faults_files, faults_tapes, faults_trades, faults_wire
from tests.venue.call import Call
from tests.venue.control import control, told
from tests.venue.data import VenueData
from tests.venue.faults import FAULTS, Fault, Playing
from tests.venue.guess import read_folder
from tests.venue.listener import Listener
from tests.venue.routes import answer, split, venue_and_kind
from tests.venue.settings_text import settings_text, source_text
from tests.venue.wire import Reply, Seen, as_json

__all__ = ["Venue"]
PLAYERS = (faults_wire, faults_bars, faults_trades, faults_files, faults_tapes)
"""Importing them registers what the faults do."""


class Venue:
    """A running server; use as a context manager. Errors inside the server are raised when it closes."""

    def __init__(
        self,
        data: Path | str | VenueData,
        now: datetime | None = None,
        *,
        port: int = 0,
        tardis_key: str | None = None,
    ) -> None:
        self.data = data if isinstance(data, VenueData) else read_folder(Path(data))
        self.requests: list[Seen] = []
        """What has arrived, oldest first; `_control` and `_requests` are not listed."""
        self.tardis_key = tardis_key
        self.playing = Playing()
        self.errors: list[BaseException] = []
        self._now: datetime | None = now
        self._lock = threading.Lock()
        self._listener = Listener(self, port)
        self.url = f"http://127.0.0.1:{self._listener.server_address[1]}"

    def __enter__(self) -> "Venue":
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.stop()
        if self.errors and error is None:
            raise RuntimeError(f"the venue itself failed {len(self.errors)} times") from self.errors[0]

    @property
    def now(self) -> datetime:
        """The venue's time: frozen where it was set, else this machine's."""
        return self._now or datetime.now(UTC)

    @now.setter
    def now(self, value: datetime | None) -> None:
        self._now = value

    def advance(self, seconds: float) -> None:
        """Move a frozen clock."""
        self._now = self.now + timedelta(seconds=seconds)

    def play(self, name: str, **args: Any) -> Fault:
        """Start a fault of FAULTS with its arguments and those common to all; returns it, to stop it or count it."""
        if name == "F23":
            self.advance(args.get("seconds", FAULTS["F23"].args["seconds"]))
        return self.playing.play(name, **args)

    def stop_faults(self, fault: Fault | None = None) -> None:
        """Stop one fault, or all of them."""
        self.playing.stop(fault)

    def of_kind(self, kind: str, venue: str | None = None) -> list[Seen]:
        """Requests of a kind (candles, trades, ...), of one venue or all."""
        return [seen for seen in self.requests if seen.kind == kind and venue in (None, seen.venue)]

    def clear(self) -> None:
        """Forget the requests so far."""
        self.requests.clear()

    def settings(self, timeframes: tuple[str, ...] = ()) -> str:
        """TOML of [universe] and [source] that points every client at this server."""
        return settings_text(self.url, self.data, timeframes)

    def source_settings(self) -> str:
        """TOML of [source] alone."""
        return source_text(self.url, self.data)

    def respond(self, seen: Seen) -> Reply:
        """The answer to one request; what happens inside is the same over HTTP and in process."""
        if seen.path == "/_requests":
            return as_json([told(each) for each in self.requests])
        if seen.path == "/_control":
            return control(self, seen.json or {})
        prefix, path = split(seen.path)
        seen.venue, seen.kind = venue_and_kind(prefix, path, seen)
        with self._lock:
            self.requests.append(seen)
        call = Call(seen, self.data, self.playing, time.time_ns(), self.tardis_key)
        if self._now is not None:
            call.now_ns = int(self._now.timestamp() * 1_000_000) * 1000
        call.now_ns = call.apply("clock", call.now_ns)
        reply: Reply | None = call.apply("refuse", None, None, seen)
        if reply is None:
            reply = answer(call, prefix, path)
            reply = call.apply("reply", reply, None, seen)
        return Reply(
            reply.status,
            reply.body,
            {"Date": _http_date(call.now), **reply.headers},
            reply.manner,
            reply.seconds,
        )


def _http_date(now: datetime) -> str:
    return now.strftime("%a, %d %b %Y %H:%M:%S GMT")
