"""Pages of Alpaca's stock bars as one delivery: candles of the session, quarantine, and what is missing.

A bar that Alpaca leaves out stays unknown: one exchange's feed does not say that nobody traded elsewhere. Row rules
are those of its crypto bars (pipelines/market/candle_answers.py). Asking is alpaca_stocks.py.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import polars as pl

from pipelines.market.candle_answers import raw_rows, read_candles
from pipelines.market.candle_cuts import OUTSIDE
from pipelines.market.paging import Span
from pipelines.market.rows import QUARANTINE
from pipelines.market.schemas import CANDLES, EVIDENCE, FIRST_SEEN, UTC_US
from pipelines.market.symbols import Market
from pipelines.market.text_table import LINE
from pipelines.market.timeframes import length_of
from pipelines.market.venues import conventions_of
from resources.sources.gathering import FILE, unrepeated
from resources.sources.source import Delivery
from resources.venues.waiting import outage

VENUE = "alpaca"
ROW = {**CANDLES, LINE: pl.Int64, FILE: pl.String}


@dataclass
class StockPages:
    """What was answered about one share."""

    symbol: str
    timeframe: str
    server_now: datetime
    feed: str
    failed: list[tuple[Span, str, str]] = field(default_factory=list)  # span, kind of evidence, reason
    rows: list[pl.DataFrame] = field(default_factory=list)  # ROW
    quarantine: list[pl.DataFrame] = field(default_factory=list)
    texts: dict[tuple[str, int], str] = field(default_factory=dict)  # by FILE and LINE
    seen: dict[str, datetime] = field(default_factory=dict)  # by FILE
    unfinished: int = 0
    spoiled: set[datetime] = field(default_factory=set)  # bars of which a row was quarantined

    @property
    def ticker(self) -> str:
        """Alpaca's name of the share."""
        return self.symbol.partition("-")[0]

    def add(self, page: dict[str, Any], span: Span, number: int, received_at: datetime) -> None:
        """Take in a page of the answer to a span; raises BadAnswer for one that is not shaped as Alpaca's are."""
        raw = raw_rows(VENUE, page, self.ticker)
        name = f"{VENUE}.{self.symbol} {self.timeframe} {span[0]:%Y-%m-%dT%H:%MZ} page {number}"
        habits = replace(conventions_of(VENUE), overflow=0)  # both ends asked for are bars of the span
        found = read_candles(raw, name, span, self.timeframe, habits, self.server_now)
        places: dict[datetime | None, list[int]] = {}
        for line, row in enumerate(raw, start=1):
            places.setdefault(_opened(row), []).append(line)
            self.texts[name, line] = json.dumps(row, default=str)
        lines = pl.Series(LINE, [places[opened].pop(0) for opened in found.rows["open_time"]], dtype=pl.Int64)
        self.rows.append(found.rows.with_columns(lines, pl.lit(name).alias(FILE)))
        self.quarantine.append(found.quarantine)
        self.seen[name] = received_at
        self.unfinished += found.unfinished
        self.spoiled.update(found.spoiled)

    @property
    def newest(self) -> datetime | None:
        """Open time of the newest bar that was given."""
        return max((rows["open_time"][-1] for rows in self.rows if len(rows)), default=None)

    def left(self, spans: Sequence[Span]) -> list[Span]:
        """What has not been answered yet of spans; answers come in the order of time."""
        reached = self.newest
        begin = spans[0][0] if reached is None else max(spans[0][0], reached + length_of(self.timeframe))
        return [(begin, spans[0][1]), *spans[1:]]

    def fell_out(self, spans: Sequence[Span], reason: str, stored: datetime | None) -> None:
        """Spans that were not asked for because of an outage; `stored`: open time of the newest stored candle."""
        edge = stored if stored is None else max(stored, self.newest or stored)
        for span in spans:
            self.failed += outage(span, reason, edge, length_of(self.timeframe))

    def delivery(self, expected: pl.Series, session: pl.Series, tell: Callable[[str], None]) -> Delivery:
        """Everything that was heard, judged by the open times that were asked for.

        `session`: those of the calendar in the spans as they were asked; a bar of them that nobody asked for is left
        out, and a bar of none is quarantined.
        """
        rows = pl.concat([pl.DataFrame(schema=ROW), *self.rows]).sort("open_time", maintain_order=True)
        rows, conflicts, repeats = unrepeated(rows, ["open_time"])
        inside = rows["open_time"].is_in(expected.implode())
        between = ~inside & rows["open_time"].is_in(session.implode())
        kept = rows.filter(inside).with_columns(
            pl.col(FILE).replace_strict(self.seen, return_dtype=UTC_US).alias("seen_at"),
            pl.lit("candle").alias("origin"),
            pl.lit(str(Market(VENUE, self.symbol))).alias("market"),
        )
        evidence = self._evidence(expected.filter(~expected.is_in(kept["open_time"].implode())))
        if expected.len() and kept.is_empty() and not self.failed:
            tell(
                f"{VENUE} answered nothing for {self.symbol} {self.timeframe} from {expected[0]:%Y-%m-%d %H:%M} to "
                f"{expected[-1]:%Y-%m-%d %H:%M} UTC; not treated as a quiet market."
            )
        return Delivery(
            frame=kept.select(*FIRST_SEEN),
            quarantine=pl.concat(
                [
                    *self.quarantine,
                    self._outside(rows.filter(~inside & ~between)),
                    conflicts.select(*QUARANTINE),
                ]
            ),
            notes=self._notes(evidence, int(between.sum())),
            duplicates=repeats,
            evidence=evidence,
        )

    def _outside(self, rows: pl.DataFrame) -> pl.DataFrame:
        places = zip(rows[FILE], rows[LINE], strict=True)
        return rows.select(
            pl.col(FILE).alias("file"),
            pl.col(LINE).alias("line"),
            pl.lit(OUTSIDE).alias("reason"),
            pl.Series("text", [self.texts[place] for place in places], dtype=pl.String),
        )

    def _evidence(self, missing: pl.Series) -> pl.DataFrame:
        """EVIDENCE about expected bars that are not there, neighbours of one kind in one span."""
        length = length_of(self.timeframe)
        silent = (
            "unknown",
            f"{VENUE}'s {self.feed} feed has no bar: no trade on it, or not all of it was sent",
        )
        said = [self._why(opened, silent) for opened in missing]
        table = pl.DataFrame(
            {"time": missing, "kind": [kind for kind, _ in said], "reason": [reason for _, reason in said]},
            schema={"time": UTC_US, "kind": pl.String, "reason": pl.String},
        )
        anew = (pl.col("time").diff() != length) | (pl.col("reason") != pl.col("reason").shift())
        return (
            table.with_columns(anew.fill_null(value=True).cum_sum().alias("run"))
            .group_by("run", maintain_order=True)
            .agg(
                pl.col("time").first(),
                (pl.col("time").last() + length).alias("end"),
                pl.col("kind", "reason").first(),
            )
            .with_columns(pl.lit(max(self.seen.values(), default=self.server_now), UTC_US).alias("seen_at"))
            .select(*EVIDENCE)
        )

    def _why(self, opened: datetime, silent: tuple[str, str]) -> tuple[str, str]:
        found = [(kind, reason) for (start, end), kind, reason in self.failed if start <= opened < end]
        if found:
            return found[0]
        return ("unknown", f"what {VENUE} gave for it was quarantined") if opened in self.spoiled else silent

    def _notes(self, evidence: pl.DataFrame, between: int) -> tuple[str, ...]:
        notes = evidence["reason"].unique(maintain_order=True).to_list()
        if between:
            notes.append(f"{between:,} bars between those asked for came along and were left out")
        if self.unfinished:
            notes.append(
                f"{self.unfinished} bars had not closed by {VENUE}'s clock and were left for a later run"
            )
        return tuple(notes)


def _opened(row: Any) -> datetime | None:
    """The stamp of a raw row, as read_candles reads it; None where it has none that can be read."""
    stamp = row.get("t") if isinstance(row, dict) else None
    try:
        return datetime.fromisoformat(stamp).astimezone(UTC) if isinstance(stamp, str) else None
    except ValueError:
        return None
