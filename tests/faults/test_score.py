"""The score of the fault taxonomy: one certificate for each of F1 to F30, and the README says no more than that."""

import ast
import re
from collections import Counter
from pathlib import Path

from tests.faults.open import OPEN_TRADER_SIDE

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]


def certificates() -> Counter[int]:
    """How many test functions are named after each fault, read from the sources without running them."""
    names = [
        node.name
        for path in sorted(FOLDER.glob("test_f*.py"))
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return Counter(int(found[1]) for name in names if (found := re.match(r"test_f(\d\d)_", name)))


def test_every_fault_has_exactly_one_certificate() -> None:
    assert certificates() == dict.fromkeys(range(1, 31), 1)


def test_no_certificate_may_be_skipped() -> None:
    """A certificate that is skipped or expected to fail certifies nothing."""
    excuses = re.compile(r"\b(mark|pytest)\.(skip|skipif|xfail|importorskip)\b")
    excused = [
        path.name for path in FOLDER.glob("test_f*.py") if excuses.search(path.read_text(encoding="utf-8"))
    ]
    assert excused == []


def test_the_readme_states_the_score() -> None:
    assert re.search(r"\b30 of 30\b", (ROOT / "README.md").read_text(encoding="utf-8"))


def test_what_is_left_to_the_trader_is_said_of_faults_that_exist() -> None:
    assert set(OPEN_TRADER_SIDE) <= {f"F{number}" for number in certificates()}
    assert all(sentence.endswith(".") for sentence in OPEN_TRADER_SIDE.values())
