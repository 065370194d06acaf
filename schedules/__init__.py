"""When things run, and the two code locations that workspace.yaml loads: research and paper.

The only folder that sees everything to its left; `research.py` and `paper.py` are the tables of contents.
"""
