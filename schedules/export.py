"""A sequence dataset as a `.pt` file from the command line: `make export WINDOW=seq300 FOLDER=exports SYMBOLS=BTC-USD`.

Which symbols and whether they have a dataset is decided here; the file is resources/exports.py.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines.errors import MissingData, TidemarkError, UnknownName
from pipelines.sequences.specs import spec
from pipelines.settings import Settings
from resources.datasets import Datasets
from resources.environment import load_settings
from resources.exports import Export, prepare, write
from resources.lake import Lake
from resources.progress import TerminalProgress


def export_of(settings: Settings, window: str, root: Path, only: Sequence[str] = ()) -> Export:
    """The export of every symbol that has a dataset of this window, or of those in `only`.

    Raises UnknownName, BadData, or MissingData when there is nothing to export or a symbol of `only` has no dataset.
    """
    profile = settings.training.horizons
    spec(window, profile)
    datasets, lake = Datasets(root / settings.paths.datasets), Lake(root / settings.paths.lake)
    symbols = _with_dataset(datasets, window, _named(settings, only), every=bool(only))
    indexes = {symbol: lake.read("sequences", {"symbol": symbol, "window": window}) for symbol in symbols}
    return prepare(window, {symbol: datasets.open(symbol, window) for symbol in symbols}, indexes, profile)


def _named(settings: Settings, only: Sequence[str]) -> list[str]:
    known = [one.symbol for one in settings.universe.symbols]
    for symbol in only:
        if symbol not in known:
            raise UnknownName(f"symbols are {', '.join(known)}, found {symbol!r}; name one of them.")
    return list(dict.fromkeys(only or known))


def _with_dataset(datasets: Datasets, window: str, symbols: Sequence[str], *, every: bool) -> list[str]:
    """Those with a dataset; raises MissingData when none has, or with `every` when one has not, and says why."""
    found = [symbol for symbol in symbols if datasets.exists(symbol, window)]
    lacking = [symbol for symbol in symbols if symbol not in found]
    if lacking and (every or not found):
        why = datasets.refusal(lacking[0], window) or "it was not made; materialize `sequences`"
        raise MissingData(
            f"expected a {window} dataset of {' and of '.join(lacking)}, found none of {lacking[0]}: {why}"
            f"{'' if why.endswith('.') else '.'}"
        )
    return found


def main(arguments: Sequence[str]) -> int:
    """0 when the file is there, 2 with one sentence for bad input. Arguments: window, folder, symbols."""
    try:
        if len(arguments) < 2 or not all(arguments):
            raise UnknownName(
                f"expected a window and a folder like seq300 exports, then symbols if not all are meant, "
                f"found {list(arguments)}; give both."
            )
        window, folder, *only = arguments
        export = export_of(load_settings(), window, Path(), only)
        print(export.announcement)
        terminal = TerminalProgress()
        with terminal.shown():
            path = write(export, Path(folder), terminal.tell)
    except TidemarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{path}: {path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
