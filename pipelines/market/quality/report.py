"""The data-quality page of one symbol and timeframe: self-contained HTML, no network; and a line of text for the UI.

Pure: frames and findings in, text out. The look is handed in (pipelines.evaluation.report_style), since this package
stands below it; the plots are plots.py, where the page is written is assets/data_quality.py.
"""

from collections.abc import Sequence
from html import escape

import polars as pl

from pipelines.market.coverage import totals
from pipelines.market.coverage.statements import EMPTY, PRESENT
from pipelines.market.quality import plots
from pipelines.market.quality.agreement import differences
from pipelines.market.quality.finding import Finding, Inputs
from pipelines.market.quality.limits import QualityLimits

BLOCKS = "▁▂▃▄▅▆▇█"
SPARKS = 60  # characters
SPANS = 40  # holes that are listed


def report(
    inputs: Inputs, findings: Sequence[Finding], limits: QualityLimits, style: str, made: str = ""
) -> str:
    """The page as text; `style`: a style sheet; `made`: when, in words, since nothing here reads a clock."""
    from plotly.offline import get_plotlyjs

    title = f"Data quality of {inputs.symbol} {inputs.timeframe}"
    sections = [
        _summary(inputs, findings),
        _plots(inputs, limits),
        _holes(inputs.ledger),
        _examples(findings),
    ]
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<style>{style}</style><script>{get_plotlyjs()}</script></head><body><main>"
        f"<header><h1>{escape(title)}</h1><p>{escape(made)}</p></header>{''.join(sections)}</main></body></html>"
    )


def sparkline(ledger: pl.DataFrame, timeframe: str) -> str:
    """Share of known bars over the asked span, oldest first, as a line of block characters."""
    if ledger.is_empty():
        return ""
    days = plots.daily_shares(ledger, timeframe)
    parts = days.with_row_index("row").group_by(pl.col("row") * min(SPARKS, days.height) // days.height)
    known = parts.agg(((pl.col(PRESENT) + pl.col(EMPTY)) * pl.col("bars")).sum() / pl.col("bars").sum())
    shares = known.sort("row").to_series(1)
    return "".join(BLOCKS[min(int(share * len(BLOCKS)), len(BLOCKS) - 1)] for share in shares)


def _summary(inputs: Inputs, findings: Sequence[Finding]) -> str:
    counts = totals(inputs.ledger)
    said = " · ".join(f"{kind} {bars:,}" for kind, bars in counts.items())
    rows = "".join(
        f"<tr><td><b>{escape(one.name)}</b></td><td>{_badge(one)}</td><td>{escape(one.sentence)}"
        f"{'' if one.blocking else ' <i>(blocks nothing)</i>'}</td></tr>"
        for one in findings
    )
    return (
        f"<section><h2>Findings</h2><p class='quiet'>{sum(counts.values()):,} expected bars: {said}</p>"
        f"<div class='wide'><table><tbody>{rows}</tbody></table></div></section>"
    )


def _badge(one: Finding) -> str:
    if one.value is None:
        return "<span class='badge'>nothing to see</span>"
    word = "pass" if one.passed else "fail" if one.blocking else "warning"
    return f"<span class='badge {'yes' if one.passed else 'no'}'>{word}</span>"


def _plots(inputs: Inputs, limits: QualityLimits) -> str:
    parts = []
    if not inputs.ledger.is_empty():
        parts.append(("Coverage by day", plots.calendar(inputs.ledger, inputs.timeframe, "coverage")))
    if not inputs.bars.is_empty():
        drawn = plots.closes(inputs.bars, inputs.second, inputs.timeframe, limits.outlier_move, "closes")
        parts.append(("Close, and the prices that no neighbour or second market confirms", drawn))
    apart = differences(inputs.bars, inputs.candles)
    if not apart.is_empty():
        values = {"close": apart["close"], "volume": apart["volume"]}
        drawn = plots.histogram(values, "difference, basis points", "differences", unit=1e4)
        parts.append(("Tick-built bars against the exchange's candles", drawn))
    if not inputs.delays.is_empty():
        parts.append(("Delay of the recorded events", plots.delays(inputs.delays, "delays")))
    figures = "".join(
        f"<figure><figcaption>{escape(title)}</figcaption>{plot}</figure>" for title, plot in parts
    )
    return f"<section><h2>Pictures</h2>{figures}</section>" if figures else ""


def _holes(ledger: pl.DataFrame) -> str:
    holes = ledger.filter(~pl.col("kind").is_in([PRESENT, EMPTY]))
    if holes.is_empty():
        return "<section><h2>Holes</h2><p>None.</p></section>"
    rows = "".join(
        f"<tr><td class='t'>{row['time']:%Y-%m-%d %H:%M}</td><td class='t'>{row['end']:%Y-%m-%d %H:%M}</td>"
        f"<td>{escape(row['kind'])}</td><td class='n'>{row['bars']:,}</td><td>{escape(row['reason'])}</td></tr>"
        for row in holes.sort("bars", "time", descending=[True, False]).head(SPANS).iter_rows(named=True)
    )
    head = "<th>from</th><th>to</th><th>kind</th><th class='n'>bars</th><th>why</th>"
    return (
        f"<section><h2>Holes</h2><p class='quiet'>{holes.height:,} spans, the longest {SPANS} first</p>"
        f"<div class='wide'><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _examples(findings: Sequence[Finding]) -> str:
    parts = [
        f"<details><summary>{escape(one.name)}</summary>{_table(one.rows)}</details>"
        for one in findings
        if not one.rows.is_empty() and not (one.passed and one.blocking)
    ]
    return f"<section><h2>Examples</h2>{''.join(parts)}</section>" if parts else ""


def _table(rows: pl.DataFrame) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in rows.columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(_said(value))}</td>' for value in row)}</tr>" for row in rows.iter_rows()
    )
    return f"<div class='wide'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _said(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value).removesuffix("+00:00")
