"""Compiled formulas: every digit that the interpreter gives of the same source, and nothing of other files in them."""

import ast
import builtins
import dis
import inspect
import pkgutil
import sys
from importlib import import_module
from pathlib import Path
from types import CodeType

import numpy as np
import pytest

import pipelines.features
from pipelines.features.compiled import Kernel, RowFormula, each_row, kernel

MODULES = [
    import_module(module.name)
    for module in pkgutil.walk_packages(pipelines.features.__path__, "pipelines.features.")
]
COMPILED = {
    f"{module.__name__.rpartition('.')[2]}.{name}": thing
    for module in MODULES
    for name, thing in vars(module).items()
    if isinstance(thing, Kernel | RowFormula) and thing.__module__ == module.__name__
}
FORMULAS = {name: thing for name, thing in COMPILED.items() if isinstance(thing, RowFormula)}
FREE = {"np", *vars(builtins)}


def own_names(path: Path) -> set[str]:
    """Names that a file defines at its top level, constants only when they are made of such names and of Python's."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ImportFrom) and node.module in sys.stdlib_module_names:
            found |= {name.asname or name.name for name in node.names}
        elif isinstance(node, ast.Assign):
            used = {one.id for one in ast.walk(node.value) if isinstance(one, ast.Name)}
            made = {target.id for target in node.targets if isinstance(target, ast.Name)}
            found |= made if used <= found | FREE else set()
    return found


def foreign(function: object) -> set[str]:
    """Names that a function reads and that neither it, nor its file, nor Python, nor numpy defines."""
    assert inspect.isfunction(function)
    read = {name for name in names_in(function.__code__) if name in function.__globals__}
    return read - own_names(Path(function.__code__.co_filename)) - FREE


def names_in(code: CodeType) -> set[str]:
    """Global names that some code reads, comprehensions inside it included."""
    inner = [names_in(part) for part in code.co_consts if isinstance(part, CodeType)]
    own = {str(one.argval) for one in dis.get_instructions(code) if one.opname == "LOAD_GLOBAL"}
    return own.union(*inner)


@pytest.mark.parametrize("name", COMPILED)
def test_nothing_compiled_reads_another_file(name: str) -> None:
    """Machine code is made anew when its own file changes; what came from elsewhere would stay as it was."""
    assert foreign(COMPILED[name].function) == set()


def test_the_law_above_sees_a_name_of_another_file() -> None:
    assert foreign(own_names) == {"ast", "sys", "FREE"}


def test_a_constant_made_of_another_file_s_is_a_name_of_that_file(tmp_path: Path) -> None:
    path = tmp_path / "some.py"
    path.write_text("from math import sqrt\nfrom other import _BARS\n_ROWS = sqrt(20)\n_HALF = _BARS // 2\n")
    assert own_names(path) == {"sqrt", "_ROWS"}


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one length, found \[3, 2\]"):
        FORMULAS["flow._share"](np.ones(3), np.ones(2))


def test_whole_numbers_give_no_whole_results() -> None:
    assert FORMULAS["flow._share"](np.array([1, 3]), np.array([3, 1])).tolist() == [0.25, 0.75]


def odd_numbers(columns: int) -> list[np.ndarray]:
    """Ordinary numbers, zeros, NaN, infinities and pairs that cancel."""
    rng = np.random.default_rng(columns)
    values = rng.normal(0.0, 10.0, (columns, 4000))
    for share, odd in ((0.1, 0.0), (0.02, np.nan), (0.01, np.inf), (0.1, 1.0), (0.05, 2.0)):
        values[rng.random(values.shape) < share] = odd
    return list(values)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_gives_what_the_interpreter_gives(name: str) -> None:
    formula = FORMULAS[name]
    columns = odd_numbers(len(inspect.signature(formula.function).parameters))
    with np.errstate(all="ignore"):
        ours = formula(*columns)
        alone = [
            formula.function(*(np.float64(number) for number in row)) for row in zip(*columns, strict=True)
        ]
    assert ours.dtype == np.float64
    assert np.array_equal(ours, alone, equal_nan=True)  # every digit; which zero a maximum of two is, is open


def test_products_and_sums_are_not_fused() -> None:
    """A fused multiply-add would keep the digits that the product loses."""

    @each_row
    def residue(a: float, b: float, product: float) -> float:
        return a * b - product

    @kernel
    def residues(a: np.ndarray, b: np.ndarray, product: np.ndarray) -> np.ndarray:
        out = np.empty_like(a)
        for i in range(a.size):
            out[i] = a[i] * b[i] - product[i]
        return out

    a, b = np.random.default_rng(1).normal(size=(2, 5000))
    assert (residue(a, b, a * b) == 0.0).all()
    assert (residues(a, b, a * b) == 0.0).all()
