"""The lake as a Dagster resource. Only the wrapper lives here."""

import dagster as dg
from pydantic import Field

from resources.lake.lake import Lake


class LakeResource(dg.ConfigurableResource):
    """Root of the lake as configuration; `lake()` gives the tables."""

    root: str
    storage_options: dict[str, str] = Field(default_factory=dict)

    def lake(self) -> Lake:
        """The lake under the root."""
        return Lake(self.root, self.storage_options)
