"""How sure a bound must be and how it is computed: the settings of evaluation. Thresholds live in `gates`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Levels:
    """Settings of a scorecard."""

    minimum_effective: float = 30.0  # independent labels below which no figure is shown
    skill: float = 0.99  # one-sided level of the skill bounds, before it is shared out over trials
    other: float = 0.95  # one-sided level of every other bound
    resamples: int = 1000  # block resamples behind accuracy-like bounds
    seed: int = 0  # of the resampling: same forecasts, same scorecard
    bins: int = 15  # equal-mass bins of calibration errors
    fee_stress: float = 1.5  # factor on fees in the stressed profit factor

    def skill_over(self, trials: int) -> float:
        """Level at which the chance of any false skill among `trials` stays 1 − `skill` (Bonferroni)."""
        return 1.0 - (1.0 - self.skill) / trials


DEFAULT_LEVELS = Levels()
