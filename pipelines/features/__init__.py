"""Features of bars: 53 in v5, 17 of the stacked model, 12 within the day; each declared once, causal by construction.

A feature is one object in the file of its group (price, session, spread, volume, averages, momentum, bands, book,
flow, tick_volatility; meta_price, meta_volume, funding, cohort_flow; intraday, order_flow, regime, breadth; hours); the
catalogue finds it there and the same laws test it. Formulas are functions of a block of rows, in numpy or compiled
(compiled.py), not polars expressions: a window summed afresh from powers of two (rolling.py) leaves no dust, unlike a
running total. The tables in and out are polars. Labels live in pipelines.sequences.
"""

from pipelines.features.declaration import Feature, Minutes
from pipelines.features.engine import compute
from pipelines.features.sets import FeatureSet, best_set, catalogue, feature_set

__all__ = ["Feature", "FeatureSet", "Minutes", "best_set", "catalogue", "compute", "feature_set"]
