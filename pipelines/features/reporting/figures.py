"""The plots of the feature page, as HTML fragments that expect Plotly's script in the page (see page.py).

Every plot has a fixed element id, and none grows with the table. The UI's still pictures are pictures.py.
"""

from typing import Any

import numpy as np
import polars as pl

from pipelines.features.reporting.bins import Array
from pipelines.features.reporting.drift import MUCH

BLUE, RED, QUIET = "#0f6fde", "#d1495b", "#8a94a6"
DIVERGING = [[0.0, RED], [0.5, "#ffffff"], [1.0, BLUE]]
RISING = [[0.0, "#ffffff"], [0.4, "#fbe3c0"], [0.41, "#e8a33d"], [1.0, RED]]  # 0.4 is PSI 0.1 of 0.25
LINE = 15  # pixels a feature


def correlation(found: Array, names: list[str], element: str) -> str:
    """Heat map of rank correlations; grey where nothing is said."""
    values = [[None if np.isnan(one) else round(float(one), 3) for one in row] for row in found]
    plot = _heat(values, names, names, (-1.0, 1.0), DIVERGING)
    plot.update_traces(hovertemplate="%{y}, %{x}: %{z:+.3f}<extra></extra>")
    plot.update_xaxes(tickangle=-90, dtick=1)
    return _html(plot, element)


def drift(found: pl.DataFrame, names: list[str], element: str) -> str:
    """Heat map of PSI, a column a month; grey where nothing is said, the darkest from 0.25 on."""
    wide = found.pivot(on="month", index="name", values="psi", maintain_order=True)
    months = wide.columns[1:]
    values = [[None if one is None else round(one, 4) for one in row] for row in wide.select(months).rows()]
    plot = _heat(values, months, names, (0.0, MUCH), RISING)
    plot.update_traces(hovertemplate="%{y}, %{x}: PSI %{z:.3f}<extra></extra>")
    plot.update_xaxes(type="category")
    return _html(plot, element)


def importance(table: pl.DataFrame, element: str) -> str:
    """Bars of bits, the most telling on top, and the floor of each as a mark."""
    known = table.filter(pl.col("bits").is_not_null()).sort("bits")
    plot = _figure(known.height)
    plot.add_bar(
        x=known["bits"].to_list(),
        y=known["name"].to_list(),
        orientation="h",
        name="mutual information",
        marker={"color": BLUE},
    )
    plot.add_scatter(
        x=known["floor"].to_list(),
        y=known["name"].to_list(),
        name="floor: the most that chance reached",
        mode="markers",
        marker={"color": RED, "symbol": "line-ns-open", "size": 10, "line": {"width": 2}},
    )
    plot.update_layout(
        xaxis={"title": {"text": "bits"}}, legend={"orientation": "h", "y": 1.0, "yanchor": "bottom"}
    )
    return _html(plot, element)


def _heat(
    values: list[list[float | None]],
    across: list[str],
    down: list[str],
    span: tuple[float, float],
    colours: list[list[Any]],
) -> Any:
    import plotly.graph_objects as go

    plot = _figure(len(down))
    plot.add_trace(
        go.Heatmap(
            x=across,
            y=down,
            z=values,
            zmin=span[0],
            zmax=span[1],
            colorscale=colours,
            colorbar={"thickness": 10},
            xgap=1,
            ygap=1,
        )
    )
    plot.update_yaxes(autorange="reversed")
    plot.update_layout(plot_bgcolor="#d5dae2")
    return plot


def _figure(lines: int) -> Any:
    import plotly.graph_objects as go

    return go.Figure(
        layout={
            "height": 180 + LINE * lines,
            "margin": {"l": 180, "r": 16, "t": 12, "b": 40},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": "system-ui, sans-serif", "size": 12, "color": "#3a4252"},
            "xaxis": {"gridcolor": "#edf0f4", "zeroline": False, "automargin": True},
            "yaxis": {"gridcolor": "#edf0f4", "zeroline": False, "dtick": 1},
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
