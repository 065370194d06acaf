"""Bitfinex REST pages of candles: JSON rows `[ts_ms, open, close, high, low, volume]`, close before high and low.

They are put under column names and then read like any other candle file.
"""

import json
from dataclasses import replace
from datetime import datetime

import polars as pl

from pipelines.errors import BadData
from pipelines.market.candle_files import parse_candle_text
from pipelines.market.rows import Parsed

COLUMNS = "open_time,open,close,high,low,volume"


def parse_bitfinex_page(raw: bytes, file: str, timeframe: str, now: datetime) -> Parsed:
    """CANDLES of one Bitfinex REST answer; raises BadData when it is no JSON list of rows."""
    try:
        rows = json.loads(raw, parse_float=str, parse_int=str)
        lines = [",".join(str(value) for value in row) for row in rows]
    except (ValueError, TypeError) as error:
        raise BadData(
            f"file {file} is no page of candles: expected a JSON list of rows, found {error}; get it again."
        ) from error
    raw_text = "\n".join([COLUMNS, *lines, ""]).encode()
    parsed = parse_candle_text(raw_text, file, timeframe, now, "ms")
    return replace(parsed, quarantine=parsed.quarantine.with_columns(pl.col("line") - 1))
