"""Running an engine until it is done or first fails. What a failure means for us is asking.py.

The engines try again by themselves, up to 30 times and for up to two minutes each, and say so to nobody but the
debug log. That is where they are heard, and stopped.
"""

import asyncio
import logging
import urllib.error
from collections.abc import Awaitable, Callable
from typing import TypeVar

from resources.clock import Clock
from resources.tardis.engines import ENGINE_LOGGERS
from resources.venues.wire import Answer, Fault

T = TypeVar("T")
STATUS_PAGE_BYTES = 8192
GRACE = 0.5
"""Seconds for answers that are on their way when an engine fails; it sleeps longer before it asks again."""


class EngineFailed(Exception):
    """An engine's first failure, as an answer of the archive or as the lack of one."""

    def __init__(self, outcome: Answer | Fault) -> None:
        super().__init__(str(outcome))
        self.outcome = outcome


def run(call: Callable[[], Awaitable[T]], clock: Clock) -> T:
    """What an engine returns; raises EngineFailed where it would begin to try again, or gives up."""
    return asyncio.run(_until_failure(call, clock))


async def _until_failure(call: Callable[[], Awaitable[T]], clock: Clock) -> T:
    ear = _Ear(asyncio.get_running_loop())
    work = asyncio.ensure_future(call())
    failed = asyncio.ensure_future(ear.failed.wait())
    for logger in ear.loggers:
        logger.addHandler(ear)
    try:
        await asyncio.wait({work, failed}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({work}, timeout=GRACE if failed.done() else None)
    finally:
        for logger in ear.loggers:
            logger.removeHandler(ear)
        failed.cancel()
        if not work.done():
            work.cancel()
        await asyncio.gather(work, failed, return_exceptions=True)
    error = ear.error or work.exception()
    if error is None:
        return work.result()
    raise EngineFailed(outcome_of(error, clock)) from None  # an engine's error may name the key


class _Ear(logging.Handler):
    """Hears the engine of one event loop say that it will try again."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(logging.DEBUG)
        self.loop, self.failed = loop, asyncio.Event()
        self.error: BaseException | None = None
        self.loggers = [logging.getLogger(name) for name in ENGINE_LOGGERS]
        for logger in self.loggers:
            logger.setLevel(logging.DEBUG)
            logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the first error of this loop's engine; others' are not ours."""
        arguments = record.args if isinstance(record.args, tuple) else ()
        error = next((each for each in arguments if isinstance(each, BaseException)), None)
        if error is None or self.error is not None or asyncio.get_running_loop() is not self.loop:
            return
        self.error = error
        self.failed.set()


def outcome_of(error: BaseException, clock: Clock) -> Answer | Fault:
    """An engine's exception as what came over the wire; raises it when it is none of the wire's."""
    import aiohttp

    if isinstance(error, urllib.error.HTTPError):
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        body = str(error.msg).encode()[:STATUS_PAGE_BYTES]
        return Answer(str(error.url), error.code, headers, body, clock.now())
    if isinstance(error, aiohttp.ClientPayloadError | EOFError):
        return Fault(f"broke off its answer ({type(error).__name__})", damaged=True)
    if isinstance(error, TimeoutError):
        return Fault("did not answer in time")
    if isinstance(error, aiohttp.InvalidURL):
        return Fault(f"cannot be asked like this ({error})", hopeless=True)
    if isinstance(error, aiohttp.ClientError | OSError | KeyError | ValueError):
        known = isinstance(error, aiohttp.ClientError | ConnectionError)
        return Fault(
            f"{'could not be reached' if known else 'gave no usable answer'} ({error})", damaged=not known
        )
    raise error
