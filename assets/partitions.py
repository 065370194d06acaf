"""The partitions of every asset and the mappings between them, all made from the settings. No assets here.

Keys start with the symbol or the date because Dagster sorts dimensions by name: `2026-03-01|coinbase.BTC-USD`,
`BTC-USD|1m`, `BTC-USD|seq300`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

import dagster as dg

from pipelines.features.sources import HOUR
from pipelines.market.symbols import Market
from pipelines.market.timeframes import minutes_of
from pipelines.sequences.specs import spec
from pipelines.settings import Settings


@dataclass(frozen=True)
class Partitions:
    """Every partitions definition of one settings file."""

    market_days: dg.MultiPartitionsDefinition  # date x market
    symbols: dg.StaticPartitionsDefinition
    timeframes: dg.StaticPartitionsDefinition
    bars: dg.MultiPartitionsDefinition  # symbol x timeframe
    sequences: dg.MultiPartitionsDefinition  # symbol x window
    windows: dg.StaticPartitionsDefinition
    sessions: dg.StaticPartitionsDefinition
    markets_of: dict[str, tuple[str, ...]]  # symbol -> its markets
    hourly_context: bool  # whether features of shorter bars read hours

    @classmethod
    def of(cls, settings: Settings) -> "Partitions":
        """Partitions of these settings."""
        universe = settings.universe
        symbols = dg.StaticPartitionsDefinition([s.symbol for s in universe.symbols])
        days = dg.DailyPartitionsDefinition(
            start_date=universe.start.isoformat(), end_date=universe.end.isoformat(), fmt="%Y-%m-%d"
        )
        markets = dg.StaticPartitionsDefinition([s.primary for s in universe.symbols])
        timeframes = dg.StaticPartitionsDefinition(list(universe.timeframes))
        windows = dg.StaticPartitionsDefinition(list(universe.windows))
        return cls(
            market_days=dg.MultiPartitionsDefinition({"date": days, "market": markets}),
            symbols=symbols,
            timeframes=timeframes,
            bars=dg.MultiPartitionsDefinition({"symbol": symbols, "timeframe": timeframes}),
            sequences=dg.MultiPartitionsDefinition({"symbol": symbols, "window": windows}),
            windows=windows,
            sessions=dg.StaticPartitionsDefinition([s.name for s in settings.sessions]),
            markets_of={s.symbol: (s.primary,) for s in universe.symbols},
            hourly_context=universe.hourly_context,
        )

    def timeframes_to_bars(self) -> dg.MultiToSingleDimensionPartitionMapping:
        """What exists once a timeframe feeds all its symbols, and all its symbols feed it."""
        return dg.MultiToSingleDimensionPartitionMapping("timeframe")

    def market_days_to_bars(self) -> dg.MultiPartitionMapping:
        """All days of a symbol's markets feed each of its timeframes."""
        return dg.MultiPartitionMapping(
            {
                "market": dg.DimensionPartitionMapping(
                    "symbol",
                    dg.StaticPartitionMapping(
                        {market: symbol for symbol, ms in self.markets_of.items() for market in ms}
                    ),
                ),
                "date": dg.DimensionPartitionMapping("timeframe", dg.AllPartitionMapping()),
            }
        )

    def shorter_or_same_timeframe(self) -> dg.MultiPartitionMapping:
        """Candles feed bars of their own timeframe; minute candles feed every timeframe."""
        return self._timeframes(lambda up, down: up in ("1m", down))

    def read_by_features(self) -> dg.MultiPartitionMapping:
        """Judged bars feed features of their own timeframe; judged hours shorter ones too where the settings say so."""
        shorter = minutes_of(HOUR) if self.hourly_context else 0
        return self._timeframes(lambda up, down: up == down or (up == HOUR and minutes_of(down) < shorter))

    def five_minutes_to_longer(self) -> dg.MultiPartitionMapping:
        """Five-minute candles feed what longer bars take from them."""
        return self._timeframes(lambda up, down: up == "5m" and minutes_of(down) > minutes_of("5m"))

    def bars_to_windows(self) -> dg.MultiPartitionMapping:
        """Features of a timeframe feed the windows that are made of its bars."""
        timeframes = self.bars.get_partitions_def_for_dimension("timeframe").get_partition_keys()
        windows = self.windows.get_partition_keys()
        return dg.MultiPartitionMapping(
            {
                "symbol": dg.DimensionPartitionMapping("symbol", dg.IdentityPartitionMapping()),
                "timeframe": dg.DimensionPartitionMapping(
                    "window",
                    dg.StaticPartitionMapping(
                        {t: [w for w in windows if spec(w).timeframe == t] for t in timeframes}
                    ),
                ),
            }
        )

    def symbols_to_bars(self) -> dg.MultiToSingleDimensionPartitionMapping:
        """What exists once a symbol feeds all its timeframes."""
        return dg.MultiToSingleDimensionPartitionMapping("symbol")

    def _timeframes(self, feeds: Callable[[str, str], bool]) -> dg.MultiPartitionMapping:
        names = self.bars.get_partitions_def_for_dimension("timeframe").get_partition_keys()
        return dg.MultiPartitionMapping(
            {
                "symbol": dg.DimensionPartitionMapping("symbol", dg.IdentityPartitionMapping()),
                "timeframe": dg.DimensionPartitionMapping(
                    "timeframe",
                    dg.StaticPartitionMapping({up: [d for d in names if feeds(up, d)] for up in names}),
                ),
            }
        )


def dimensions(key: str) -> dict[str, str]:
    """Dimensions of one multi-partition key, by name."""
    if not isinstance(key, dg.MultiPartitionKey):
        raise TypeError(f"partition {key!r} has one dimension, two were expected")
    return dict(key.keys_by_dimension)


def days_by_market(keys: Iterable[str]) -> dict[Market, list[date]]:
    """Date x market keys as sorted days of each market (a single-run backfill carries many)."""
    days: dict[Market, list[date]] = {}
    for key in keys:
        parts = dimensions(key)
        days.setdefault(Market.parse(parts["market"]), []).append(date.fromisoformat(parts["date"]))
    return {market: sorted(found) for market, found in sorted(days.items())}
