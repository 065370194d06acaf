"""Formulas of single rows and loops over rows, compiled to machine code when they are first called.

A plain numpy expression walks over its columns once per operation; compiled, it walks once. Operations keep the order
in which they are written and are never fused or reassociated, so a value has the same bits whatever the processor and
wherever a block begins. Machine code is kept beside the source (`__pycache__`) and made anew when that file changes:
so what is compiled here uses its arguments, numpy and names of its own file, and nothing imported from another one.

No formula lives here, and numba is imported only when a formula runs: loading a code location stays cheap.
"""

from collections.abc import Callable
from functools import update_wrapper
from inspect import signature
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
        self._compiled: Callable[P, R] | None = None
        update_wrapper(self, function)

    def __call__(self, *columns: P.args, **named: P.kwargs) -> R:
        """What the function says."""
        return (self._compiled or self.compiled())(*columns, **named)

    def compiled(self) -> Callable[P, R]:
        """The machine code, with the kernels of its own file that it calls."""
        import numba

        with _COMPILING:
            if self._compiled is None:
                inner = _with_compiled_kernels(self.function)
                self._compiled = numba.njit(nogil=True, cache=True, error_model="numpy")(inner)
            return self._compiled


class RowFormula:
    """A function of the numbers of one row, called with columns (M,) float64 and giving a new one."""

    def __init__(self, function: Callable[..., float]) -> None:
        self.function = function
        self._compiled: Callable[..., NDArray[np.float64]] | None = None
        update_wrapper(self, function)

    def __call__(self, *columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """The formula of every row."""
        return (self._compiled or self.compiled())(*columns)

    def compiled(self) -> Callable[..., NDArray[np.float64]]:
        """The machine code of the loop that calls the formula on each row."""
        import numba

        with _COMPILING:
            if self._compiled is None:
                formula = numba.njit(error_model="numpy")(self.function)
                self._compiled = numba.njit(nogil=True, cache=True, error_model="numpy")(
                    _loop_of(self.function, formula)
                )
            return self._compiled


def kernel(function: Callable[P, R]) -> Kernel[P, R]:
    """Decorator: compile a loop over arrays. Inside, a division by zero gives what numpy gives."""
    return Kernel(function)


def each_row(function: Callable[..., float]) -> RowFormula:
    """Decorator: compile a formula that is written for the numbers of one row."""
    return RowFormula(function)


def _loop_of(function: Callable[..., float], formula: object) -> FunctionType:
    """The loop over as many columns as the function takes, in its place: there numba keeps the machine code."""
    assert isinstance(function, FunctionType)
    columns, own = list(signature(function).parameters), function.__code__
    text = f"""def loop({", ".join(columns)}):
        out = np.empty_like({columns[0]})
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
    inner = FunctionType(function.__code__, {**function.__globals__, **kernels}, function.__name__)
    made: Callable[P, R] = update_wrapper(inner, function)
    del made.__wrapped__  # type: ignore[attr-defined]  # numba would look through it
    return made
