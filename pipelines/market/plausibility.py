"""Whether a file as a whole can be what it claims: swapped columns pass every rule of a single row.

Each check compares rows with their neighbours and refuses the file, since no row of it can be believed.
"""

from datetime import timedelta

import polars as pl

from pipelines.errors import BadData

TYPICAL_JUMP = 0.05
"""Half of all consecutive trades never differ by more than this in a real market; sizes do."""
TYPICAL_CANDLE_JUMP = 0.2
"""The same for prices of consecutive candles of up to a day; volumes differ by more."""
ENOUGH = 20
"""Rows below which a neighbour comparison says nothing."""


def check_trades(trades: pl.DataFrame, file: str) -> None:
    """Raise BadData when the price jumps like a size does: price and amount are swapped."""
    if trades.height < ENOUGH:
        return
    jump = float(str(trades["price"].log().diff().abs().median()))
    if jump > TYPICAL_JUMP:
        raise BadData(
            f"file {file} has a price that jumps by {jump:.0%} between typical trades: expected less than "
            f"{TYPICAL_JUMP:.0%}; check whether its columns price and amount are swapped."
        )


def check_order_book(book: pl.DataFrame, file: str) -> None:
    """Raise BadData when most snapshots are crossed: asks and bids are swapped."""
    crossed = book.select((pl.col("bid_price_1") > pl.col("ask_price_1")).sum()).item()
    if book.height and 2 * crossed > book.height:
        raise BadData(
            f"file {file} has the best bid above the best ask in {crossed} of {book.height} rows: "
            "expected few; "
            "check whether its asks and bids are swapped."
        )


def check_candles(candles: pl.DataFrame, file: str, length: timedelta) -> None:
    """Raise BadData when candles are longer than declared, a price jumps like volumes do, or open is close.

    Open is next to the close before it. When close is nearer to the open before it, the two are swapped.
    """
    rows = candles.sort("open_time").with_columns(pl.col("open", "close").shift(1).name.prefix("last_"))
    pairs = rows.filter(pl.col("open_time").diff() == length)
    _check_length(rows["open_time"], file, length)
    if pairs.height < ENOUGH:
        return
    for name in ("open", "high", "low", "close"):
        jump = float(str(rows[name].log().diff().abs().median()))
        if jump > TYPICAL_CANDLE_JUMP:
            raise BadData(
                f"file {file} has a {name} that jumps by {jump:.0%} between typical candles: expected "
                "less than "
                f"{TYPICAL_CANDLE_JUMP:.0%}; check whether its columns {name} and volume are swapped."
            )
    proper, swapped = pairs.select(
        (pl.col("open") - pl.col("last_close")).abs().sum().alias("proper"),
        (pl.col("close") - pl.col("last_open")).abs().sum().alias("swapped"),
    ).row(0)
    if proper > 2 * swapped:
        raise BadData(
            f"file {file} has opens that do not follow the closes before them: expected each open near "
            "the last "
            "close, found each close near the last open; check whether its columns open and close are "
            "swapped."
        )


def _check_length(opens: pl.Series, file: str, length: timedelta) -> None:
    """Raise BadData when no candle of many follows another at the declared distance: they are longer ones."""
    shortest = opens.unique().sort().diff().min()
    if opens.len() >= ENOUGH and isinstance(shortest, timedelta) and shortest > length:
        raise BadData(
            f"file {file} has candles at least {shortest} apart: expected some {length} apart, as their timeframe "
            "says; correct the entry's timeframe."
        )
