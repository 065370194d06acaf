"""The archive's own reports of outages as evidence. Asking for them is archive.py."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from pipelines.errors import BadAnswer
from pipelines.market.schemas import EVIDENCE

UNENDED = timedelta(days=7)
"""What a report without an end is believed for: one that was forgotten open would silence every day since."""
Moments = tuple[datetime, datetime]


@dataclass(frozen=True)
class Incidents:
    """What the reports of one exchange are evidence of, and which are not believed."""

    evidence: pl.DataFrame  # EVIDENCE of kind venue-down, by start
    unended: tuple[datetime, ...] = ()  # starts of reports without an end
    reversed: tuple[Moments, ...] = ()  # start and end of reports that end before they start

    def notes_of(self, start: datetime, end: datetime) -> tuple[str, ...]:
        """Sentences about reports that are not believed, where they may concern [start, end)."""
        forgotten = (
            f"an outage reported since {since:%Y-%m-%d %H:%M} has no end: it is believed for {UNENDED.days} days "
            "and ignored here"
            for since in self.unended
            if since + UNENDED <= start
        )
        turned = (
            f"an outage reported from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} ends before it starts: ignored"
            for first, last in self.reversed
            if last < end and first >= start
        )
        return (*forgotten, *turned)


def evidence_of(details: dict[str, Any], exchange: str, now: datetime) -> Incidents:
    """The reports of an exchange; one without an end lasts until now, and no longer than UNENDED.

    Raises BadAnswer for details without a list of reports, or a report without times.
    """
    reports = details.get("incidentReports") if isinstance(details, dict) else None
    if not isinstance(reports, list):
        raise BadAnswer(
            f"tardis gave details of {exchange} without incidentReports: expected a list, found {reports!r}; "
            "its outages are not known, run the same command again later."
        )
    spans = [_span(report, exchange) for report in reports]
    rows = [
        (start, _end(start, end, now), "venue-down", _reason(report, exchange), now)
        for report, (start, end) in zip(reports, spans, strict=True)
        if end is None or end >= start
    ]
    return Incidents(
        pl.DataFrame(rows, schema=EVIDENCE, orient="row").sort("time", "end"),
        tuple(start for start, end in spans if end is None),
        tuple((start, end) for start, end in spans if end is not None and end < start),
    )


def _span(report: Any, exchange: str) -> tuple[datetime, datetime | None]:
    try:
        return _moment(report["from"]), _moment(report["to"]) if report.get("to") else None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadAnswer(
            f"tardis reports an outage of {exchange} without times: expected from and to, found {report!r}; its "
            "outages are not known, run the same command again later."
        ) from error


def _end(start: datetime, end: datetime | None, now: datetime) -> datetime:
    return end if end is not None else max(start, min(now, start + UNENDED))


def _reason(report: Any, exchange: str) -> str:
    detail = " ".join(str(report.get("details") or "").split())
    return f"tardis reports an outage of {exchange}" + (f": {detail}" if detail else "")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
