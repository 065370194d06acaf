"""The trade itself: market, features, sequences, models, evaluation, gates, promotion, trading.

Pure polars, numpy, torch and scikit-learn: no Dagster, no network, no clock, no environment. Everything that
touches the outside world is an argument. The arrow: pipelines <- resources <- assets <- jobs <- schedules.
"""
