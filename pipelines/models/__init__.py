"""Models: the table of recipes, what each fit saw, and bundles that forecast by themselves.

Fitting and forecasting are kept apart: a paper trader imports forecaster.py, which loads lightgbm or torch
only when a bundle asks for it and never touches the training code. Verdicts live in pipelines.evaluation and
gates.
"""
