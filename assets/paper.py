"""The paper session as an asset: it reads pointers, bundles and bars, folds the one `step`, and journals every bar.

No pointer, a refused bundle or a bar without features means no entry and a stated reason; a symbol that was traded
before is still fed its bars, so that what it holds is marked and closed. Nothing here can train.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl

from assets.describe import PAPER_OWNERS
from assets.obedience import Obeyed, obey
from assets.paper_feed import day_of, days_with_bars, first_undecided, last_usable, moment
from assets.paper_wait import await_bar, awaiting_its_hour
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
from resources.journal import Journal, stored_terms
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
        path = journals / f"{session.name}.db"
        terms = stored_terms(path)
        horizon = None if terms is None else int(terms["horizon"])
        obeyed, reasons = obey(
            registry, session, horizon, {s.symbol: s.calendar for s in settings.universe.symbols}
        )
        if not obeyed and horizon is None:
            return dg.MaterializeResult(
                metadata={"status": "no order", "new_bars": 0, "reasons": dg.MetadataValue.json(reasons)}
            )
        config = config_of(session, obeyed, settings, horizon)
        with Journal(path, config) as journal:
            written = trade(journal, config, settings, lake, obeyed, clock, progress)
            return _described(journal, status(session, obeyed, written), written, reasons)

    return [paper_session]


def config_of(
    session: SessionSettings, obeyed: Mapping[str, Obeyed], settings: Settings, horizon: int | None = None
) -> SessionConfig:
    """The session's terms; raises SessionRefused when its bundles look different distances ahead.

    `horizon`: bars ahead as in the session's journal; a session that has none yet takes that of its bundles.
    """
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
        next(iter(horizons.values())) if horizon is None else horizon,
        capital=session.capital,
        max_position=session.max_position,
        costs=settings.costs,
        margin=session.margin,
    )


def trade(
    journal: Journal,
    config: SessionConfig,
    settings: Settings,
    lake: Lake,
    obeyed: Mapping[str, Obeyed],
    clock: Clock,
    progress: Progress,
) -> int:
    """Decide every bar that has not been decided, journal it; returns how many were new.

    A session that follows then waits for the bar that is due, as `await_bar` says.
    """
    now = _us(clock.now())
    for o in obeyed.values():
        journal.record_model(
            now, o.slot, o.pointer.sha256, o.pointer.generation, True, "golden example replayed"
        )
    written = catch_up(journal, config, settings, lake, obeyed, clock, progress)
    while settings.session(config.name).mode == "follow" and await_bar(
        lake, config, first_undecided(journal.restore(), obeyed, config), obeyed, clock
    ):
        written += catch_up(journal, config, settings, lake, obeyed, clock, progress)
    return written


def catch_up(
    journal: Journal,
    config: SessionConfig,
    settings: Settings,
    lake: Lake,
    obeyed: Mapping[str, Obeyed],
    clock: Clock,
    progress: Progress,
) -> int:
    """Decide every bar in the lake that has not been decided; when following, only those usable now and complete."""
    follows = settings.session(config.name).mode == "follow"
    now = clock.now()
    end = last_usable(config, now) if follows else None
    held = awaiting_its_hour(lake, config, obeyed, now) if follows else {}
    starts = first_undecided(journal.restore(), obeyed, config)
    written = 0
    for day in progress.track(days_with_bars(lake, config, starts), f"paper session {config.name}"):
        next_day = day + timedelta(days=1)
        until = min(next_day, end or next_day)
        bars, forecasts = day_of(lake, settings, config, obeyed, starts, day, until, held)
        if not bars.is_empty():
            steps = decide(journal.restore(), bars, forecasts, config, clock if follows else None)
            written += journal.append_many(steps, 1 if follows else CHUNK)
    return written


def status(session: SessionSettings, obeyed: Mapping[str, Obeyed], written: int) -> str:
    """What the run did, in words.

    `no entry`: no pointer is obeyed, bars only mark and close what is held. `no new bar`: the session follows and
    none came in time.
    """
    if session.mode == "follow" and not written:
        return "no new bar"
    return "trading" if obeyed else "no entry"


def decide(
    state: State, bars: pl.DataFrame, forecasts: pl.DataFrame, config: SessionConfig, clock: Clock | None
) -> Iterator[tuple[Event, ...]]:
    """The events of each bar; with a clock, a bar that comes too late is marked so that it enters nothing."""
    length = length_of(config.timeframe)
    for bar, forecast in feed(bars, forecasts, config):
        late = clock is not None and is_late(moment(bar.open_time), length, clock.now())
        state, events = step(state, bar._replace(late=late), forecast, config)
        yield events


def _us(moment: datetime) -> int:
    return int(moment.timestamp() * 1e6)


def _described(journal: Journal, said: str, written: int, reasons: dict[str, str]) -> dg.MaterializeResult:
    equity, fills = journal.equity(), journal.fills()
    debit, credit = journal.trial_balance()
    return dg.MaterializeResult(
        metadata={
            "status": said,
            "new_bars": written,
            "decisions": journal.decisions().height,
            "fills": fills.height,
            "bars": equity.height,
            "ledger_balances": debit == credit,
            "reasons": dg.MetadataValue.json(reasons),
        }
    )
