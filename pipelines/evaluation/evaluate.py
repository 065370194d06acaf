"""From forecasts and their backtest to a scorecard. Formulas live in the modules this one calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from pipelines.errors import BadSettings, NotEnoughEvidence
from pipelines.evaluation import baselines, forecasts
from pipelines.evaluation.effective import effective_labels
from pipelines.evaluation.figures_of_account import account_figures
from pipelines.evaluation.figures_of_forecasts import forecast_figures, reliability
from pipelines.evaluation.levels import DEFAULT_LEVELS, Levels
from pipelines.evaluation.performance import TradingHistory, daily_returns
from pipelines.evaluation.scorecard import EquityDay, Scorecard, Subject
from pipelines.market.timeframes import length_of


@dataclass(frozen=True)
class _Growth:
    """Daily growth of the account and of holding the market, in full, before any is withheld."""

    days: tuple[EquityDay, ...]

    @property
    def held(self) -> float | None:
        """Return of buy-and-hold over the whole span."""
        last = self.days[-1].buy_and_hold
        return None if last is None else last - 1.0


def scorecard(
    out_of_sample: pl.DataFrame,
    history: TradingHistory,
    bars: Mapping[str, pl.DataFrame],
    subject: Subject,
    levels: Levels = DEFAULT_LEVELS,
) -> Scorecard:
    """Judge a candidate on forecasts that no fit has seen.

    `out_of_sample`: symbol, open_time (UTC), p_down, p_neutral, p_up, label (0 DOWN, 1 NEUTRAL, 2 UP, or
    null while unknown) and clim_down, clim_neutral, clim_up, the class shares of the training rows of that
    row's fold. `history`: the backtest of the same forecasts after costs (`backtest.history_of`). `bars`:
    BARS frame per symbol, for buy-and-hold. Below `levels.minimum_effective` independent labels every
    figure and curve is withheld. Raises BadData (columns, probabilities), NotEnoughEvidence (not one
    matured label), MissingData (no bars).
    """
    if subject.trials < 1 or subject.horizon < 1:
        raise BadSettings(
            f"trials and horizon must be at least 1: found {subject.trials}, {subject.horizon}."
        )
    rows = forecasts.matured(out_of_sample)
    if rows.is_empty():
        raise NotEnoughEvidence(
            "no forecast has a known label: expected at least one; wait until labels mature."
        )
    length = length_of(subject.timeframe)
    start, end = _span(rows, length)
    times = rows["open_time"].unique()
    n_eff = effective_labels(times, length, subject.horizon)
    enough = n_eff >= levels.minimum_effective
    growth = _growth(history, baselines.buy_and_hold(bars, start, end))
    figures = (
        *forecast_figures(rows, subject, n_eff, levels),
        *account_figures(history, growth.held, levels),
    )
    down, neutral, up = _shares(rows)
    return Scorecard(
        subject=subject,
        start=start.isoformat(),
        end=end.isoformat(),
        symbols=tuple(rows["symbol"].unique().sort()),
        rows=rows.height,
        n=times.len(),
        n_eff=n_eff,
        minimum_effective=levels.minimum_effective,
        class_shares=(down, neutral, up),
        figures=figures if enough else tuple(one.blank for one in figures),
        reliability=reliability(rows, levels) if enough else (),
        equity=growth.days if enough else (),
    )


def _shares(rows: pl.DataFrame) -> tuple[float, float, float]:
    """Shares of DOWN, NEUTRAL and UP among the outcomes."""
    down, neutral, up = (float((rows["label"] == k).mean()) for k in range(3))  # type: ignore[arg-type]
    return down, neutral, up


def _span(rows: pl.DataFrame, length: timedelta) -> tuple[datetime, datetime]:
    first, last = rows["open_time"][0], rows["open_time"][-1]  # sorted by matured()
    return first, last + length


def _growth(history: TradingHistory, held: pl.DataFrame) -> _Growth:
    daily = daily_returns(history).with_columns(net=(1.0 + pl.col("net")).cum_prod())
    joined = daily.join(held, on="day", how="left").sort("day").with_columns(pl.col("growth").forward_fill())
    rows = joined.iter_rows(named=True)
    return _Growth(tuple(EquityDay(row["day"].isoformat(), row["net"], row["growth"]) for row in rows))
