"""The datasets of the tick archive: which columns their files have and what rows must obey.

Timestamps are whole microseconds since the epoch, UTC; `side` of trades and liquidations is the aggressor's.
Columns are found by name in the header. Reading them is stream.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from pipelines.errors import UnknownName
from pipelines.market.rows import Rule
from pipelines.market.schemas import BOOK_LEVELS, ORDER_BOOK, TRADES, UTC_US
from pipelines.market.tardis import kinds
from pipelines.market.tardis.kinds import Kind

Schema = Mapping[str, pl.DataType | type[pl.DataType]]
MARKET = ("exchange", "symbol")

QUOTES: dict[str, pl.DataType | type[pl.DataType]] = {
    "time": UTC_US,
    "local_time": UTC_US,
    "bid_price": pl.Float64,  # quote units; null where that side of the book is empty
    "bid_amount": pl.Float64,  # base units
    "ask_price": pl.Float64,
    "ask_amount": pl.Float64,
}
DERIVATIVE_TICKER: dict[str, pl.DataType | type[pl.DataType]] = {
    "time": UTC_US,
    "local_time": UTC_US,
    "funding_time": UTC_US,  # of the next payment
    "funding_rate": pl.Float64,  # fraction per period; positive: longs pay; null where the feed had no value
    "predicted_funding_rate": pl.Float64,
    "open_interest": pl.Float64,
    "last_price": pl.Float64,
    "index_price": pl.Float64,
    "mark_price": pl.Float64,
}
BOOK_UPDATES: dict[str, pl.DataType | type[pl.DataType]] = {
    "time": UTC_US,
    "local_time": UTC_US,
    "is_snapshot": pl.Boolean,
    "side": pl.Int8,  # +1 bid, -1 ask
    "price": pl.Float64,
    "amount": pl.Float64,  # what now stands at the price, not a difference; 0 removes it
}


@dataclass(frozen=True)
class Column:
    """One field of a file and the column of the table it becomes."""

    source: str
    name: str
    kind: Kind


@dataclass(frozen=True)
class Layout:
    """One dataset."""

    data_type: str
    schema: Schema
    columns: tuple[Column, ...]
    between: tuple[Rule, ...] = ()  # rules between columns of a row

    @property
    def required(self) -> list[str]:
        """Columns that the header must have."""
        return [*MARKET, *(column.source for column in self.columns)]


def layout_of(data_type: str) -> Layout:
    """The layout of a dataset by the archive's name; raises UnknownName."""
    if data_type not in LAYOUTS:
        raise UnknownName(
            f"dataset {data_type!r} is not known: expected one of {', '.join(LAYOUTS)}; correct its name."
        )
    return LAYOUTS[data_type]


def _layout(data_type: str, schema: Schema, *columns: Column, between: Sequence[Rule] = ()) -> Layout:
    times = (
        Column("timestamp", "time", kinds.EVENT_TIME),
        Column("local_timestamp", "local_time", kinds.LOCAL_TIME),
    )
    return Layout(data_type, schema, (*times, *columns), tuple(between))


def _trades(data_type: str) -> Layout:
    return _layout(
        data_type,
        TRADES,
        Column("id", "id", kinds.ID),
        Column("side", "side", kinds.TRADE_SIDE),
        Column("price", "price", kinds.POSITIVE),
        Column("amount", "amount", kinds.POSITIVE),
    )


def _snapshots(data_type: str, levels: int) -> Layout:
    """A snapshot may be short (empty at the end of a side) or crossed; the minute bars count crossed ones."""
    depth = min(levels, BOOK_LEVELS)
    columns = [
        Column(f"{side}s[{level}].{what}", f"{side}_{what}_{level + 1}", kinds.POSITIVE_OR_EMPTY)
        for level in range(depth)
        for side in ("ask", "bid")
        for what in ("price", "amount")
    ]
    ladder = [rule for side in ("ask", "bid") for rule in _ladder_rules(side, depth)]
    return _layout(data_type, ORDER_BOOK, *columns, between=ladder)


def _ladder_rules(side: str, depth: int) -> list[Rule]:
    rules: list[Rule] = []
    for level in range(1, depth + 1):
        price, amount = pl.col(f"{side}_price_{level}"), pl.col(f"{side}_amount_{level}")
        rules.append(
            (price.is_null() == amount.is_null(), f"{side} level {level} has a price or amount alone")
        )
        if level > 1:
            before = pl.col(f"{side}_price_{level - 1}")
            worse = price > before if side == "ask" else price < before
            rules.append(
                (price.is_null() | before.is_not_null(), f"{side} level {level} follows an empty level")
            )
            rules.append((price.is_null() | worse, f"{side} prices are not sorted from the best"))
    return rules


def _quotes(data_type: str) -> Layout:
    names = ("ask_amount", "ask_price", "bid_price", "bid_amount")
    alone: list[Rule] = [
        (
            pl.col(f"{side}_price").is_null() == pl.col(f"{side}_amount").is_null(),
            f"{side} has a price or amount alone",
        )
        for side in ("ask", "bid")
    ]
    columns = (Column(name, name, kinds.POSITIVE_OR_EMPTY) for name in names)
    return _layout(data_type, QUOTES, *columns, between=alone)


def _derivative_ticker() -> Layout:
    rates, prices = (
        ("funding_rate", "predicted_funding_rate", "open_interest"),
        ("last_price", "index_price", "mark_price"),
    )
    return _layout(
        "derivative_ticker",
        DERIVATIVE_TICKER,
        Column("funding_timestamp", "funding_time", kinds.LATER_TIME),
        *(Column(name, name, kinds.RATE_OR_EMPTY) for name in rates),
        *(Column(name, name, kinds.POSITIVE_OR_EMPTY) for name in prices),
    )


def _book_updates() -> Layout:
    return _layout(
        "incremental_book_L2",
        BOOK_UPDATES,
        Column("is_snapshot", "is_snapshot", kinds.FLAG),
        Column("side", "side", kinds.BOOK_SIDE),
        Column("price", "price", kinds.POSITIVE),
        Column("amount", "amount", kinds.ZERO_OR_MORE),
    )


LAYOUTS: dict[str, Layout] = {
    layout.data_type: layout
    for layout in (
        _trades("trades"),
        _trades("liquidations"),
        _snapshots("book_snapshot_5", 5),
        _snapshots("book_snapshot_25", 25),
        _book_updates(),
        _quotes("quotes"),
        _quotes("book_ticker"),
        _derivative_ticker(),
    )
}
