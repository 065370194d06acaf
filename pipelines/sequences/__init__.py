"""Sequence datasets: specs, labels, folds, valid windows and their zero-copy views.

Everything here is pure: a bar table and a feature table in, labels, splits and windows out. No model is
fitted here (pipelines.models) and nothing is stored here (resources decides where a matrix lies).
"""
