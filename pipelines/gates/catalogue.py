"""Finds every gate: each module here that declares GATE. A new gate is a new file, listed nowhere."""

import pkgutil
from functools import cache
from importlib import import_module

from pipelines import gates
from pipelines.errors import UnknownName
from pipelines.gates.declaration import Gate


@cache
def catalogue() -> dict[str, Gate]:
    """Gates by name, in order of their file names."""
    modules = [
        import_module(f"{gates.__name__}.{found.name}")
        for found in sorted(pkgutil.iter_modules(gates.__path__), key=lambda found: found.name)
    ]
    declared = [module.GATE for module in modules if hasattr(module, "GATE")]
    return {gate.name: gate for gate in declared}


def gate(name: str) -> Gate:
    """The gate of that name; raises UnknownName."""
    known = catalogue()
    if name not in known:
        raise UnknownName(
            f"gate {name!r} is not declared: expected one of {', '.join(known)}; correct the policy."
        )
    return known[name]
