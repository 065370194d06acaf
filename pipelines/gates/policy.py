"""Which gates must pass, which are only shown, and with what thresholds. Gates are declared one file each."""

from dataclasses import dataclass, field

from pipelines.errors import BadSettings
from pipelines.gates.catalogue import gate
from pipelines.gates.declaration import Thresholds


@dataclass(frozen=True)
class GatePolicy:
    """A named choice of gates; UnknownName for one nobody declared, BadSettings when none is required."""

    name: str = "evidence"
    required: tuple[str, ...] = ("G1", "G3", "G6", "G10", "G12", "effective_sample")  # all must pass
    advisory: tuple[str, ...] = ("guide_v5",)  # computed and shown, decide nothing
    thresholds: Thresholds = field(default_factory=Thresholds)

    def __post_init__(self) -> None:
        for name in (*self.required, *self.advisory):
            gate(name)
        if not self.required:
            raise BadSettings(
                f"gate policy {self.name!r} requires no gate and would promote anything: require one."
            )
        twice = set(self.required) & set(self.advisory)
        if twice:
            raise BadSettings(
                f"gates {sorted(twice)} are both required and advisory in {self.name!r}: choose one."
            )
