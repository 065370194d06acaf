"""Which pointers a paper session may obey, and why not the others. Trading itself is paper.py."""

from dataclasses import dataclass
from datetime import datetime

from pipelines.errors import BadBundle
from pipelines.models.forecaster import Forecaster, load
from pipelines.promotion.bundle import Bundle
from pipelines.promotion.pointer import Pointer
from pipelines.settings import SessionSettings
from resources.registry import Registry


@dataclass(frozen=True)
class Obeyed:
    """A pointer whose bundle passed every check, ready to forecast one symbol."""

    slot: str
    pointer: Pointer
    forecaster: Forecaster

    @property
    def serves_from(self) -> datetime:
        """No bar before this is traded: the model was fitted on it, or promoted for how it did on it."""
        seen = (self.forecaster.manifest.training_end, self.pointer.training_meta["evidence_end"])
        return max(datetime.fromisoformat(moment) for moment in seen)


def obey(registry: Registry, session: SessionSettings) -> tuple[dict[str, Obeyed], dict[str, str]]:
    """The usable pointers by symbol, and for every other symbol the reason why nothing is traded on it."""
    obeyed: dict[str, Obeyed] = {}
    reasons: dict[str, str] = {}
    for symbol in session.symbols:
        slot = session.slot_for(symbol)
        found, notes = registry.read(slot)
        if found is None:
            reasons[symbol] = (
                " ".join(notes) or f"no pointer at {slot}: nothing was promoted, so nothing is traded"
            )
            continue
        try:
            obeyed[symbol] = Obeyed(slot, found, _forecaster(registry, found, symbol, session.timeframe))
        except BadBundle as refused:
            reasons[symbol] = str(refused)
    return obeyed, reasons


def _forecaster(registry: Registry, pointer: Pointer, symbol: str, timeframe: str) -> Forecaster:
    """The forecaster behind a pointer, after every hash, the golden example, the timeframe and the symbol agree."""
    found = load(Bundle.from_files(registry.load(pointer.sha256), pointer.sha256))
    card = found.manifest
    if card.timeframe != timeframe:
        raise BadBundle(
            f"bundle {pointer.sha256[:12]}: timeframe must be {timeframe}, found {card.timeframe}; "
            "promote the right one."
        )
    if symbol not in card.symbols:
        raise BadBundle(
            f"bundle {pointer.sha256[:12]}: symbols must include {symbol}, found {', '.join(card.symbols)}; "
            "promote the right one."
        )
    return found
