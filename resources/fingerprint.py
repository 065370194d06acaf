"""Which code made a thing: a hash of syntax trees without docstrings. Rewording does not retrain; a constant does.

It reads source files, so it lives with the adapters; what it hashes is pure.
"""

import ast
import hashlib
import importlib.util
from functools import lru_cache
from pathlib import Path


@lru_cache
def fingerprint(*packages: str) -> str:
    """First 16 hex digits of the SHA-256 over the syntax trees of every module of the packages."""
    digest = hashlib.sha256()
    for package in sorted(packages):
        for path in _sources(package):
            digest.update(f"{package}/{path.name}\n".encode())
            digest.update(ast.dump(_bare(ast.parse(path.read_text(encoding="utf-8")))).encode())
    return digest.hexdigest()[:16]


def _sources(package: str) -> list[Path]:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"{package} has no source file to fingerprint")
    origin = Path(found.origin)
    return sorted(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]


def _bare(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
    return tree
