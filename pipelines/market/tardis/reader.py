"""One block of a tick file after the other as accepted and quarantined rows, with what the file said so far.

A block of sound rows is read as numbers (fast.py); one with a bad row is read again as text, which names line and
reason. Both ways apply the same rules. Cutting a file into blocks is blocks.py.
"""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from pipelines.market.rows import QUARANTINE, STANDING, Parsed, Rule, exact, judge, quarantine
from pipelines.market.schemas import UTC_US
from pipelines.market.tardis.blocks import Block
from pipelines.market.tardis.fast import typed
from pipelines.market.tardis.kinds import RAW, Window
from pipelines.market.tardis.layouts import MARKET, Layout
from pipelines.market.text_table import LINE, is_read_right, raw_lines, text_table

OTHER_MARKET = "exchange and symbol are not"
TRIES = 3
"""Blocks in a row that could not be read fast, after which it is not tried again: the file is of that kind."""


@dataclass
class Reader:
    """Reads the blocks of one file in order."""

    layout: Layout
    file: str
    window: Window
    market: tuple[str, str] | None = None  # exchange and symbol of most rows of the first block
    numbered: bool = True  # whether at least half of its ids are whole numbers
    failures: int = 0
    first: datetime | None = None  # the first and the last believable exchange time so far
    last: datetime | None = None

    def read(self, block: Block) -> Parsed:
        """The rows of a block; raises BadData for a header that lacks a column."""
        if not self.label:
            self._learn(block)
        fast = self._fast(block) if self.failures < TRIES else None
        self.failures = 0 if fast is not None else self.failures + 1
        return fast if fast is not None else self._slow(block)

    @property
    def label(self) -> str:
        """What the file is about."""
        return " ".join(self.market) if self.market else ""

    def _learn(self, block: Block) -> None:
        text = text_table(block.text, self.file, self.layout.required)
        pairs = text.select(MARKET).drop_nulls().group_by(MARKET).len().sort("len", *MARKET)
        self.market = (pairs[MARKET[0]][-1], pairs[MARKET[1]][-1]) if pairs.height else None
        if "id" in self.layout.schema:
            absent = text["id"].cast(pl.Int64, strict=False).null_count()
            self.numbered = text.height > 0 and 2 * absent <= text.height

    def _fast(self, block: Block) -> Parsed | None:
        """The rows when every rule holds for all of them."""
        raw = typed(block.text, self.layout, self.market) if self.market else None
        if raw is None or not is_read_right(block.text, {n.removeprefix(RAW): raw[n] for n in raw.columns}):
            return None
        table = raw.with_columns(self._values())
        if not all(table.select(holds.fill_null(False).all() for holds in _named(self._rules())).row(0)):
            return None
        self._stand(table["time"])
        rows = table.select(*self.layout.schema, pl.col(LINE) + block.before)
        return Parsed(rows, pl.DataFrame(schema={**QUARANTINE, STANDING: UTC_US}), self.label)

    def _slow(self, block: Block) -> Parsed:
        """Accepted and quarantined rows, with line, reason and text."""
        texts = text_table(block.text, self.file, self.layout.required)
        texts = texts.rename({name: RAW + name for name in self.layout.required})
        table = texts.with_columns(self._values())
        decimals = [
            rule
            for column in self.layout.columns
            if column.kind.exact
            for rule in exact(texts, column.name, RAW + column.source)
        ]
        rules = self._rules()
        good, bad = judge(table, "time", [*rules, *decimals])
        believable = table.filter(rules[0][0].fill_null(False))
        bad = bad.with_columns(self._standing(believable, table.height))
        self._stand(believable["time"])
        lines = raw_lines(block.text, bad[LINE].to_list()) if bad.height else []
        return Parsed(
            good.select(*self.layout.schema, pl.col(LINE) + block.before),
            quarantine(bad, self.file, lines).with_columns(pl.col("line") + block.before),
            self.label,
        )

    def _standing(self, believable: pl.DataFrame, height: int) -> pl.Expr:
        """Bad rows before the first believable one stand where the block before ended."""
        if self.last is None:
            return pl.col(STANDING)
        first = believable[LINE][0] if believable.height else height + 2
        before = pl.lit(self.last, UTC_US)
        return pl.when(pl.col(LINE) < first).then(before).otherwise(STANDING).alias(STANDING)

    def _stand(self, times: pl.Series) -> None:
        if len(times):
            self.first = self.first or times[0]
            self.last = times[-1]

    def _values(self) -> list[pl.Expr]:
        made = {column.name: column.kind.value(pl.col(RAW + column.source)) for column in self.layout.columns}
        if not self.numbered:
            made["id"] = pl.lit(None, pl.Int64)
        return [made.get(name, pl.lit(None, dtype)).alias(name) for name, dtype in self.layout.schema.items()]

    def _rules(self) -> list[Rule]:
        """The event's time comes first: judge() believes a row's own time by it."""
        rules: list[Rule] = []
        for column in self.layout.columns:
            if column.kind.holds is not None:
                holds = column.kind.holds(pl.col(RAW + column.source), pl.col(column.name), self.window)
                rules.append((holds, column.kind.reason(column.name, self.window)))
            elif self.numbered:
                rules.append(
                    (pl.col(column.name).is_not_null(), "id is not a whole number as the others are")
                )
        same = pl.all_horizontal(
            pl.col(RAW + name) == value for name, value in zip(MARKET, self.market or ("", ""), strict=True)
        )
        rules.insert(2, (same, f"{OTHER_MARKET} {self.label} as in most rows"))
        return [*rules, *self.layout.between]


def _named(rules: list[Rule]) -> list[pl.Expr]:
    return [holds.alias(str(number)) for number, (holds, _) in enumerate(rules)]
