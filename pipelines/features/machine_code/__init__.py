"""Where machine code is kept between processes, so that formulas are compiled once a machine. No formula lives here.

numba is imported by kept.py, which is imported when something is compiled: loading a code location stays cheap.
"""
