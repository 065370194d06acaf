"""The plots of the data-quality report, as HTML fragments that expect Plotly's script in the page (see `report`).

Every plot has a fixed element id and no plot holds more than a few thousand points, whatever the table's length.
"""

from typing import Any

import numpy as np
import polars as pl

from pipelines.market.coverage import KINDS, listed
from pipelines.market.quality.outliers import judged
from pipelines.market.timeframes import length_of

COLOURS = {"present": "#0f6fde", "verified-empty": "#8fc1ff", "unknown": "#d1495b", "venue-down": "#e8a33d"}
POINTS, BINS, BREAKS = 1500, 60, 300
QUIET = "#8a94a6"


def daily_shares(ledger: pl.DataFrame, timeframe: str) -> pl.DataFrame:
    """`day`, the share of each kind among the day's expected bars, and `bars`, by day."""
    each = listed(ledger, timeframe).select(pl.col("open_time").dt.date().alias("day"), "kind")
    shares = [(pl.col("kind") == kind).mean().alias(kind) for kind in KINDS]
    return each.group_by("day").agg(*shares, pl.len().alias("bars")).sort("day")


def calendar(ledger: pl.DataFrame, timeframe: str, element: str) -> str:
    """Heat map: a column a day, a row a kind, the colour its share of the day's expected bars."""
    import plotly.graph_objects as go

    days = daily_shares(ledger, timeframe)
    plot = _figure("", "", 240)
    plot.add_trace(
        go.Heatmap(
            x=days["day"].to_list(),
            y=list(KINDS),
            z=[days[kind].round(4).to_list() for kind in KINDS],
            zmin=0,
            zmax=1,
            colorscale=[[0.0, "#f5f7fa"], [0.001, "#fbe3c0"], [1.0, "#0f6fde"]],
            colorbar={"tickformat": ".0%", "thickness": 10},
            hovertemplate="%{x}: %{z:.2%} %{y}<extra></extra>",
        )
    )
    return _html(plot, element)


def histogram(values: dict[str, pl.Series], x: str, element: str, unit: float = 1.0) -> str:
    """Counts of each named series in the same bins, between the 0.5 % and 99.5 % quantiles; beyond go to the ends."""
    together = pl.concat([one.drop_nulls().drop_nans() for one in values.values()])
    low, high = (float(together.quantile(q, "nearest") or 0.0) for q in (0.005, 0.995))
    edges = np.linspace(low, max(high, low + 1e-9), BINS + 1)
    plot = _figure("bars", x, 320)
    for (name, one), colour in zip(values.items(), (COLOURS["present"], COLOURS["venue-down"]), strict=False):
        counts, _ = np.histogram(np.clip(one.drop_nulls().to_numpy(), edges[0], edges[-1]), edges)
        plot.add_bar(
            x=((edges[1:] + edges[:-1]) / 2 * unit).tolist(),
            y=counts.tolist(),
            name=name,
            marker={"color": colour},
        )
    plot.update_layout(barmode="overlay", bargap=0)
    plot.update_traces(opacity=0.75)
    return _html(plot, element)


def delays(counted: pl.DataFrame, element: str) -> str:
    """How many events arrived how late; `counted` as ticks.DELAYS, the outer 0.1 % gathered at the ends."""
    from pipelines.market.quality.ticks import quantile

    low, high = quantile(counted, 0.001), quantile(counted, 0.999)
    edges = np.linspace(low, max(high, low + 1e-6), BINS + 1)
    clipped = np.clip(counted["seconds"].to_numpy(), edges[0], edges[-1])
    counts, _ = np.histogram(clipped, edges, weights=counted["count"].to_numpy())
    plot = _figure("events", "local minus exchange time, seconds", 320)
    plot.add_bar(
        x=((edges[1:] + edges[:-1]) / 2).tolist(), y=counts.tolist(), marker={"color": COLOURS["present"]}
    )
    if edges[0] <= 0 <= edges[-1]:  # drawn elsewhere it would squeeze the bars into a line
        plot.add_vline(x=0, line={"color": QUIET, "dash": "dot"})
    plot.update_layout(bargap=0)
    return _html(plot, element)


def closes(bars: pl.DataFrame, second: pl.DataFrame, timeframe: str, limit: float, element: str) -> str:
    """The close, thinned to at most POINTS, with every outlier marked on it; the line breaks where nothing is known."""
    thin = broken(bars.select("open_time", "close"), timeframe)
    bad = judged(bars, second, timeframe, limit).filter("outlier").head(POINTS)
    plot = _figure("close, quote units", "", 320)
    plot.add_scatter(
        x=thin["open_time"].to_list(),
        y=thin["close"].to_list(),
        name="close",
        line={"color": COLOURS["present"], "width": 1.2},
    )
    plot.add_scatter(
        x=bad["open_time"].to_list(),
        y=bad["price"].to_list(),
        name="outlier",
        mode="markers",
        marker={"color": COLOURS["unknown"], "size": 9, "symbol": "x"},
    )
    return _html(plot, element)


def broken(series: pl.DataFrame, timeframe: str) -> pl.DataFrame:
    """Each unbroken run of `open_time` and another column thinned, with a null row between two runs.

    Of more than BREAKS holes the longest are breaks; the others could not be seen.
    """
    every = max(1, -(-series.height // POINTS))
    length = length_of(timeframe)
    steps = series["open_time"].diff().drop_nulls()
    holes = steps.filter(steps > length)
    seen = length if len(holes) <= BREAKS else holes.top_k(BREAKS).min()
    run = (pl.col("open_time").diff() > seen).fill_null(value=False).cum_sum().alias("run")
    place = pl.int_range(pl.len()).over("run")
    thin = series.with_columns(run).filter((place % every == 0) | (place == pl.len().over("run") - 1))
    last = thin.group_by("run", maintain_order=True).last()
    breaks = last.with_columns(pl.col("open_time") + length, pl.exclude("run", "open_time") * None).head(-1)
    return pl.concat([thin, breaks.select(thin.columns)]).sort("open_time", maintain_order=True).drop("run")


def _figure(y: str, x: str, height: int) -> Any:
    import plotly.graph_objects as go

    return go.Figure(
        layout={
            "height": height,
            "margin": {"l": 96 if not y else 64, "r": 16, "t": 12, "b": 40},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": "system-ui, sans-serif", "size": 13, "color": "#3a4252"},
            "legend": {"orientation": "h", "y": 1.12},
            "xaxis": {"title": {"text": x}, "gridcolor": "#edf0f4", "zeroline": False},
            "yaxis": {"title": {"text": y}, "gridcolor": "#edf0f4", "zeroline": False},
        }
    )


def _html(plot: Any, element: str) -> str:
    text: str = plot.to_html(
        full_html=False,
        include_plotlyjs=False,
        div_id=element,
        config={"displayModeBar": False, "responsive": True},
    )
    return text
