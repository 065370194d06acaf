"""Findings about how much is known: gaps (blocking), length of the history, bars without a trade, revisions."""

from pipelines.errors import NotEnoughEvidence
from pipelines.market.coverage import interior, longest_unknown, require_known, totals, unknown_share
from pipelines.market.coverage.statements import EMPTY, PRESENT
from pipelines.market.quality.finding import EXAMPLES, Finding, Inputs, nothing
from pipelines.market.quality.limits import QualityLimits


def gaps(inputs: Inputs, limits: QualityLimits) -> Finding:
    """Unknown bars between the first and the last known one; what the settings waive by name is left out."""
    waived = limits.waived_spans(inputs.symbol, inputs.timeframe)
    share = unknown_share(inputs.ledger, waived)
    try:
        require_known(inputs.ledger, limits.unknown_share, f"{inputs.symbol} {inputs.timeframe}", waived)
        excused = f", {share.waived:,} more are waived by name" if share.waived else ""
        sentence = f"{share.unknown:,} of {share.expected:,} bars are unknown ({share.value:.2%}){excused}."
        passed = True
    except NotEnoughEvidence as refusal:
        sentence, passed = str(refusal), False
    examples = longest_unknown(inputs.ledger, EXAMPLES, waived)
    return Finding("gaps", passed, share.value, limits.unknown_share, sentence, True, examples)


def history(inputs: Inputs, limits: QualityLimits) -> Finding:
    """How much of the asked span lies before the first bar or after the last: shorter data than was asked for."""
    asked, inside = int(inputs.ledger["bars"].sum()), interior(inputs.ledger)
    if not asked or inside.is_empty():
        return Finding("history", False, 1.0, limits.outside_share, "no bar is known in the asked span.")
    outside = 1.0 - int(inside["bars"].sum()) / asked
    sentence = (
        f"the bars go from {inside['time'][0]:%Y-%m-%d %H:%M} to {inside['end'][-1]:%Y-%m-%d %H:%M}, asked for were "
        f"{inputs.ledger['time'][0]:%Y-%m-%d %H:%M} to {inputs.ledger['end'][-1]:%Y-%m-%d %H:%M}: {outside:.1%} of "
        "the asked bars lie outside."
    )
    return Finding("history", outside <= limits.outside_share, outside, limits.outside_share, sentence)


def filled(inputs: Inputs, limits: QualityLimits) -> Finding:
    """Share of bars in which nobody traded, whose close is carried."""
    counts = totals(inputs.ledger)
    rows = counts[PRESENT] + counts[EMPTY]
    if not rows:
        return nothing("filled", limits.filled_share, "there is no bar.")
    share = counts[EMPTY] / rows
    sentence = (
        f"{counts[EMPTY]:,} of {rows:,} bars had no trade and carry the close before them ({share:.2%})."
    )
    return Finding("filled", share <= limits.filled_share, share, limits.filled_share, sentence)


def revisions(inputs: Inputs, limits: QualityLimits) -> Finding:
    """Candles that the venue changed after they were first seen."""
    if inputs.candles.is_empty() or "seen_at" not in inputs.candles.columns:
        return nothing(
            "revisions", limits.revision_share, "no candle has a moment at which it was first seen."
        )
    revised = inputs.revisions["open_time"].n_unique()
    share = revised / inputs.candles.height
    sentence = (
        f"{revised:,} of {inputs.candles.height:,} candles were changed after they were first seen ({share:.2%}); the "
        "bars keep the first value."
    )
    examples = inputs.revisions.sort("seen_at", descending=True).head(EXAMPLES)
    return Finding(
        "revisions", share <= limits.revision_share, share, limits.revision_share, sentence, rows=examples
    )
