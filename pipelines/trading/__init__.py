"""The paper trade.

Costs, the decision rule, one pure step per bar, the double-entry ledger, and the fold of it all.

One `step(state, bar, forecast, config)` serves backtest, replay and live, so they cannot differ. What does
not live here: models, clocks, disks (the journal is `resources/journal.py`) and judgement of the result
(`evaluation`).
"""
