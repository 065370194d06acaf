"""How long work shows itself: a bar in a terminal, log lines in a Dagster run. No work is done here."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

T = TypeVar("T")
EVERY_SECONDS = 2.0


class Progress(Protocol):
    """What an asset may say about how far it is."""

    def track(self, items: Sequence[T], what: str) -> Iterator[T]:
        """The items one by one, showing how many are done."""
        ...

    def tell(self, what: str, share: float) -> None:
        """That `what` is done to `share` (0 to 1)."""
        ...

    def say(self, sentence: str) -> None:
        """A sentence that whoever waits should read: a venue that limits us, a file fetched again."""
        ...


class LogProgress:
    """A log line at most every two seconds: for runs that nobody watches in a terminal."""

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._log = logger or logging.getLogger("tidemark")
        self._last = time.monotonic()

    def track(self, items: Sequence[T], what: str) -> Iterator[T]:
        """See Progress."""
        for done, item in enumerate(items):
            self.tell(what, done / len(items))
            yield item

    def tell(self, what: str, share: float) -> None:
        """See Progress."""
        if time.monotonic() - self._last >= EVERY_SECONDS:
            self._last = time.monotonic()
            self._log.info("%s: %d %%", what, round(100 * share))

    def say(self, sentence: str) -> None:
        """See Progress."""
        self._log.warning("%s", sentence)


class TerminalProgress:
    """One rich bar at the foot of the terminal, for the command line."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        self.console = Console()
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
        )
        self._task = self._bars.add_task("", total=1.0, visible=False)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Keep the bar on the screen while a stage runs."""
        with self._bars:
            yield

    def track(self, items: Sequence[T], what: str) -> Iterator[T]:
        """See Progress."""
        for done, item in enumerate(items):
            self.tell(what, done / len(items))
            yield item

    def tell(self, what: str, share: float) -> None:
        """See Progress."""
        self._bars.update(self._task, description=what, completed=share, visible=True)

    def say(self, sentence: str) -> None:
        """See Progress."""
        self.console.print(f"  {sentence}", highlight=False, markup=False)
