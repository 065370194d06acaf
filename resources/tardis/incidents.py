"""The archive's own reports of outages as evidence. Asking for them is archive.py."""

from datetime import UTC, datetime
from typing import Any

import polars as pl

from pipelines.errors import BadAnswer
from pipelines.market.schemas import EVIDENCE


def evidence_of(details: dict[str, Any], exchange: str, now: datetime) -> pl.DataFrame:
    """EVIDENCE of kind venue-down, one row a report, by start; a report without an end lasts until now.

    Raises BadAnswer for details without a list of reports, or a report without times.
    """
    reports = details.get("incidentReports") if isinstance(details, dict) else None
    if not isinstance(reports, list):
        raise BadAnswer(
            f"tardis gave details of {exchange} without incidentReports: expected a list, found {reports!r}; "
            "its outages are not known, run the same command again later."
        )
    rows = [_row(report, exchange, now) for report in reports]
    return pl.DataFrame(rows, schema=EVIDENCE, orient="row").sort("time", "end")


def _row(report: Any, exchange: str, now: datetime) -> tuple[datetime, datetime, str, str, datetime]:
    try:
        start = _moment(report["from"])
        end = _moment(report["to"]) if report.get("to") else max(now, start)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadAnswer(
            f"tardis reports an outage of {exchange} without times: expected from and to, found {report!r}; its "
            "outages are not known, run the same command again later."
        ) from error
    detail = " ".join(str(report.get("details") or "").split())
    reason = f"tardis reports an outage of {exchange}" + (f": {detail}" if detail else "")
    return start, max(end, start), "venue-down", reason, now


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
