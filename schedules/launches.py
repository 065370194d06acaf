"""Which runs the road is made of: partitions that the source can fill, in the order they must run. None runs here."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import date

from assets.feature_months import sources_of
from pipelines.errors import MissingData
from pipelines.market.symbols import Market
from pipelines.market.timeframes import length_of
from pipelines.promotion.pointer import slot_of
from pipelines.sequences.specs import spec
from pipelines.settings import Settings
from resources.sources import Source

FIRST, LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@dataclass(frozen=True)
class Launch:
    """One run of a job: a partition, or a range of days of one market."""

    job: str
    partition: str
    until: str | None = None

    @property
    def tags(self) -> dict[str, str]:
        """Tags that make a single run carry the range."""
        return {FIRST: self.partition, LAST: self.until} if self.until else {}

    @property
    def slot(self) -> str:
        """The slot that a `retrain_` launch is about."""
        return slot_of(self.job.removeprefix("retrain_"), self.partition)


def tick_launches(settings: Settings, source: Source) -> list[Launch]:
    """One range per market and unbroken run of days with trades: `ingest_ticks` with books, else `ingest_trades`."""
    launches = []
    for symbol in settings.universe.symbols:
        market = symbol.primary
        days, books = _days(settings, source, market), set(source.book_days(Market.parse(market)))
        for run in unbroken(days, books):
            job = "ingest_ticks" if run[0] in books else "ingest_trades"
            launches.append(Launch(job, f"{run[0]}|{market}", f"{run[-1]}|{market}"))
    return launches


def unbroken(days: Sequence[date], books: Set[date]) -> list[list[date]]:
    """Ascending days cut into runs of consecutive days, all with a book or all without."""
    runs: list[list[date]] = []
    for day in days:
        last = runs[-1][-1] if runs else None
        if last is not None and (day - last).days == 1 and (day in books) == (last in books):
            runs[-1].append(day)
        else:
            runs.append([day])
    return runs


def _days(settings: Settings, source: Source, market: str) -> list[date]:
    """Days of the universe on which the source has ticks of a market."""
    universe = settings.universe
    return [day for day in source.tick_days(Market.parse(market)) if universe.start <= day < universe.end]


def require_every_symbol(settings: Settings, partitions: Sequence[str]) -> None:
    """Raise MissingData for a symbol of the universe that the source has nothing of."""
    with_data = {partition.split("|")[0] for partition in partitions}
    for symbol in settings.universe.symbols:
        if symbol.symbol not in with_data:
            raise MissingData(
                f"universe.symbols: {symbol.symbol} has no ticks of {symbol.primary} from {settings.universe.start} to "
                f"{settings.universe.end} and no candles of {', '.join(settings.universe.timeframes)} in the source, "
                "expected either; declare its files or remove the symbol."
            )


def candle_launches(settings: Settings, source: Source) -> list[Launch]:
    """Every symbol × timeframe whose candles the source has."""
    return [
        Launch("ingest_candles", f"{s.symbol}|{t}")
        for s in settings.universe.symbols
        for t in settings.universe.timeframes
        if source.has_candles(s.symbol, t)
    ]


def funding_launches(settings: Settings, source: Source) -> list[Launch]:
    """Every symbol whose settled funding the source has."""
    return [
        Launch("ingest_funding", s.symbol) for s in settings.universe.symbols if source.has_funding(s.symbol)
    ]


def fill_launches(settings: Settings, source: Source) -> list[Launch]:
    """Every symbol whose fills by wallet the source has."""
    return [
        Launch("ingest_wallet_fills", s.symbol)
        for s in settings.universe.symbols
        if source.has_fills(s.symbol)
    ]


def bar_partitions(settings: Settings, source: Source) -> list[str]:
    """Every symbol × timeframe that the source can make, longer timeframes first: short bars may read longer ones."""
    timeframes = sorted(settings.universe.timeframes, key=length_of, reverse=True)
    return [
        f"{s.symbol}|{t}"
        for s in settings.universe.symbols
        for t in timeframes
        if source.has_candles(s.symbol, t)
        or ("1m" in timeframes and source.has_candles(s.symbol, "1m"))
        or _days(settings, source, s.primary)
    ]


def bar_launches(settings: Settings, source: Source) -> list[Launch]:
    """Bars of those partitions."""
    return [Launch("build_bars", p) for p in bar_partitions(settings, source)]


def breadth_launches(settings: Settings, with_bars: Sequence[str]) -> list[Launch]:
    """The breadth of every timeframe that has bars, where the settings ask for it."""
    there = {partition.rpartition("|")[2] for partition in with_bars}
    sets = settings.universe.feature_sets
    asked = [
        one for one in settings.universe.timeframes if one in there and "breadth" in sources_of(one, sets)
    ]
    return [Launch("build_breadth", one) for one in asked]


def sequence_launches(settings: Settings, with_features: set[str]) -> list[Launch]:
    """Every symbol × window whose bars have features."""
    return [
        Launch("build_sequences", f"{s.symbol}|{w}")
        for s in settings.universe.symbols
        for w in settings.universe.windows
        if f"{s.symbol}|{spec(w).timeframe}" in with_features
    ]


def training_launches(
    settings: Settings, with_features: set[str]
) -> tuple[Sequence[Launch], Sequence[Launch]]:
    """The launches of boosted_trees and of timing."""
    trees = [Launch("retrain_boosted_trees", p) for p in sorted(with_features)]
    return trees, [Launch("retrain_timing", w) for w in settings.universe.windows]


def promotion_launches(judged: Sequence[Launch]) -> list[Launch]:
    """The promotion of each judged launch."""
    return [Launch(one.job.replace("retrain_", "promote_"), one.partition) for one in judged]
