"""The settings of one installation: frozen and typed; an unknown or unused key is an error that names it.

Reading the file and the environment is resources/environment.py's business; here is only what they may say.
"""

import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pipelines.errors import BadSettings, TidemarkError, UnknownName
from pipelines.features.sets import feature_set
from pipelines.features.sources import HOUR
from pipelines.gates.policy import GatePolicy
from pipelines.market.aliases import check_renames
from pipelines.market.file_entry import FileEntry
from pipelines.market.quality.limits import QualityLimits
from pipelines.market.symbols import Market, check_symbol
from pipelines.market.synthetic import SyntheticConfig
from pipelines.market.timeframes import minutes_of
from pipelines.market.venue_settings import Rename, VenuesConfig
from pipelines.models.recipes import RECIPES
from pipelines.models.timing import TimingConfig
from pipelines.models.trees_data import TreesConfig
from pipelines.promotion.pointer import check_slot
from pipelines.sequences.specs import spec
from pipelines.trading.costs import Costs


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SymbolSettings(_Frozen):
    """One symbol, the market whose data makes its bars, and what is known about its trading hours and its end."""

    symbol: str
    primary: str  # venue.SYMBOL
    second: str | None = (
        None  # another market of the same symbol: repairs holes and is compared, never mixed in
    )
    calendar: str = "always"  # or an exchange_calendars code such as XNYS: which bars are expected at all
    delisted: date | None = (
        None  # the first UTC day without trading; the symbol stays in the universe before it
    )

    @field_validator("symbol")
    @classmethod
    def _symbol(cls, value: str) -> str:
        return check_symbol(value)

    @model_validator(mode="after")
    def _market(self) -> "SymbolSettings":
        for role, market in (("primary", self.primary), ("second", self.second)):
            if market is not None and Market.parse(market).symbol != self.symbol:
                raise BadSettings(
                    f"universe.symbols: {self.symbol} has {role} {market}, a market of another symbol; "
                    f"expected venue.{self.symbol}."
                )
        if self.second == self.primary:
            raise BadSettings(
                f"universe.symbols: {self.symbol} has second {self.second}, which is its primary; expected another "
                "market or none."
            )
        return self


class Universe(_Frozen):
    """What is looked at: the UTC days [start, end), the symbols, timeframes and windows."""

    start: date
    end: date
    timeframes: tuple[str, ...]
    windows: tuple[str, ...]
    feature_sets: tuple[str, ...] = ("v5", "meta12", "intraday12")
    """What `features` stores and is_causal looks at; with "hours" among them minute models see hourly context."""
    symbols: tuple[SymbolSettings, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> "Universe":
        if self.end <= self.start:
            raise BadSettings(
                f"universe.end {self.end} is not after universe.start {self.start}; swap or correct them."
            )
        names = [s.symbol for s in self.symbols]
        if len(set(names)) < len(names):
            raise BadSettings(f"universe.symbols names a symbol twice: {', '.join(names)}; remove one.")
        for timeframe in self.timeframes:
            minutes_of(timeframe)
        for name in self.feature_sets:
            feature_set(name)
        if "v5" not in self.feature_sets:
            raise BadSettings(
                f"universe.feature_sets must hold 'v5', which models are trained on, found {list(self.feature_sets)}; "
                "add it."
            )
        if self.hourly_context and HOUR not in self.timeframes:
            raise BadSettings(
                f"universe.feature_sets names hourly context, made of {HOUR} bars, and universe.timeframes "
                f"{list(self.timeframes)} lack them; add the timeframe or drop the set."
            )
        for window in self.windows:
            if spec(window).timeframe not in self.timeframes:
                raise BadSettings(
                    f"universe.windows: {window} is made of {spec(window).timeframe} bars, which are not in "
                    f"universe.timeframes {list(self.timeframes)}; add the timeframe or drop the window."
                )
        return self

    @property
    def hourly_context(self) -> bool:
        """Whether features of bars shorter than an hour read hours."""
        return any(feature_set("hours").names[0] in feature_set(name).names for name in self.feature_sets)

    @property
    def span(self) -> tuple[datetime, datetime]:
        """[start, end) as aware UTC moments."""
        return datetime.combine(self.start, time(), UTC), datetime.combine(self.end, time(), UTC)

    def of(self, symbol: str) -> SymbolSettings:
        """What is declared of a symbol; raises UnknownName."""
        for known in self.symbols:
            if known.symbol == symbol:
                return known
        raise UnknownName(
            f"symbol {symbol!r} is not in universe.symbols: expected one of "
            f"{', '.join(s.symbol for s in self.symbols)}; correct it."
        )

    def primary(self, symbol: str) -> Market:
        """The market whose ticks make the bars of a symbol."""
        return Market.parse(self.of(symbol).primary)

    def second(self, symbol: str) -> Market | None:
        """The market that repairs and is compared, or None."""
        name = self.of(symbol).second
        return None if name is None else Market.parse(name)

    def expected_span(self, symbol: str) -> tuple[datetime, datetime]:
        """[start, end) in which bars of a symbol are expected: the universe's, cut at its delisting."""
        start, end = self.span
        delisted = self.of(symbol).delisted
        return start, end if delisted is None else min(end, datetime.combine(delisted, time(), UTC))


class Source(_Frozen):
    """Where the market data comes from: exactly one kind, and only its own keys."""

    kind: Literal["synthetic", "files", "venues"]
    synthetic: SyntheticConfig | None = None
    files: tuple[FileEntry, ...] = ()
    venues: VenuesConfig | None = None

    @model_validator(mode="after")
    def _only_its_own(self) -> "Source":
        for unused in {"synthetic", "files", "venues"} - {self.kind}:
            if getattr(self, unused):
                raise BadSettings(
                    f"source.{unused} is set but source.kind is {self.kind!r}: nothing would read it; remove it."
                )
        if not getattr(self, self.kind):
            raise BadSettings(f"source.kind is {self.kind!r} but source.{self.kind} is missing; add it.")
        check_renames(self.renames)
        return self

    @property
    def renames(self) -> tuple[Rename, ...]:
        """Symbols that ended and go on under another name; only venues have them."""
        return self.venues.renames if self.venues else ()


class Training(_Frozen):
    """What every training run obeys."""

    holdout_days: int = Field(ge=0)  # the last days of the universe belong to no fit and no fold
    horizons: Literal["default", "guide"] = "default"  # whose horizons the sequences and `timing` have
    trees: TreesConfig
    timing: TimingConfig


class SessionSettings(_Frozen):
    """One paper trader."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,30}$")
    symbols: tuple[str, ...] = Field(min_length=1)
    timeframe: str
    slot: str  # whose pointer it obeys, e.g. boosted_trees/{symbol}/{timeframe} or timing/seq300
    mode: Literal["replay", "follow"] = "replay"
    capital: float = Field(gt=0)  # quote units
    max_position: float = Field(gt=0, le=1)  # share of equity
    margin: float = Field(ge=0)  # expected move above the round-trip cost, as a share of it

    def slot_for(self, symbol: str) -> str:
        """The slot that decides on a symbol; raises UnknownName for a slot that cannot be one."""
        return check_slot(self.slot.replace("{symbol}", symbol).replace("{timeframe}", self.timeframe))


class Paths(_Frozen):
    """Where everything that these settings make is kept: one folder, so that two markets never share a pointer."""

    root: str

    @property
    def lake(self) -> str:
        """Tables."""
        return f"{self.root}/lake"

    @property
    def datasets(self) -> str:
        """Memory-mapped matrices of the sequence datasets and their manifests."""
        return f"{self.root}/datasets"

    @property
    def artifacts(self) -> str:
        """Bundles, scorecards, pointers and journals."""
        return f"{self.root}/artifacts"

    @property
    def tracking(self) -> str:
        """MLflow's store and artifacts."""
        return f"{self.root}/mlflow"

    @property
    def reports(self) -> str:
        """HTML reports."""
        return f"{self.root}/reports"


class Settings(_Frozen):
    """Everything that may be set."""

    universe: Universe
    source: Source
    costs: Costs
    training: Training
    gates: GatePolicy
    quality: QualityLimits = Field(default_factory=QualityLimits)
    sessions: tuple[SessionSettings, ...] = Field(min_length=1)
    paths: Paths

    @model_validator(mode="after")
    def _sessions_exist(self) -> "Settings":
        known = {s.symbol for s in self.universe.symbols}
        names = [session.name for session in self.sessions]
        if len(set(names)) < len(names):
            raise BadSettings(
                f"sessions names one twice: {', '.join(names)}; two would share a journal, rename one."
            )
        for session in self.sessions:
            if unknown := set(session.symbols) - known:
                raise BadSettings(
                    f"session {session.name!r} trades {', '.join(sorted(unknown))}, not in universe.symbols "
                    f"({', '.join(sorted(known))}); add the symbol or drop it from the session."
                )
            if session.timeframe not in self.universe.timeframes:
                raise BadSettings(
                    f"session {session.name!r} has timeframe {session.timeframe}, not in universe.timeframes "
                    f"{list(self.universe.timeframes)}; correct it."
                )
            for symbol in session.symbols:
                if (recipe := session.slot_for(symbol).split("/")[0]) not in RECIPES:
                    raise BadSettings(
                        f"session {session.name!r} obeys slot {session.slot!r} of recipe {recipe!r}; expected a slot "
                        f"of {', '.join(RECIPES)}: correct it."
                    )
        return self

    def session(self, name: str) -> SessionSettings:
        """The session of that name; raises UnknownName."""
        for session in self.sessions:
            if session.name == name:
                return session
        raise UnknownName(
            f"session {name!r} is not known: expected one of {', '.join(s.name for s in self.sessions)}; correct it."
        )


def parse(text: str, overrides: Mapping[str, str], origin: str) -> Settings:
    """Settings of a TOML text with `A__B__C`-style overrides (section names joined by two underscores).

    Raises BadSettings, one sentence for the first thing wrong, naming the key.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"{origin} is not TOML: {error}; correct the line.") from error
    for name, value in overrides.items():
        _override(data, name, value)
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        raise BadSettings(_sentence(error, origin)) from error
    except TidemarkError as error:  # raised inside a validator: pydantic lets it through as it is
        raise BadSettings(f"{origin}: {error}") from error


def _override(data: dict[str, Any], name: str, value: str) -> None:
    *sections, key = name.lower().split("__")
    place = data
    for section in sections:
        inner = place.get(section)
        if not isinstance(inner, dict):
            raise BadSettings(
                f"environment variable TIDEMARK_{name} names section {section!r}, which the settings file does "
                f"not have (found {', '.join(place)}); correct the name."
            )
        place = inner
    if isinstance(place.get(key), dict):
        raise BadSettings(
            f"environment variable TIDEMARK_{name} names a section, expected a single value; set a key in it."
        )
    place[key] = _list(name, value) if isinstance(place.get(key), list) else value


def _list(name: str, value: str) -> object:
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(
            f'environment variable TIDEMARK_{name} must be a TOML list like ["1m", "1h"], found {value!r}; correct it.'
        ) from error


def _sentence(error: ValidationError, origin: str) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{origin}: unknown key {where}; expected a key that the settings have: correct or remove it."
    return f"{origin}: {where} is {first.get('input')!r}: {first['msg']}; correct it."
