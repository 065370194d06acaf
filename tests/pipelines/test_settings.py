"""Settings: what is written means exactly one thing, and anything else is one sentence that names it."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.errors import BadSettings, TidemarkError, UnknownName
from pipelines.market.symbols import Market
from pipelines.settings import Settings, parse

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "settings.toml").read_text()


def changed(old: str, new: str) -> str:
    """The repository's settings with every occurrence of `old` replaced; it has to be there."""
    assert old in TEXT, old
    return TEXT.replace(old, new)


def refused(text: str, overrides: dict[str, str] | None = None) -> str:
    """The sentence with which a text is refused."""
    with pytest.raises(TidemarkError) as caught:
        parse(text, overrides or {}, "s.toml")
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


@pytest.mark.parametrize("name", ["settings.toml", "settings.real.toml"])
def test_the_repository_s_settings_parse(name: str) -> None:
    settings = parse((ROOT / name).read_text(), {}, name)
    start, end = settings.universe.span
    assert start < end
    assert start.tzinfo is UTC
    assert settings.sessions
    for symbol in settings.universe.symbols:
        assert settings.universe.primary(symbol.symbol) == Market.parse(symbol.primary)
    for session in settings.sessions:
        assert settings.session(session.name) is session


def test_the_two_settings_share_no_folder() -> None:
    """A pointer of one market must never be obeyed in another."""
    roots = {parse((ROOT / n).read_text(), {}, n).paths.root for n in ("settings.toml", "settings.real.toml")}
    assert len(roots) == 2


def test_the_span_is_half_open_utc() -> None:
    settings = parse(TEXT, {}, "s.toml")
    assert settings.universe.span == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC))


def test_settings_are_frozen() -> None:
    settings = parse(TEXT, {}, "s.toml")
    with pytest.raises(ValueError, match="frozen"):
        settings.paths.root = "elsewhere"  # type: ignore[misc]


SECTIONS = ("[universe]", "[source]", "[source.synthetic]", "[costs]", "[training]", "[training.trees]")
SECTIONS += ("[training.timing]", "[training.timing.loop]", "[gates]", "[[sessions]]", "[paths]")


@pytest.mark.parametrize("section", SECTIONS)
def test_an_unknown_key_is_named_wherever_it_stands(section: str) -> None:
    sentence = refused(TEXT.replace(section, f"{section}\nfee_bpps = 1", 1))
    assert sentence.startswith("s.toml: unknown key ")
    assert "fee_bpps" in sentence
    where = section.strip("[]").split(".")
    assert all(part in sentence for part in where)


def test_a_horizon_profile_is_one_of_two() -> None:
    assert parse(TEXT, {}, "s.toml").training.horizons == "default"
    assert parse(TEXT, {"TRAINING__HORIZONS": "guide"}, "s.toml").training.horizons == "guide"
    sentence = refused(TEXT, {"TRAINING__HORIZONS": "guides"})
    assert (
        sentence == "s.toml: training.horizons is 'guides': Input should be 'default' or 'guide'; correct it."
    )


def test_a_training_device_is_one_of_two() -> None:
    sentence = refused(changed("[training.timing.loop]", "[training.timing.loop]\ndevice = 'gpu'"))
    assert "training.timing.loop.device is 'gpu': Input should be 'cpu' or 'cuda'" in sentence


def test_an_unknown_section_is_named() -> None:
    assert "unknown key broker;" in refused(TEXT + "\n[broker]\nname = 'x'\n")


ETH = 'symbol = "ETH-USD"\nprimary = "synthetic.ETH-USD"'


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('symbol = "BTC-USD"', 'symbol = "btcusd"', ["btcusd", "BASE-QUOTE"]),
        ('primary = "synthetic.BTC-USD"', 'primary = "synthetic.DOGE-USD"', ["BTC-USD", "synthetic.DOGE-USD"]),
        ('timeframes = ["1m", "1h"]', 'timeframes = ["1m", "1h", "7m"]', ["'7m'", "1m, 5m"]),
        ('"seq500h"]', '"seq501"]', ["'seq501'", "seq500h"]),
        ('timeframes = ["1m", "1h"]', 'timeframes = ["1m"]', ["seq500h", "1h"]),
        ("end = 2026-05-01", "end = 2025-12-31", ["2025-12-31", "2026-01-01", "end"]),
        ("end = 2026-05-01", "end = 2026-01-01", ["2026-01-01", "end"]),
        ("end = 2026-05-01", 'end = "soon"', ["universe.end", "'soon'"]),
        (ETH, ETH.replace("ETH", "BTC"), ["twice", "BTC-USD"]),
        ('kind = "synthetic"', 'kind = "ccxt"', ["source.kind", "'ccxt'", "'files'"]),
        ("edge = 0.20", "edge = 2.0", ["edge", "2.0", "0.7"]),
        ("edge = 0.20", 'edge = "big"', ["source.synthetic.edge", "'big'"]),
        ("fee_bps = 2.0", "fee_bps = -2.0", ["fee_bps", "-2.0"]),
        ('"G12", "effective_sample"]', '"G12", "G99"]', ["G99", "G1"]),
        ('required = ["G1", "G3", "G6", "G10", "G12", "effective_sample"]', "required = []", ["requires no gate"]),
        ('advisory = ["guide_v5"]', 'advisory = ["G1"]', ["G1", "both"]),
        ('symbols = ["BTC-USD", "ETH-USD"]', 'symbols = ["BTC-USD", "SOL-USD"]', ["'main'", "SOL-USD"]),
        ('timeframe = "1m"', 'timeframe = "5m"', ["'main'", "5m"]),
        ('"boosted_trees/{symbol}/{timeframe}"', '"magic/{symbol}"', ["'main'", "magic", "boosted_trees"]),
        ('"boosted_trees/{symbol}/{timeframe}"', '"boosted_trees/../x"', ["boosted_trees/../x"]),
        ("capital = 100_000", "capital = 0", ["sessions.0.capital", "0"]),
        ("max_position = 1.0", "max_position = 1.5", ["sessions.0.max_position", "1.5"]),
        ('name = "main"', 'name = "../main"', ["sessions.0.name", "../main"]),
        ("holdout_days = 10", "holdout_days = -1", ["training.holdout_days", "-1"]),
        ('[paths]\nroot = "worlds/synthetic"', "", ["paths"]),
    ],
)  # fmt: skip
def test_what_cannot_mean_anything_is_refused_by_name(old: str, new: str, words: list[str]) -> None:
    sentence = refused(changed(old, new))
    assert [word for word in words if word not in sentence] == [], sentence


FILES = '\n[[source.files]]\nglob = "x.csv"\nkind = "ohlcv"\nsymbol = "BTC-USD"\ntimeframe = "1m"\n'


def test_a_key_that_nothing_would_read_is_refused() -> None:
    """Files under a synthetic source, and the other way round."""
    assert "source.files is set but source.kind is 'synthetic'" in refused(
        changed("[costs]", FILES + "[costs]")
    )
    both = changed('kind = "synthetic"', 'kind = "files"').replace("[costs]", FILES + "[costs]")
    assert "source.synthetic is set but source.kind is 'files'" in refused(both)


def test_a_source_without_its_section_is_refused() -> None:
    text = re.sub(r"\[source.synthetic\][^\[]*", "", TEXT)
    assert "source.kind is 'synthetic' but source.synthetic is missing" in refused(text)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"kind": '"csv"'}, ["'csv'", "ohlcv"]),
        ({"timeframe": '"2m"'}, ["'2m'"]),
        ({"symbol": '"btc"'}, ["'btc'"]),
        ({"kind": '"funding"'}, ["funding", "1m"]),
        ({"timestamp_unit": '"h"'}, ["'h'", "ms"]),
        ({"globb": '"y"'}, ["globb"]),
    ],
)
def test_a_file_entry_is_checked_before_any_file_is_opened(entry: dict[str, str], words: list[str]) -> None:
    good = {"glob": '"x.csv"', "kind": '"ohlcv"', "symbol": '"BTC-USD"', "timeframe": '"1m"'}
    lines = "\n".join(f"{key} = {value}" for key, value in {**good, **entry}.items())
    text = re.sub(
        r"\[source\][^$]*?(?=\[costs\])", f'[source]\nkind = "files"\n[[source.files]]\n{lines}\n', TEXT
    )
    sentence = refused(text)
    assert [word for word in words if word not in sentence] == [], sentence


def test_what_is_not_toml_names_the_file_and_the_line() -> None:
    sentence = refused("[universe\nstart = 1\n")
    assert sentence.startswith("s.toml is not TOML: ")
    assert "line 1" in sentence


def test_an_override_reaches_its_key_and_only_its_key() -> None:
    plain = parse(TEXT, {}, "s.toml")
    changed_ = parse(TEXT, {"SOURCE__SYNTHETIC__EDGE": "0", "COSTS__FEE_BPS": "7.5"}, "s.toml")
    assert changed_.source.synthetic is not None
    assert (changed_.source.synthetic.edge, changed_.costs.fee_bps) == (0, 7.5)
    back = parse(TEXT, {"SOURCE__SYNTHETIC__EDGE": "0.2", "COSTS__FEE_BPS": "2.0"}, "s.toml")
    assert back == plain


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SORCE__SYNTHETIC__EDGE", "0", ["TIDEMARK_SORCE__SYNTHETIC__EDGE", "'sorce'", "universe"]),
        ("SOURCE__SYNTHETIC__EDGY", "0", ["source.synthetic.edgy"]),
        ("EDGE", "0", ["edge"]),
        ("SOURCE__SYNTHETIC", "0", ["TIDEMARK_SOURCE__SYNTHETIC", "section"]),
        ("UNIVERSE__WINDOWS", "seq300", ["TIDEMARK_UNIVERSE__WINDOWS"]),
        ("SOURCE__KIND__X", "1", ["TIDEMARK_SOURCE__KIND__X", "'kind'"]),
        ("SOURCE__SYNTHETIC__EDGE", "much", ["source.synthetic.edge", "'much'"]),
        ("__", "1", ["TIDEMARK___"]),
    ],
)
def test_an_override_that_means_nothing_is_refused(name: str, value: str, words: list[str]) -> None:
    sentence = refused(TEXT, {name: value})
    assert [word for word in words if word not in sentence] == [], sentence


def test_an_unknown_session_is_refused() -> None:
    with pytest.raises(UnknownName, match="session 'other' is not known: expected one of main"):
        parse(TEXT, {}, "s.toml").session("other")


def test_the_errors_of_settings_are_settings_errors() -> None:
    for text in ("[", TEXT + "x = 1", changed("fee_bps = 2.0", "fee_bps = -1")):
        with pytest.raises(BadSettings):
            parse(text, {}, "s.toml")
    assert isinstance(parse(TEXT, {}, "s.toml"), Settings)


def test_a_list_is_overridden_by_a_toml_list() -> None:
    found = parse(TEXT, {"UNIVERSE__TIMEFRAMES": '["1m", "1h", "5m"]'}, "s.toml")
    assert found.universe.timeframes == ("1m", "1h", "5m")
    with pytest.raises(BadSettings, match="must be a TOML list"):
        parse(TEXT, {"UNIVERSE__TIMEFRAMES": "1m"}, "s.toml")


def test_feature_sets_are_known_and_hold_what_models_are_trained_on() -> None:
    assert parse(TEXT, {}, "s.toml").universe.feature_sets == ("v5", "meta12", "intraday12")
    line = 'timeframes = ["1m", "1h"]\n'
    assert "feature set 'v6' is not declared" in refused(
        changed(line, line + 'feature_sets = ["v5", "v6"]\n')
    )
    assert "must hold 'v5'" in refused(changed(line, line + 'feature_sets = ["v4"]\n'))
