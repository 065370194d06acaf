"""Where each bar lies in its UTC day or session, for the features and lookbacks that need it. No feature here."""

from datetime import timedelta
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.errors import BadData
from pipelines.features.block import Inputs
from pipelines.features.declaration import DAY_MINUTES
from pipelines.features.joins import last_known

Ints = NDArray[np.int64]
_MINUTE_US = 60_000_000
_DAY_US = DAY_MINUTES * _MINUTE_US


def place(inputs: Inputs, since: Literal["midnight", "open"]) -> Ints:
    """How many bars after the first of its UTC day, or of its session, each bar opens, (N,)."""
    length = inputs.length // timedelta(microseconds=1)
    opened = inputs.open_time
    first = opened - opened % _DAY_US if since == "midnight" else session(inputs)[0]
    places: Ints = (
        opened - -(-first // length) * length
    ) // length  # a session's first bar stands on the grid
    return places


def session(inputs: Inputs) -> tuple[Ints, Ints]:
    """Open and close, microseconds since 1970, of the session in which each bar opens, (N,) each; else the UTC day's.

    Raises BadData for a bar that no session holds.
    """
    opened = inputs.open_time
    given = inputs.tables.get("sessions")
    if given is None:
        midnight = opened - opened % _DAY_US
        return midnight, midnight + _DAY_US
    found = _sessions(inputs.bars["open_time"], given)
    return found["open"].to_physical().to_numpy(), found["close"].to_physical().to_numpy()


def known_runs(opened: pl.Series, length: timedelta, unbroken: Ints, sessions: pl.DataFrame | None) -> Ints:
    """Number of each bar's run without an unknown gap, (N,).

    From the last bar of a session to the first of the next the market is closed, and nothing is unknown.

    unbroken : number of each bar's run without any gap, (N,)
    Raises BadData for a bar that no session holds.
    """
    if sessions is None:
        return unbroken
    found = _sessions(opened, sessions)
    follows = found.select(
        last=pl.col("open_time") + 2 * length > pl.col("close"),
        first=(pl.col("open_time") - length < pl.col("open")) & (pl.col("number").diff() == 1),
    )
    closed = follows["last"].shift(1, fill_value=False) & follows["first"].fill_null(value=False)
    gaps = np.append(False, np.diff(unbroken) != 0) & ~closed.to_numpy()
    return np.cumsum(gaps)


def _sessions(opened: pl.Series, sessions: pl.DataFrame) -> pl.DataFrame:
    """The session of each bar: open_time, number, open, close."""
    times = sessions.select(pl.col("open", "close").dt.cast_time_unit("us")).sort("open")
    times = times.with_row_index("number").cast({"number": pl.Int64})
    moments = opened.alias("open_time").sort()
    inside = pl.col("close") - pl.col("open") - timedelta(microseconds=1)  # no bar opens at the close
    found = last_known(moments, times, pl.col("open"), inside).with_columns(moments)
    outside = found.filter(pl.col("open").is_null())
    if not outside.is_empty():
        raise BadData(
            f"bars open outside the sessions given: expected every bar inside one, found {outside['open_time'][0]}; "
            "pass the sessions of the whole span or drop the bar."
        )
    return found
