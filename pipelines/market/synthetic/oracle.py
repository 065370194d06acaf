"""The oracle: what a forecaster who knew the model would say. Never for training."""

from datetime import date

import numpy as np
import polars as pl

from pipelines.market.synthetic.config import SyntheticConfig
from pipelines.market.synthetic.streams import MICROS_PER_DAY, MICROS_PER_MINUTE, MINUTES_PER_DAY, day_numbers
from pipelines.market.synthetic.ticks import stamps
from pipelines.market.synthetic.under_reaction import minute_path


def forecast(config: SyntheticConfig, symbol: str, start_day: date, end_day: date) -> pl.DataFrame:
    """Best causal forecast at the close of every minute of the UTC days [start_day, end_day).

    Columns: `open_time` (of the minute; the values stand at its close), `log_price` (unrounded, then),
    `forecast` (expected log return over the 60 minutes after that close; 0 at edge 0). Lost minutes included.
    Raises BadSpan for days not on offer, UnknownName for a bad symbol.
    """
    numbers = day_numbers(start_day, end_day)
    paths = [minute_path(config, symbol, day) for day in numbers]
    micros = np.arange(len(numbers) * MINUTES_PER_DAY) * MICROS_PER_MINUTE + numbers.start * MICROS_PER_DAY
    return pl.DataFrame(
        {
            "open_time": stamps(micros),
            "log_price": np.concatenate([path.log_price[1:] for path in paths]),
            "forecast": np.concatenate([path.forecast[1:] for path in paths]),
        }
    )
