"""Which pointers a paper session may obey, and why not the others. Trading itself is paper.py."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pipelines.errors import BadBundle, UnknownName
from pipelines.market.calendars import ALWAYS
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
    calendar: str = ALWAYS  # of the symbol's market

    @property
    def serves_from(self) -> datetime:
        """No bar before this is traded: the model was fitted on it, or promoted for how it did on it."""
        seen = (self.forecaster.manifest.training_end, self.pointer.training_meta["evidence_end"])
        return max(datetime.fromisoformat(moment) for moment in seen)


def obey(
    registry: Registry,
    session: SessionSettings,
    horizon: int | None = None,
    calendars: Mapping[str, str] | None = None,
) -> tuple[dict[str, Obeyed], dict[str, str]]:
    """The usable pointers by symbol; and by symbol why there is none, or what was wrong on the way to it.

    `horizon`: bars that a bundle must look ahead, when the session has a journal that says so already.
    `calendars`: of the symbols whose market closes.
    """
    obeyed: dict[str, Obeyed] = {}
    reasons: dict[str, str] = {}
    for symbol in session.symbols:
        slot = session.slot_for(symbol)
        found, notes = registry.read(slot)
        said = list(notes)
        if found is None:
            said = said or [f"no pointer at {slot}: nothing was promoted, so nothing is traded"]
        else:
            try:
                forecaster = _forecaster(registry, found, symbol, session.timeframe, horizon)
                obeyed[symbol] = Obeyed(slot, found, forecaster, (calendars or {}).get(symbol, ALWAYS))
            except (BadBundle, UnknownName) as refused:  # the latter: a feature set that this code has not
                said.append(str(refused))
        if said:
            reasons[symbol] = " ".join(said)
    return obeyed, reasons


def _forecaster(
    registry: Registry, pointer: Pointer, symbol: str, timeframe: str, horizon: int | None
) -> Forecaster:
    """The forecaster behind a pointer, after hashes, golden example, timeframe, symbol and horizon agree."""
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
    if horizon not in (None, card.horizon):
        raise BadBundle(
            f"bundle {pointer.sha256[:12]}: horizon must be {horizon} bars as in the session's journal, found "
            f"{card.horizon}; trade it in a session of another name."
        )
    return found
