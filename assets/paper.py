"""The paper session as an asset: it reads pointers, bundles and bars, folds the one `step`, and journals every bar.

No pointer, a refused bundle or a bar without features means no order and a stated reason. Nothing here can train.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl

from assets.describe import PAPER_OWNERS
from assets.market import optional
from assets.partitions import Partitions
from pipelines.errors import BadBundle, SessionRefused
from pipelines.features import compute
from pipelines.market.schemas import BARS
from pipelines.market.timeframes import GRACE, length_of
from pipelines.models.forecaster import Forecaster, load
from pipelines.models.recipes import RECIPES
from pipelines.promotion.bundle import Bundle
from pipelines.promotion.pointer import Pointer
from pipelines.sequences.volatility import volatility_bars, with_sigma
from pipelines.settings import SessionSettings, Settings
from pipelines.trading.events import Event
from pipelines.trading.run import feed
from pipelines.trading.session import SessionConfig, step
from pipelines.trading.state import State
from resources.clock import Clock
from resources.journal import Journal
from resources.lake import Lake
from resources.progress import Progress
from resources.registry import Registry

LATE_SHARE = 0.1  # of a bar: an entry decided later than this after the close is not taken
LATE_LEAST = timedelta(seconds=5)
CHUNK = 500  # bars in a transaction of a replay; a kill loses whole transactions, never half of one


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


def build(p: Partitions) -> list[dg.AssetsDefinition]:
    """The assets of the paper location."""

    @dg.asset(
        partitions_def=p.sessions,
        deps=[
            *(
                dg.AssetDep(dg.AssetKey(["promoted", r]), partition_mapping=dg.AllPartitionMapping())
                for r in RECIPES
            ),
            dg.AssetDep("bars", partition_mapping=dg.AllPartitionMapping()),
        ],
        group_name="paper",
        owners=PAPER_OWNERS,
        kinds={"sqlite"},
        description="Decisions, fills and equity of one paper trader up to the last bar; exactly one decision a bar.",
    )
    def paper_session(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        registry: dg.ResourceParam[Registry],
        journals: dg.ResourceParam[Path],
        settings: dg.ResourceParam[Settings],
        clock: dg.ResourceParam[Clock],
        progress: dg.ResourceParam[Progress],
    ) -> dg.MaterializeResult:
        session = settings.session(context.partition_key)
        obeyed, reasons = obey(registry, session)
        if not obeyed:
            return dg.MaterializeResult(
                metadata={"status": "no order", "reasons": dg.MetadataValue.json(reasons)}
            )
        config = config_of(session, obeyed, settings)
        with Journal(journals / f"{session.name}.db", config) as journal:
            written = trade(journal, config, session, lake, obeyed, clock, progress)
            return _described(journal, written, reasons)

    return [paper_session]


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


def config_of(session: SessionSettings, obeyed: Mapping[str, Obeyed], settings: Settings) -> SessionConfig:
    """The session's terms; raises SessionRefused when its bundles look different distances ahead."""
    horizons = {symbol: o.forecaster.manifest.horizon for symbol, o in obeyed.items()}
    if len(set(horizons.values())) > 1:
        raise SessionRefused(
            f"session {session.name!r}: bundles must share one horizon, found {horizons} bars; "
            "trade them in two sessions."
        )
    return SessionConfig(
        session.name,
        session.symbols,
        session.timeframe,
        next(iter(horizons.values())),
        capital=session.capital,
        max_position=session.max_position,
        costs=settings.costs,
        margin=session.margin,
    )


def trade(
    journal: Journal,
    config: SessionConfig,
    session: SessionSettings,
    lake: Lake,
    obeyed: Mapping[str, Obeyed],
    clock: Clock,
    progress: Progress,
) -> int:
    """Decide every bar that has not been decided, journal it; returns how many were new."""
    now = _us(clock.now())
    for o in obeyed.values():
        journal.record_model(
            now, o.slot, o.pointer.sha256, o.pointer.generation, True, "golden example replayed"
        )
    since = first_undecided(journal.restore(), obeyed, config)
    chunk = CHUNK if session.mode == "replay" else 1
    late_by = clock if session.mode == "follow" else None
    written = 0
    for day in progress.track(_days(lake, config, obeyed, since), f"paper session {config.name}"):
        bars, forecasts = day_of(lake, config, obeyed, max(day, since), day + timedelta(days=1))
        if not bars.is_empty():
            steps = decide(journal.restore(), bars, forecasts, config, late_by)
            written += journal.append_many(steps, chunk)
    return written


def first_undecided(state: State, obeyed: Mapping[str, Obeyed], config: SessionConfig) -> datetime:
    """Open time of the earliest bar that some obeyed symbol has not decided; from the first its model may trade.

    The earliest of the symbols, because a killed transaction may have ended between two symbols of one minute; a
    bar that was decided already passes through `step` without a second decision.
    """
    last = {book.symbol: book.last_bar for book in state.books}
    return min(
        o.serves_from if last[symbol] < 0 else _moment(last[symbol]) + length_of(config.timeframe)
        for symbol, o in obeyed.items()
    )


def decide(
    state: State, bars: pl.DataFrame, forecasts: pl.DataFrame, config: SessionConfig, clock: Clock | None
) -> Iterator[tuple[Event, ...]]:
    """The events of each bar; with a clock, a bar that comes too late is marked so that it enters nothing."""
    for bar, forecast in feed(bars, forecasts, config):
        late = clock is not None and is_late(bar.open_time, config, clock.now())
        state, events = step(state, bar._replace(late=late), forecast, config)
        yield events


def is_late(open_time_us: int, config: SessionConfig, now: datetime) -> bool:
    """Whether a decision on this bar comes too late for an entry: older than max(10 % of a bar, 5 s) past usable."""
    length = length_of(config.timeframe)
    usable = _moment(open_time_us) + length + GRACE
    return now - usable > max(LATE_SHARE * length, LATE_LEAST)


def _us(moment: datetime) -> int:
    return int(moment.timestamp() * 1e6)


def _moment(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1e6, UTC)


def _days(lake: Lake, config: SessionConfig, obeyed: Mapping[str, Obeyed], since: datetime) -> list[datetime]:
    """UTC midnights of the days that hold bars at or after `since`."""
    found: set[datetime] = set()
    for symbol in obeyed:
        times = optional(lake, "bars", {"symbol": symbol, "timeframe": config.timeframe}, BARS, since)[
            "open_time"
        ]
        found |= set(times.dt.truncate("1d").unique().to_list())
    return sorted(found)


def day_of(
    lake: Lake, config: SessionConfig, obeyed: Mapping[str, Obeyed], start: datetime, end: datetime
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bars of [start, end) of every obeyed symbol, and their forecasts.

    History always begins a fixed whole number of days before the day, so a restart in its middle sees the same
    numbers as an uninterrupted run, to the last bit of the exponential averages' state.
    """
    bars, forecasts = [], []
    for symbol, o in obeyed.items():
        history = warm_up(o.forecaster, config)
        day = start.replace(hour=0, minute=0, second=0, microsecond=0)
        frame = lake.read("bars", {"symbol": symbol, "timeframe": config.timeframe}, day - history, end)
        told = forecasts_of(o.forecaster, symbol, frame, config)
        bars.append(frame.filter(pl.col("open_time") >= start).with_columns(symbol=pl.lit(symbol)))
        forecasts.append(
            told.with_columns(bundle=pl.lit(o.pointer.sha256)).filter(
                pl.col("open_time") >= max(start, o.serves_from)
            )
        )
    return pl.concat(bars), pl.concat(forecasts)


def warm_up(forecaster: Forecaster, config: SessionConfig) -> timedelta:
    """Whole days of history that make every feature, σ and window of a day complete."""
    card = forecaster.manifest
    bars = LOOKBACK_BARS + card.bars + volatility_bars(card.timeframe, card.horizon) + 2
    return timedelta(days=-(-bars * length_of(config.timeframe) // timedelta(days=1)) + 1)


LOOKBACK_BARS = 276  # of v4 and v5: FEATURES.md


def forecasts_of(
    forecaster: Forecaster, symbol: str, bars: pl.DataFrame, config: SessionConfig
) -> pl.DataFrame:
    """Forecasts on the bars of one symbol, through the very functions that training used."""
    card = forecaster.manifest
    features = compute(bars, config.timeframe, card.features)
    return forecaster.forecast({symbol: with_sigma(features, bars, config.timeframe, card.horizon)})


def _described(journal: Journal, written: int, reasons: dict[str, str]) -> dg.MaterializeResult:
    equity, fills = journal.equity(), journal.fills()
    debit, credit = journal.trial_balance()
    return dg.MaterializeResult(
        metadata={
            "status": "trading",
            "new_bars": written,
            "decisions": journal.decisions().height,
            "fills": fills.height,
            "bars": equity.height,
            "ledger_balances": debit == credit,
            "reasons": dg.MetadataValue.json(reasons),
        }
    )
