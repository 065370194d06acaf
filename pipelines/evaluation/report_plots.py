"""The plots of the report, as HTML fragments that expect Plotly's script in the page (see `report`).

Every plot gets a fixed element id, so the same evidence gives the same page, byte for byte.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

NET, MARKET, QUIET = "#0f6fde", "#8a94a6", "#c4cad4"
CLASS_COLOURS = {"DOWN": "#d1495b", "NEUTRAL": "#8a94a6", "UP": "#2a9d8f"}


def growth(days: Sequence[Mapping[str, Any]], element: str) -> str:
    """Growth of 1 by day: the account after costs and buy-and-hold; `days` as `Scorecard.equity`."""
    when = [day["day"] for day in days]
    plot = _figure("growth of 1", "")
    plot.add_scatter(
        x=when, y=[day["buy_and_hold"] for day in days], name="buy and hold", line={"color": MARKET}
    )
    plot.add_scatter(
        x=when, y=[day["net"] for day in days], name="after costs", line={"color": NET, "width": 2.5}
    )
    plot.add_hline(y=1.0, line={"color": QUIET, "width": 1, "dash": "dot"})
    return _html(plot, element)


def reliability(bins: Sequence[Mapping[str, Any]], element: str) -> str:
    """How often each class happened against its forecast; `bins` as `Scorecard.reliability`."""
    plot = _figure("share that happened", "forecast probability")
    top = max([0.05, *(max(one["forecast"], one["observed"]) for one in bins)]) * 1.05
    plot.add_scatter(
        x=[0, top],
        y=[0, top],
        mode="lines",
        name="perfect",
        line={"color": QUIET, "dash": "dot"},
        hoverinfo="skip",
    )
    for name, colour in CLASS_COLOURS.items():
        mine = [one for one in bins if one["class_name"] == name]
        plot.add_scatter(
            x=[one["forecast"] for one in mine],
            y=[one["observed"] for one in mine],
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 1},
            marker={"size": 7},
        )
    plot.update_xaxes(range=[0, top], tickformat=".0%")
    plot.update_yaxes(range=[0, top], tickformat=".0%")
    return _html(plot, element)


def paper_equity(points: Sequence[Mapping[str, Any]], element: str) -> str:
    """Equity of a paper session; points with `time` (ISO 8601) and `equity` (quote units)."""
    plot = _figure("equity", "")
    plot.add_scatter(
        x=[point["time"] for point in points],
        y=[point["equity"] for point in points],
        name="equity",
        line={"color": NET, "width": 2},
    )
    return _html(plot, element)


def _figure(y: str, x: str) -> go.Figure:
    return go.Figure(
        layout={
            "height": 320,
            "margin": {"l": 56, "r": 16, "t": 12, "b": 40},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": "system-ui, sans-serif", "size": 13, "color": "#3a4252"},
            "legend": {"orientation": "h", "y": 1.12},
            "hovermode": "x unified" if not x else "closest",
            "xaxis": {"title": {"text": x}, "gridcolor": "#edf0f4", "zeroline": False},
            "yaxis": {"title": {"text": y}, "gridcolor": "#edf0f4", "zeroline": False},
        }
    )


def _html(plot: go.Figure, element: str) -> str:
    text: str = plot.to_html(
        full_html=False,
        include_plotlyjs=False,
        div_id=element,
        config={"displayModeBar": False, "responsive": True},
    )
    return text
