"""Where raw market data comes from: the synthetic market and the user's own files, behind one interface.

Here: the interface (`source`), the synthetic market on it (`synthetic`) and files on it (`files`, with the
spans of tick files in `tick_files` and raw bytes in `reading`). Not here: parsing and row rules
(pipelines/market), and writing what is delivered to the lake (assets/).
"""

from resources.sources.files import FilesSource
from resources.sources.source import Delivery, Incremental, Source
from resources.sources.synthetic import SyntheticSource

__all__ = ["Delivery", "FilesSource", "Incremental", "Source", "SyntheticSource"]
