"""A world is one folder and the one market that made it: two markets never share a lake, a pointer or a journal."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.errors import BadSettings
from resources.registry import durable

NAME = "MARKET.json"


def claim(root: Path, market: Mapping[str, Any]) -> None:
    """Mark a world as made from this market, or check that it is; `market` is JSON-able.

    Raises BadSettings naming the first setting that differs: whoever changes the market changes the world.
    """
    path = root / NAME
    if not path.exists():
        durable.make_folder(root)
        durable.replace(path, json.dumps(market, sort_keys=True, indent=1).encode())
        return
    stored = json.loads(durable.read(path))
    for name in sorted(stored.keys() | market.keys()):
        if stored.get(name) != market.get(name):
            raise BadSettings(
                f"world {root} was made with source.synthetic.{name} = {stored.get(name)!r}, found "
                f"{market.get(name)!r}: choose another paths.root for another market, or remove the world."
            )
