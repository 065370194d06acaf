"""What may be chosen about the synthetic market, and the limits of each choice. Nothing is generated here."""

from dataclasses import dataclass

from pipelines.errors import BadSettings

LIMITS: dict[str, tuple[float, float]] = {
    "seed": (0, 2**63 - 1),
    "edge": (0.0, 0.7),  # above 0.7 minute returns lose most of their variance to the drift
    "trades_per_day": (1_440, 20_000_000),  # below one a minute whole hours would be empty
    "book_per_day": (1_440, 8_640_000),
    "annual_volatility": (0.01, 3.0),
    "half_spread_bps": (0.01, 100.0),
    "price_digits": (5, 9),
    "drop_minutes": (0.0, 0.5),
}
WHOLE = ("seed", "trades_per_day", "book_per_day", "price_digits")


@dataclass(frozen=True)
class SyntheticConfig:
    """One synthetic market; equal configs give equal markets. Raises BadSettings outside `LIMITS`."""

    seed: int = 7
    edge: float = 0.20
    """Correlation of the best causal forecast with the 60-minute log return; 0 is a martingale."""
    trades_per_day: int = 10_000
    """Mean over days; busy days have more."""
    book_per_day: int = 8_640
    """Snapshots a day, evenly spaced: one each 10 s."""
    annual_volatility: float = 0.8
    """Of the log price over horizons far beyond an hour, per square root of 365 days."""
    half_spread_bps: float = 0.5
    """Typical distance from mid to best quote, bp of the mid."""
    price_digits: int = 7
    """Significant digits of a price at the day's open: 7 is a tick of 0.01 at 60,000."""
    drop_minutes: float = 0.0
    """Share of minutes of which nothing is recorded (see `faults`)."""

    def __post_init__(self) -> None:
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            whole = name not in WHOLE or isinstance(value, int)
            if isinstance(value, bool) or not whole or not low <= value <= high:
                kind = "a whole number" if name in WHOLE else "a number"
                raise BadSettings(
                    f"synthetic {name} must be {kind} from {low} to {high}, found {value!r}; correct it."
                )
