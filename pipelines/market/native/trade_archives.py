"""Trade files in an exchange's or collector's own layout. Rules of a row: the same as of Tardis trades.

freqtrade: JSON rows `[ts_ms, id, type, side, price, amount, cost]`. Kraken's archive: `epoch_seconds,price,volume`
without a header, a side or an id, so its trades are numbered by arrival and their aggressor is not known.
"""

import json
from datetime import datetime
from typing import Any

import polars as pl

from pipelines.errors import BadData
from pipelines.market.native.fields import millis_us, seconds_us
from pipelines.market.native.gathered import Refused, standing
from pipelines.market.native.reader import UNREADABLE
from pipelines.market.native.stamps import Stamps
from pipelines.market.native.trade_rows import NUMBERED, Trades
from pipelines.market.rows import Parsed

SIDES = {"buy": 1, "sell": -1}
NO_SIDE = "the file does not say who was the aggressor: bought and sold volumes are not known"


def parse_freqtrade_trades(raw: bytes, file: str, window: tuple[datetime, datetime]) -> Parsed:
    """TRADES of a freqtrade JSON file; raises BadData when it is no JSON list.

    The file's prices were floats when they were written: their text is the shortest that gives the same float.
    """
    try:
        rows = json.loads(raw, parse_float=str)
    except ValueError as error:
        raise BadData(
            f"file {file} is no JSON: expected a list of trades, found {error}; get it again."
        ) from error
    if not isinstance(rows, list):
        raise BadData(
            f"file {file} is no list of trades: expected rows in brackets, found {str(rows)[:60]!r}."
        )
    refused = Refused(file)
    trades = Trades(refused, Stamps(window), dense_ids=True)
    for line, row in enumerate(rows, start=1):
        try:
            time, identity, _, side, price, amount, _ = row
        except UNREADABLE:
            refused.add(line, "the row has not the seven fields of a trade", json.dumps(row))
            continue
        known = SIDES.get(side) if isinstance(side, str) else None
        trades.add(line, (millis_us(time), None), identity, known, _decimal(price), _decimal(amount))
    return _parsed(trades, refused)


def parse_kraken_trades(raw: bytes, file: str, window: tuple[datetime, datetime]) -> Parsed:
    """TRADES of a file of Kraken's trade archive, with a null side: the archive does not say it."""
    refused = Refused(file)
    trades = Trades(refused, Stamps(window))
    for line, text in enumerate(raw.decode("utf-8", "replace").splitlines(), start=1):
        fields = text.split(",")
        if len(fields) != 3:
            refused.add(line, "the line has not the three fields time, price, volume", text)
        else:
            trades.add(line, (seconds_us(fields[0]), None), NUMBERED, 1, fields[1], fields[2])
    parsed = _parsed(trades, refused)
    return Parsed(
        parsed.rows.with_columns(pl.lit(None, pl.Int8).alias("side")), parsed.quarantine, notes=(NO_SIDE,)
    )


def _decimal(value: Any) -> Any:
    """A float's shortest text: `0.0155712699999999998` is what `0.0155712699999999998` was stored as."""
    try:
        return repr(float(value)) if isinstance(value, str) else value
    except ValueError:
        return value


def _parsed(trades: Trades, refused: Refused) -> Parsed:
    missing, repeats = trades.missing_ids, trades.repeats
    notes = (
        *([f"{missing} trade ids are missing between the first and the last"] if missing else []),
        *([f"{repeats} rows that repeat another exactly were dropped"] if repeats else []),
    )
    rows = trades.drain(with_lines=True)
    return Parsed(rows, standing(refused.drain(), rows), notes=notes)
