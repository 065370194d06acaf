"""What out-of-sample forecasts and their backtest are worth, each figure with interval and baseline.

`evaluate.scorecard` makes a `scorecard.Scorecard`; `report.report` shows several as one HTML page.
What does not live here: judgement. Thresholds and verdicts are in `pipelines.gates`.
"""
