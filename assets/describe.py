"""What every materialisation says about itself: receipts as Dagster metadata, and owners. Nothing is computed here."""

from collections.abc import Mapping, Sequence

import dagster as dg

from resources.lake import Receipt

Raw = str | int | float | bool | dg.MetadataValue
"""What a metadata entry may be."""
OWNERS = ["team:research"]
PAPER_OWNERS = ["team:paper"]


def receipt_metadata(receipt: Receipt, notes: Sequence[str] = ()) -> dict[str, dg.MetadataValue]:
    """Rows, span, table version and content hash of what was written."""
    metadata: dict[str, dg.MetadataValue] = {
        "dagster/partition_row_count": dg.MetadataValue.int(receipt.rows),
        "dagster/table_name": dg.MetadataValue.text(receipt.table),
        "table_version": dg.MetadataValue.int(receipt.version),
        "sha256": dg.MetadataValue.text(receipt.sha256),
    }
    if receipt.first is not None and receipt.last is not None:
        metadata["first"] = dg.MetadataValue.text(receipt.first.isoformat())
        metadata["last"] = dg.MetadataValue.text(receipt.last.isoformat())
    if notes:
        metadata["notes"] = dg.MetadataValue.md("\n".join(f"- {note}" for note in notes))
    return metadata


def written(
    receipt: Receipt, notes: Sequence[str] = (), checks: Sequence[dg.AssetCheckResult] = (), **more: Raw
) -> dg.MaterializeResult:
    """The result of an asset that wrote one table partition: receipt, notes, checks and its data version."""
    return dg.MaterializeResult(
        metadata={**receipt_metadata(receipt, notes), **more},
        check_results=list(checks),
        data_version=dg.DataVersion(receipt.sha256[:16]),
    )


def table(rows: Sequence[Mapping[str, object]]) -> dg.MetadataValue:
    """Rows of one shape as a Markdown table."""
    if not rows:
        return dg.MetadataValue.md("nothing")
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(str(row[name]) for name in names) + " |" for row in rows]
    return dg.MetadataValue.md("\n".join(lines))
