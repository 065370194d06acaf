"""Market data and what it is made of: symbols, timeframes, ticks, minute bars, candles, bars, the synthetic market.

Pure: reading files and venues is resources/sources.
"""
