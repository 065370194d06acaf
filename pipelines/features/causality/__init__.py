"""Is a feature causal? A detector of look-ahead for any function from bars to features, ours or a user's.

    from pipelines.features.causality import leaks
    for leak in leaks(my_features, bars):
        print(leak)

It changes what lies after a cut, runs the function again and demands that no bit before the cut moves. One idea
a file: what is done to the future (modes.py), where it is cut (cuts.py), what a function is given (world.py),
every row at once (quilt.py), many cuts with their tables at once (copies.py), how values are compared (compare.py),
what was seen (trials.py), how far a leak reaches (reach.py), the search (search.py), our own declared features
(declared.py), and those over the nights of a market that closes (nights.py). Formulas do not live here.
"""

from pipelines.features.causality.declared import declared_leaks
from pipelines.features.causality.leak import Leak
from pipelines.features.causality.modes import MODES, Mode
from pipelines.features.causality.search import leaks
from pipelines.features.causality.world import Table

__all__ = ["MODES", "Leak", "Mode", "Table", "declared_leaks", "leaks"]
