"""The faults that the venue can play, by number, and which of them touch a given request.

What each does to an answer is in faults_wire.py, faults_bars.py, faults_trades.py and faults_tardis.py.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.venue.fault_table import COMMON, FAULTS
from tests.venue.wire import Seen

__all__ = ["FAULTS", "Fault", "Playing", "hook"]
Hook = Callable[..., Any]
HOOKS: dict[tuple[str, str], Hook] = {}


def hook(stage: str, *names: str) -> Callable[[Hook], Hook]:
    """Register what faults do at a stage of an answer."""

    def register(function: Hook) -> Hook:
        for name in names:
            HOOKS[stage, name] = function
        return function

    return register


@dataclass
class Fault:
    """One fault being played."""

    name: str
    venue: str | None
    kind: str | None
    symbol: str | None
    match: str | None
    times: int | None
    after: int
    args: dict[str, Any]
    played: int = 0
    memory: dict[Any, Any] = field(default_factory=dict)
    """What a fault remembers between requests."""

    def __getitem__(self, name: str) -> Any:
        return self.args[name]

    def covers(self, seen: Seen) -> bool:
        """Whether this fault is meant for a request."""
        return (
            self.venue in (None, seen.venue)
            and (self.kind is None or seen.kind in self.kind.split("|"))
            and (self.match is None or self.match in seen.text)
        )

    def about(self, symbol: str | None) -> bool:
        """Whether this fault is meant for a symbol, under its old or its new name."""
        return None in (self.symbol, symbol) or symbol in (self.symbol, self.args.get("becomes"))


class Playing:
    """All faults being played; safe to use from many threads."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.lock = threading.Lock()

    def play(self, name: str, **args: Any) -> Fault:
        """Start a fault; raises ValueError for one or an argument that FAULTS does not have."""
        if name not in FAULTS:
            raise ValueError(f"fault {name!r} is not known: expected one of {', '.join(FAULTS)}")
        spec = FAULTS[name]
        unknown = set(args) - set(spec.args) - set(COMMON)
        if unknown:
            raise ValueError(
                f"fault {name} has no argument {', '.join(sorted(unknown))}: "
                f"expected {', '.join([*spec.args, *COMMON])}"
            )
        common = {
            **COMMON,
            "times": spec.times,
            "kind": spec.kind,
            **{k: args[k] for k in COMMON if k in args},
        }
        fault = Fault(name, **common, args={**spec.args, **{k: v for k, v in args.items() if k in spec.args}})
        with self.lock:
            self.faults.append(fault)
        return fault

    def stop(self, fault: Fault | None = None) -> None:
        """Stop one fault, or all."""
        with self.lock:
            self.faults = [each for each in self.faults if fault is not None and each is not fault]

    def apply(
        self, stage: str, seen: Seen, taken: dict[int, bool], value: Any, symbol: str | None, *rest: Any
    ) -> Any:
        """The value after every fault of this stage that is meant for the request; `taken` is the request's memory."""
        with self.lock:
            faults = list(self.faults)
        for fault in faults:
            act = HOOKS.get((stage, fault.name))
            if act is None or not fault.covers(seen) or not fault.about(symbol):
                continue
            if id(fault) not in taken:
                taken[id(fault)] = self._take(fault)
            if taken[id(fault)]:
                value = act(fault, value, *rest)
                if fault.name not in seen.faults:
                    seen.faults.append(fault.name)
        return value

    def _take(self, fault: Fault) -> bool:
        with self.lock:
            if fault.after > 0:
                fault.after -= 1
                return False
            if fault.times is not None and fault.played >= fault.times:
                return False
            fault.played += 1
            return True
