"""Formulas of single rows and loops over rows, compiled to machine code when they are first called.

A plain numpy expression walks over its columns once per operation; compiled, it walks once. Operations keep the order
in which they are written and are never fused or reassociated, so a value has the same bits whatever the processor and
wherever a block begins. Machine code is kept between processes (machine_code/kept.py), under a hash of the file that it
is made of and of this one: so what is compiled uses its arguments, numpy and names of its own file, and nothing that is
imported from another one.

No formula lives here, and numba is imported only when a formula runs: loading a code location stays cheap.
"""

import hashlib
from collections.abc import Callable
from functools import update_wrapper
from inspect import signature
from pathlib import Path
from threading import RLock
from types import FunctionType
from typing import Any, Generic, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

P = ParamSpec("P")
R = TypeVar("R")
_COMPILING = RLock()  # blocks run in threads: each function is compiled once


class Kernel(Generic[P, R]):
    """A loop over arrays: called like the function it decorates, and releases the interpreter while it runs."""

    def __init__(self, function: Callable[P, R]) -> None:
        self.function = function
        self._stamp = _stamp_of(function)
        self._compiled: Callable[P, R] | None = None
        update_wrapper(self, function)

    def __call__(self, *columns: P.args, **named: P.kwargs) -> R:
        """What the function says."""
        return (self._compiled or self.compiled())(*columns, **named)

    def compiled(self) -> Callable[P, R]:
        """The machine code, with the kernels of its own file that it calls."""
        with _COMPILING:
            if self._compiled is None:
                self._compiled = _compile(_with_compiled_kernels(self.function), self._stamp)
            return self._compiled


class RowFormula:
    """A function of the numbers of one row, called with columns (M,) float64 and giving a new one."""

    def __init__(self, function: Callable[..., float]) -> None:
        self.function = function
        self._stamp = _stamp_of(function)
        self._compiled: Callable[..., NDArray[np.float64]] | None = None
        update_wrapper(self, function)

    def __call__(self, *columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """The formula of every row; raises ValueError for columns of different lengths."""
        if len({column.size for column in columns}) > 1:
            raise ValueError(f"columns must be of one length, found {[column.size for column in columns]}.")
        return (self._compiled or self.compiled())(*columns)

    def compiled(self) -> Callable[..., NDArray[np.float64]]:
        """The machine code of the loop that calls the formula on each row."""
        with _COMPILING:
            if self._compiled is None:
                self._compiled = _compile(_loop_of(self.function), self._stamp)
            return self._compiled


def kernel(function: Callable[P, R]) -> Kernel[P, R]:
    """Decorator: compile a loop over arrays. Inside, a division by zero gives what numpy gives."""
    return Kernel(function)


def each_row(function: Callable[..., float]) -> RowFormula:
    """Decorator: compile a formula that is written for the numbers of one row."""
    return RowFormula(function)


def _stamp_of(function: Callable[..., Any]) -> str:
    """Hash of the source of a function's file, as it is while that file is imported, and of this one."""
    files = (Path(function.__code__.co_filename), Path(__file__))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _compile(function: Callable[P, R], stamp: str) -> Callable[P, R]:
    import numba

    from pipelines.features.machine_code import kept

    made = numba.njit(nogil=True, error_model="numpy")(function)
    kept.keep(made, stamp)
    compiled: Callable[P, R] = made
    return compiled


def _loop_of(function: Callable[..., float]) -> Callable[..., NDArray[np.float64]]:
    """The loop over as many columns as the function takes, under its name."""
    import numba

    assert isinstance(function, FunctionType)
    formula = numba.njit(error_model="numpy")(function)
    columns, own = list(signature(function).parameters), function.__code__
    text = f"""def loop({", ".join(columns)}):
        out = np.empty({columns[0]}.size)
        for i in range(out.size):
            out[i] = formula({", ".join(f"{column}[i]" for column in columns)})
        return out"""
    names: dict[str, Any] = {"np": np, "formula": formula}
    exec(compile(text, own.co_filename, "exec"), names)
    loop: FunctionType = names["loop"]
    loop.__code__ = loop.__code__.replace(co_firstlineno=own.co_firstlineno)
    loop.__module__, loop.__qualname__ = function.__module__, function.__qualname__
    return loop


def _with_compiled_kernels(function: Callable[P, R]) -> Callable[P, R]:
    """The function with machine code under the names of the kernels that it calls."""
    assert isinstance(function, FunctionType)
    names = {name: function.__globals__.get(name) for name in function.__code__.co_names}
    kernels = {name: found.compiled() for name, found in names.items() if isinstance(found, Kernel)}
    if not kernels:
        return function
    names = {**function.__globals__, **kernels}
    inner = FunctionType(
        function.__code__, names, function.__name__, function.__defaults__, function.__closure__
    )
    made: Callable[P, R] = update_wrapper(inner, function)
    del made.__wrapped__  # type: ignore[attr-defined]  # numba would look through it
    return made
