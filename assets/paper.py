"""The paper session as an asset: it reads pointers, bundles and bars, folds the one `step`, and journals every bar.

No pointer, a refused bundle or a bar without features means no order and a stated reason. Nothing here can train.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl

from assets.describe import PAPER_OWNERS
from assets.obedience import Obeyed, obey
from assets.paper_feed import day_of, days_with_bars
from assets.partitions import Partitions
from pipelines.errors import SessionRefused
from pipelines.market.timeframes import length_of
from pipelines.models.recipes import RECIPES
from pipelines.settings import SessionSettings, Settings
from pipelines.trading.events import Event
from pipelines.trading.lateness import is_late
from pipelines.trading.run import feed
from pipelines.trading.session import SessionConfig, step
from pipelines.trading.state import State
from resources.clock import Clock
from resources.journal import Journal
from resources.lake import Lake
from resources.progress import Progress
from resources.registry import Registry

CHUNK = 500  # bars in a transaction of a replay; a kill loses whole transactions, never half of one


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
    for day in progress.track(days_with_bars(lake, config, obeyed, since), f"paper session {config.name}"):
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
    length = length_of(config.timeframe)
    for bar, forecast in feed(bars, forecasts, config):
        late = clock is not None and is_late(_moment(bar.open_time), length, clock.now())
        state, events = step(state, bar._replace(late=late), forecast, config)
        yield events


def _us(moment: datetime) -> int:
    return int(moment.timestamp() * 1e6)


def _moment(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1e6, UTC)


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
