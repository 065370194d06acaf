"""The lake: every table of Tidemark as a versioned Delta Lake table under one root folder or URL.

Here: what a partition is called (`partitions`), what its content hash covers (`content`), what a write
reports (`receipt`), the table operations (`lake`) and the Dagster wrapper (`resource`, not imported here).
Not here: what the tables mean (pipelines/market/schemas.py) and who writes them (assets/). Bundles, pointers
and reports are files, not tables: resources/registry.py.
"""

from resources.lake.lake import Lake
from resources.lake.receipt import Receipt

__all__ = ["Lake", "Receipt"]
