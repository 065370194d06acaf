"""What a feature table is worth, for people: the catalogue as a table, nulls, drift, correlation, importance, a page.

Pure: frames in, frames and text out. Labels are handed in and so is the look of the page, since sequences and
evaluation stand above this package; where the page is written is assets/feature_report.py. This file stays empty of
imports because the catalogue loads every module beside it.
"""
