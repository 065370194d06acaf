"""The Tardis tick archive: daily files, raw messages and outages, fetched by its own clients and verified here.

What the files and messages mean is pipelines/market/tardis and pipelines/market/native.
"""

from resources.tardis.archive import Archive
from resources.tardis.manifest import Manifest

__all__ = ["Archive", "Manifest"]
