"""A sequence dataset as a `.pt` file from the command line: `make export WINDOW=seq300 FOLDER=exports`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines.errors import TidemarkError, UnknownName
from pipelines.sequences.specs import spec
from pipelines.settings import Settings
from resources.datasets import Datasets
from resources.environment import load_settings
from resources.exports import Export, prepare, write
from resources.lake import Lake
from resources.progress import TerminalProgress


def export_of(settings: Settings, window: str, root: Path) -> Export:
    """The export of every symbol that has a dataset of this window; raises UnknownName, MissingData or BadData."""
    profile = settings.training.horizons
    spec(window, profile)
    datasets, lake = Datasets(root / settings.paths.datasets), Lake(root / settings.paths.lake)
    symbols = [s.symbol for s in settings.universe.symbols if datasets.exists(s.symbol, window)]
    indexes = {symbol: lake.read("sequences", {"symbol": symbol, "window": window}) for symbol in symbols}
    return prepare(window, {symbol: datasets.open(symbol, window) for symbol in symbols}, indexes, profile)


def main(arguments: Sequence[str]) -> int:
    """0 when the file is there, 2 with one sentence for bad input."""
    try:
        if len(arguments) != 2 or not all(arguments):
            raise UnknownName(
                f"expected a window and a folder like seq300 exports, found {list(arguments)}; give both."
            )
        export = export_of(load_settings(), arguments[0], Path())
        print(export.announcement)
        terminal = TerminalProgress()
        with terminal.shown():
            path = write(export, Path(arguments[1]), terminal.tell)
    except TidemarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{path}: {path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
