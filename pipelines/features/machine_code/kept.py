"""Machine code on disk, found again only by the very source that it was made of.

numba's own cache asks when a file was last changed, at the moment of the first call: a process that was started before
an update and computes after it would leave old code under the new file's name for good. Here the name of the code
holds a hash of the source as it was when the function was defined. A damaged file is made anew and one that cannot be
written is done without, both with a word in the log. The files are numba's (pickle), trusted as the .pyc beside them.
"""

import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba
from numba.core import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache

_LOG = logging.getLogger(__name__)


def keep(dispatcher: Any, stamp: str) -> None:
    """Let a compiled function look for its code on disk and leave it there; `stamp`: of the source it is made of."""
    source = Path(dispatcher.py_func.__code__.co_filename)
    folder = next((one for one in _folders(source) if _is_writable(one)), None)
    if folder is None:
        _LOG.warning("no folder to keep machine code in: %s is compiled anew by every process", source.name)
        return
    options = (stamp, numba.__version__, config.BOUNDSCHECK, config.OPT)  # what numba's own key leaves out
    name = hashlib.sha256(repr(options).encode()).hexdigest()
    dispatcher._cache = _Kept(dispatcher.py_func, _Place(folder, name))


class _Place:
    """Where the code of a function lies, as numba asks for it."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name

    def get_cache_path(self) -> str:
        return str(self._folder)

    def get_source_stamp(self) -> str:
        return self._name

    def get_disambiguator(self) -> str:
        return self._name[:16]

    def ensure_cache_path(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)


class _Kept(FunctionCache):  # type: ignore[misc]  # numba has no types
    """numba's cache at a place of ours, which no damaged or full disk stops."""

    def __init__(self, function: Any, place: _Place) -> None:
        self._impl_class = lambda py_func: _Result(py_func, place)
        super().__init__(function)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # damaged bytes raise anything
            _LOG.warning("machine code of %s is damaged (%r): it is compiled again", self._name, error)
            self._try(self.flush)
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        self._try(lambda: super(_Kept, self).save_overload(sig, data))

    def _try(self, write: Any) -> None:
        try:
            write()
        except OSError as error:
            _LOG.warning(
                "machine code of %s cannot be kept (%s): it will be compiled again", self._name, error
            )


class _Result(CompileResultCacheImpl):  # type: ignore[misc]  # numba has no types
    """What is kept of a compiled function, under a name that holds the place's."""

    def __init__(self, function: Any, place: _Place) -> None:
        self._lineno = function.__code__.co_firstlineno
        self._locator = place
        module = Path(function.__code__.co_filename).stem
        self._filename_base = self.get_filename_base(f"{module}.{function.__qualname__}", "")


def _folders(source: Path) -> Iterator[Path]:
    if config.CACHE_DIR:  # NUMBA_CACHE_DIR
        yield Path(config.CACHE_DIR)
        return
    yield source.parent / "__pycache__"
    home = os.path.expanduser("~")  # noqa: PTH111  # Path.home() raises where there is none
    yield Path(home) / ".cache" / "tidemark"


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True
