"""What the lake and the source hold, as plain rows for the report's data section. How it is shown: report_data.

The sentences about null columns come from pipelines.evaluation.null_reasons; nothing is judged here.
"""

from datetime import date
from typing import Any

import polars as pl

from pipelines.evaluation.null_reasons import null_reasons, origins
from pipelines.features import best_set
from pipelines.market.bars import quality
from pipelines.market.recorder_clock import trusts_local_time
from pipelines.market.symbols import Market
from pipelines.settings import Settings
from resources.lake import Lake
from resources.sources import Source

Notes = list[tuple[str, str]]


def data_tables(settings: Settings, lake: Lake) -> list[dict[str, Any]]:
    """One row per symbol and timeframe that has bars, as `report_data.data_section` reads them."""
    return [
        _table(lake, {"symbol": s.symbol, "timeframe": timeframe})
        for s in settings.universe.symbols
        for timeframe in settings.universe.timeframes
        if lake.exists("features", {"symbol": s.symbol, "timeframe": timeframe})
    ]


def _table(lake: Lake, keys: dict[str, str]) -> dict[str, Any]:
    bars, features = lake.read("bars", keys), lake.read("features", keys)
    found = quality(bars, keys["timeframe"])
    return {
        **keys,
        "rows": found.rows,
        "first": f"{bars['open_time'][0]:%Y-%m-%d %H:%M}",
        "last": f"{bars['open_time'][-1]:%Y-%m-%d %H:%M}",
        "gaps": found.gaps,
        "missing": found.missing,
        "longest_gap": found.longest_gap,
        "origins": origins(bars),
        "features": best_set(features).name,
        "funding": _funding(lake, keys["symbol"]),
        "nulls": null_reasons(features, bars, keys["timeframe"]),
    }


def _funding(lake: Lake, symbol: str) -> str:
    if not lake.exists("funding", {"symbol": symbol}):
        return "none"
    seen = lake.fingerprint("funding", {"symbol": symbol})
    return f"{seen.rows:,} payments, {seen.first:%Y-%m-%d} to {seen.last:%Y-%m-%d}"


def data_notes(settings: Settings, source: Source, lake: Lake) -> Notes:
    """Subject and sentence: recordings and their clocks, rows set aside, files that no entry claims."""
    notes: Notes = []
    for symbol in settings.universe.symbols:
        notes += _recording(settings, source, lake, Market.parse(symbol.primary))
    return [*notes, *_quarantined(lake), *_ignored(settings, source)]


def _recording(settings: Settings, source: Source, lake: Lake, market: Market) -> Notes:
    """Of one market's ticks: days outside the universe, span and counts of the minutes, the recorder's clock."""
    universe, keys = settings.universe, {"market": str(market)}
    outside = [day for day in source.tick_days(market) if not universe.start <= day < universe.end]
    notes = (
        [(str(market), f"ticks of {len(outside)} days outside the universe were not read")] if outside else []
    )
    if not lake.exists("minute_bars", keys):
        return notes
    minutes = lake.read("minute_bars", keys, columns=["open_time", "trades", "late", "crossed"])
    days = lake.dates("minute_bars", str(market))
    notes.append(
        (
            str(market),
            f"ticks on {len(days)} days, {minutes['open_time'][0]:%Y-%m-%d %H:%M} to "
            f"{minutes['open_time'][-1]:%Y-%m-%d %H:%M}: {minutes.height:,} minutes, "
            f"{minutes['trades'].sum():,} trades, {minutes['late'].sum():,} late events dropped, "
            f"{minutes['crossed'].sum():,} crossed book states left out; "
            "the first and last minute of a recording hold only what was recorded (a candle wins)",
        )
    )
    return notes + _clock(lake, market)


def _clock(lake: Lake, market: Market) -> Notes:
    """A note when the recorder's clock ran before the exchange's on the first recorded day."""
    first = lake.dates("trades", str(market))[:1]
    if not first:
        return []
    keys: dict[str, str | date] = {"market": str(market), "date": first[0]}
    trades = lake.read("trades", keys, columns=["time", "local_time"])
    delay = (trades["local_time"] - trades["time"]).dt.total_microseconds().median()
    if not isinstance(delay, int | float):
        return [(str(market), "local times were not recorded: late arrivals are not judged")]
    if trusts_local_time(trades):
        return []
    return [
        (
            str(market),
            f"the recorder's clock runs {delay / 1e6:+.2f} s against the exchange (median of {first[0]}): "
            "late arrivals are not judged",
        )
    ]


def _quarantined(lake: Lake) -> Notes:
    """Rows that were set aside, by table, part and reason, with the place of the first."""
    notes: Notes = []
    for keys in lake.partitions("quarantine"):
        groups = (
            lake.read("quarantine", keys)
            .group_by("reason", maintain_order=True)
            .agg(pl.len(), pl.col("file").first(), pl.col("line").first())
        )
        notes += [
            (
                f"{keys['refused_for']} {keys['part']}",
                f"{count:,} rows set aside: {reason} (first: line {line} of {file})",
            )
            for reason, count, file, line in groups.iter_rows()
        ]
    return notes


def _ignored(settings: Settings, source: Source) -> Notes:
    """Files that no entry claims, and entries of symbols that the universe does not name."""
    held = source.describe()
    wanted, names = {s.symbol for s in settings.universe.symbols}, held["ignored"]
    unread = sorted({e["symbol"] for e in held.get("entries", ()) if e["symbol"] not in wanted})
    notes = [
        ("source", f"files of {symbol} were not read: the universe does not name it") for symbol in unread
    ]
    if not names:
        return notes
    return [
        *notes,
        ("source", f"{len(names)} files of the same folders are claimed by no entry: {', '.join(names)}"),
    ]
