"""The report: one self-contained HTML page of verdicts, figures beside baselines, and plots; no network.

Pure: plain dicts in, text out. What does not live here: the plots (`report_plots`), the data section
(`report_data`), the look (`report_style`), and where the page is written.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from plotly.offline import get_plotlyjs

from pipelines.evaluation import report_plots
from pipelines.evaluation.report_data import data_section
from pipelines.evaluation.report_style import STYLE

Plain = Mapping[str, Any]


def report(
    entries: Sequence[Plain],
    paper: Sequence[Plain] = (),
    data_notes: Sequence[Plain] = (),
    title: str = "Tidemark report",
    made: str = "",
    tables: Sequence[Plain] = (),
    unfitted: Sequence[Plain] = (),
) -> str:
    """The page as text.

    `entries`: one a candidate, `{"scorecard": Scorecard.as_dict(), "verdicts": [asdict(Verdict), …]}`, with
    an optional `"note"`. `paper`: sessions, `{"name": …, "summary": {label: value}, "equity": [{"time": ISO
    8601, "equity": …}]}`. `data_notes`: `{"subject": …, "note": …}`. `made`: when, in words, since nothing
    here reads a clock. `tables`: what each symbol and timeframe holds, see `data_section`. `unfitted`:
    candidates that were refused before a model existed, `{"slot": …, "why": …}`.
    """
    sections = [
        _summary(entries, unfitted),
        *(_candidate(entry, number) for number, entry in enumerate(entries)),
        *(_paper(session, number) for number, session in enumerate(paper)),
        data_section(tables, data_notes),
    ]
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<style>{STYLE}</style><script>{get_plotlyjs()}</script></head><body><main>"
        f"<header><h1>{escape(title)}</h1><p>{escape(made)}</p></header>{''.join(sections)}</main></body></html>"
    )


def promoted(entry: Plain) -> bool:
    """Whether every required verdict of an entry passed, and at least one was required."""
    required = [verdict["passed"] for verdict in entry["verdicts"] if verdict["required"]]
    return bool(required) and all(required)


def _summary(entries: Sequence[Plain], unfitted: Sequence[Plain]) -> str:
    if not entries:
        nothing = "<p>No candidate was evaluated.</p>"
        return f"<section><h2>Candidates</h2>{nothing}{_unfitted(unfitted)}</section>"
    rows = []
    for number, entry in enumerate(entries):
        card = entry["scorecard"]
        failed = [v["gate"] for v in entry["verdicts"] if v["required"] and not v["passed"]]
        rows.append(
            f"<tr><td><a href='#c{number}'>{escape(card['subject']['recipe'])}</a></td>"
            f"<td>{escape(card['subject']['partition'])}</td><td>{_outcome(entry)}</td>"
            f"<td>{escape(', '.join(failed)) or 'none'}</td><td class='n'>{card['n']:,}</td>"
            f"<td class='n'>{card['n_eff']:,.0f}</td></tr>"
        )
    head = "<th>recipe</th><th>partition</th><th>verdict</th><th>failed gates</th>"
    return (
        f"<section><h2>Candidates</h2><div class='wide'><table><thead><tr>{head}<th class='n'>forecasts</th>"
        f"<th class='n'>independent</th></tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        f"{_unfitted(unfitted)}</section>"
    )


def _unfitted(refused: Sequence[Plain]) -> str:
    if not refused:
        return ""
    rows = "".join(
        f"<tr><td class='t'>{escape(one['slot'])}</td><td>{escape(one['why'])}</td></tr>" for one in refused
    )
    return f"<h3>Refused before a model was made</h3><div class='wide'><table><tbody>{rows}</tbody></table></div>"


def _candidate(entry: Plain, number: int) -> str:
    card, subject = entry["scorecard"], entry["scorecard"]["subject"]
    note = f"<p>{escape(entry['note'])}</p>" if entry.get("note") else ""
    about = (
        f"{card['start'][:16]} to {card['end'][:16]} UTC",
        ", ".join(card["symbols"]),
        f"{subject['timeframe']} bars, horizon {subject['horizon']}",
        f"{card['n']:,} forecasts worth {card['n_eff']:,.0f} independent labels",
        f"candidates tried: {subject['trials']:,}",
        f"bundle {subject['bundle'][:12]}",
    )
    shares = " · ".join(
        f"{name} {share:.1%}"
        for name, share in zip(("DOWN", "NEUTRAL", "UP"), card["class_shares"], strict=True)
    )
    return (
        f"<section id='c{number}'><h2>{escape(subject['recipe'])} "
        f"<span>{escape(subject['partition'])}</span> "
        f"{_outcome(entry)}</h2><p class='quiet'>{escape(' · '.join(about))}</p>{note}"
        f"{_verdicts(entry['verdicts'])}{_plots(card, number)}"
        f"<h3>Figures beside doing nothing</h3><p class='quiet'>Outcomes: {shares}</p>"
        f"{_figures(card)}</section>"
    )


def _verdicts(verdicts: Sequence[Plain]) -> str:
    rows = "".join(
        f"<tr class='{'' if verdict['required'] else 'advisory'}'><td><b>{escape(verdict['gate'])}</b></td>"
        f"<td>{_badge(verdict['passed'], 'pass', 'fail')}</td><td><b>{escape(verdict['title'])}</b>"
        f"{'' if verdict['required'] else ' <i>(advisory: decides nothing)</i>'}<br>"
        f"{escape(verdict['sentence'])}</td></tr>"
        for verdict in verdicts
    )
    return f"<h3>Verdicts</h3><div class='wide'><table><tbody>{rows}</tbody></table></div>"


def _plots(card: Plain, number: int) -> str:
    if not card["equity"]:
        return "<p class='withheld'>Too few independent labels: no figure or curve is shown.</p>"
    return (
        "<div class='pair'><figure><figcaption>Backtest after costs, beside buy and hold</figcaption>"
        f"{report_plots.growth(card['equity'], f'growth{number}')}</figure>"
        "<figure><figcaption>Reliability: forecast against outcome</figcaption>"
        f"{report_plots.reliability(card['reliability'], f'reliability{number}')}</figure></div>"
    )


def _figures(card: Plain) -> str:
    rows = "".join(
        f"<tr><td>{escape(one['title'])}</td><td class='n'><b>{_say(one['value'], one['unit'])}</b></td>"
        f"<td class='n'>{_interval(one)}</td><td class='n'>{_say(one['baseline'], one['unit'])}</td>"
        f"<td class='quiet'>{escape(one['baseline_name'])}</td></tr>"
        for one in card["figures"]
    )
    names = ("value", "one-sided bounds", "baseline")
    head = "<th>figure</th>" + "".join(f"<th class='n'>{name}</th>" for name in names) + "<th>of</th>"
    return f"<div class='wide'><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"


def _interval(one: Plain) -> str:
    if one["lower"] is None or one["upper"] is None:
        return "–"
    return (
        f"{_say(one['lower'], one['unit'])} … {_say(one['upper'], one['unit'])} at {100 * one['level']:.5g} %"
    )


def _say(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    if unit == "share":
        text = f"{100 * value:.2f} %"
    elif unit in ("days", "count"):
        text = f"{value:,.0f}"
    else:
        text = f"{value:.3f}" + (f" {unit}" if unit == "nats" else "")
    return text.replace("-", "−")


def _paper(session: Plain, number: int) -> str:
    rows = "".join(
        f"<tr><td>{escape(str(label))}</td><td class='n'>{escape(str(value))}</td></tr>"
        for label, value in session.get("summary", {}).items()
    )
    points = session.get("equity", ())
    plot = report_plots.paper_equity(points, f"paper{number}") if points else ""
    return (
        f"<section><h2>Paper session <span>{escape(session['name'])}</span></h2>"
        f"{plot}<div class='wide'><table><tbody>{rows}</tbody></table></div></section>"
    )


def _outcome(entry: Plain) -> str:
    return _badge(promoted(entry), "promotable", "refused")


def _badge(good: bool, yes: str, no: str) -> str:
    return f"<span class='badge {'yes' if good else 'no'}'>{yes if good else no}</span>"
