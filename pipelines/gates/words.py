"""How numbers are said in a verdict's sentence."""


def percent(share: float | None, digits: int = 2) -> str:
    """A share as percent with a true minus sign, or "unknown"."""
    return "unknown" if share is None else f"{100 * share:.{digits}f} %".replace("-", "−")


def number(value: float | None, digits: int = 2) -> str:
    """A plain number, or "unknown"."""
    return "unknown" if value is None else f"{value:.{digits}f}".replace("-", "−")


def above(value: float | None, threshold: float) -> bool:
    """Whether a known value exceeds the threshold; an unknown one never does."""
    return value is not None and value > threshold
