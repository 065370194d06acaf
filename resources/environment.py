"""The only reader of environment variables: which settings file, which overrides, which secrets. No defaults live here.

`TIDEMARK_SETTINGS` names the file (default settings.toml); any other `TIDEMARK_A__B` overrides key b of section a.
"""

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from pipelines.errors import BadSettings, BadSpan
from pipelines.settings import Settings, parse
from resources.clock import Clock

PREFIX = "TIDEMARK_"
CHOICE = "TIDEMARK_SETTINGS"


def load_settings(environment: Mapping[str, str] | None = None, clock: Clock | None = None) -> Settings:
    """Settings of this process; raises BadSettings, or BadSpan for a universe that reaches into the future."""
    environment = os.environ if environment is None else environment
    path = Path(environment.get(CHOICE) or "settings.toml")
    if not path.is_file():
        raise BadSettings(
            f"settings file {path} does not exist (looked in {Path.cwd()}); set {CHOICE} or start from the "
            "repository root."
        )
    overrides = {
        name.removeprefix(PREFIX): value
        for name, value in sorted(environment.items())
        if name.startswith(PREFIX) and name != CHOICE
    }
    return _recorded(parse(path.read_text(encoding="utf-8"), overrides, str(path)), clock or Clock())


def _recorded(settings: Settings, clock: Clock) -> Settings:
    """The settings, unless their universe has days that nobody has recorded a single bar of: today is the last."""
    (start, end), now = settings.universe.span, clock.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    if start > now:
        raise BadSpan(
            f"universe.start {start:%Y-%m-%d} is in the future: expected a day up to today, {now:%Y-%m-%d} UTC; "
            "choose an earlier start."
        )
    if end > midnight:
        raise BadSpan(
            f"universe.end {end:%Y-%m-%d} is in the future: expected at most {midnight:%Y-%m-%d}, the day after "
            f"today, found a day that has not begun on {now:%Y-%m-%d} UTC; choose an earlier end."
        )
    return settings


def dagster_home() -> Path:
    """The folder of the Dagster instance: DAGSTER_HOME, or the working directory (the repository root)."""
    return Path(os.environ.get("DAGSTER_HOME") or Path())


def secrets_of(venue: str, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The keys of a venue: COINBASE_API_KEY, COINBASE_API_SECRET …, by ccxt's names; empty when none is set.

    Public data needs none, Alpaca and Tardis do. They are read here and nowhere stored.
    """
    environment = os.environ if environment is None else environment
    prefix = venue.upper().replace("-", "_")
    names = {
        "apiKey": f"{prefix}_API_KEY",
        "secret": f"{prefix}_API_SECRET",
        "password": f"{prefix}_API_PASSWORD",
    }
    return {name: environment[variable] for name, variable in names.items() if environment.get(variable)}
