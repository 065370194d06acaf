"""What a paper session is fed: bars, and forecasts through the very functions that training used. No decisions here.

Waiting for a bar is paper_wait.py.
`starts` is, for every symbol that is fed, the open time of its first undecided bar. A symbol without an obeyed
pointer is fed bars alone, so that what it holds is marked and, in time, closed.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import polars as pl

from assets.beside import BEFORE, beside
from assets.obedience import Obeyed
from assets.tables import optional
from pipelines.features import compute, feature_set
from pipelines.features.sets import features_named
from pipelines.market.calendars import ALWAYS, DAY, closing_sessions
from pipelines.market.schemas import BARS, UTC_US
from pipelines.market.timeframes import GRACE, length_of
from pipelines.sequences.runs import following
from pipelines.sequences.volatility import volatility_bars, with_sigma
from pipelines.settings import Settings
from pipelines.trading.run import FORECAST_COLUMNS
from pipelines.trading.session import SessionConfig
from pipelines.trading.state import State
from resources.lake import Lake

Starts = Mapping[str, datetime]

CLOSED = (
    10  # times as many days hold as many bars of a market that closes: XNYS opens 6.5 hours on 5 days of 7
)
SILENCE = pl.DataFrame(
    schema={
        "symbol": pl.String,
        "open_time": UTC_US,
        **dict.fromkeys(FORECAST_COLUMNS, pl.Float64),
        "bundle": pl.String,
    }
)
"""No forecast."""


def first_undecided(state: State, obeyed: Mapping[str, Obeyed], config: SessionConfig) -> Starts:
    """Open time of the first undecided bar of each symbol that is fed, obeyed or decided before.

    A symbol that was decided before goes on with the next bar, whether or not it still has a pointer; another
    begins with the first bar that its model may trade.
    """
    length = length_of(config.timeframe)
    begun = {b.symbol: moment(b.last_bar) + length for b in state.books if b.last_bar >= 0}
    fresh = {symbol: o.serves_from for symbol, o in obeyed.items()}
    return {symbol: (fresh | begun)[symbol] for symbol in config.symbols if symbol in fresh | begun}


def days_with_bars(lake: Lake, config: SessionConfig, starts: Starts) -> list[datetime]:
    """UTC midnights of the days that hold undecided bars."""
    found: set[datetime] = set()
    for symbol, start in starts.items():
        found |= set(bars_of(lake, config, symbol, start)["open_time"].dt.truncate("1d").unique().to_list())
    return sorted(found)


def day_of(
    lake: Lake,
    settings: Settings,
    config: SessionConfig,
    obeyed: Mapping[str, Obeyed],
    starts: Starts,
    day: datetime,
    end: datetime,
    held: Starts = MappingProxyType({}),
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Undecided bars of [day, end) of every fed symbol, and the forecasts of the obeyed ones.

    held : by symbol the open time from which on its bars are not decided on yet

    History begins a whole number of days before the day, further back than any feature reads, so a restart in its
    middle sees the same numbers as an uninterrupted run and as training, to the last bit.
    """
    bars, forecasts = [pl.DataFrame(schema=BARS | {"symbol": pl.String})], [SILENCE]
    for symbol, start in starts.items():
        known = obeyed.get(symbol)
        history = warm_up(known, config) if known else timedelta(0)
        frame = bars_of(lake, config, symbol, day - history, min(end, held.get(symbol, end)))
        new = frame.filter(pl.col("open_time") >= max(day, start))
        if new.is_empty():
            continue
        bars.append(new.with_columns(symbol=pl.lit(symbol)))
        if known:
            since = max(day, start, known.serves_from)
            told = forecasts_of(
                known, symbol, frame, config, since, read_beside(lake, settings, known, symbol, frame)
            )
            forecasts.append(told.with_columns(bundle=pl.lit(known.pointer.sha256)))
    return pl.concat(bars), pl.concat(forecasts)


def last_usable(config: SessionConfig, now: datetime) -> datetime:
    """The end (exclusive) of the open times that may be decided on at `now`."""
    return now - GRACE - length_of(config.timeframe) + timedelta.resolution


def moment(us: int) -> datetime:
    """A time of the journal (us since 1970) as an aware one."""
    return datetime.fromtimestamp(us / 1e6, UTC)


def bars_of(
    lake: Lake, config: SessionConfig, symbol: str, start: datetime, end: datetime | None = None
) -> pl.DataFrame:
    """Bars of a symbol that open in [start, end), as they are now; no row where there are none."""
    return optional(lake, "bars", {"symbol": symbol, "timeframe": config.timeframe}, BARS, start, end)


def warm_up(known: Obeyed, config: SessionConfig) -> timedelta:
    """Whole days of history that make every feature, σ and window of a day complete."""
    card = known.forecaster.manifest
    bars = (
        feature_set(card.feature_set, card.timeframe).lookback
        + card.bars
        + volatility_bars(card.timeframe, card.horizon)
        + 2
    )
    days = -(-bars * length_of(config.timeframe) // timedelta(days=1)) + 1
    return timedelta(days=days if known.calendar == ALWAYS else CLOSED * days)


def read_beside(
    lake: Lake, settings: Settings, known: Obeyed, symbol: str, bars: pl.DataFrame
) -> dict[str, pl.DataFrame]:
    """What the model's features read beside these bars: the tables that its training read, as they are now.

    A source that is gone leaves its features unknown, so that no forecast is made of them.
    """
    card = known.forecaster.manifest
    sources = {one.source for one in features_named(card.features)} - {"bars"}
    keys = {"symbol": symbol, "timeframe": card.timeframe}
    found = beside(lake, settings, keys, sources, bars["open_time"][0], live=True)
    return found.arguments | found.empty()


def forecasts_of(
    known: Obeyed,
    symbol: str,
    bars: pl.DataFrame,
    config: SessionConfig,
    since: datetime,
    tables: Mapping[str, pl.DataFrame],
) -> pl.DataFrame:
    """Forecasts on the bars of one symbol that open at or after `since`; those before are only their history.

    tables : what features read beside the bars, by the names of compute's arguments
    """
    card = known.forecaster.manifest
    # other tables begin earlier than the bars
    sessions = closing_sessions(known.calendar, bars["open_time"][0] - BEFORE, bars["open_time"][-1] + DAY)
    features = with_sigma(
        compute(bars, config.timeframe, card.features, **tables, sessions=sessions),
        following(bars, config.timeframe, known.calendar),
        config.timeframe,
        card.horizon,
    )
    asked = features.with_columns(sigma=pl.when(pl.col("open_time") >= since).then("sigma"))
    return known.forecaster.forecast({symbol: asked})
