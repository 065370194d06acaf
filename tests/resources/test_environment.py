"""The environment: which settings file, which overrides, and a universe that has begun."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.errors import BadSettings, BadSpan
from pipelines.settings import parse
from resources.clock import Clock
from resources.environment import load_settings

ROOT = Path(__file__).resolve().parents[2]


class At(Clock):
    """A clock that stands still."""

    def __init__(self, *moment: int) -> None:
        self.moment = datetime(*moment, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository's settings file in a folder of its own, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "settings.toml"
    path.write_text((ROOT / "settings.toml").read_text())
    return path


def test_the_file_in_the_working_directory_is_the_default(settings: Path) -> None:
    assert load_settings({}) == parse(settings.read_text(), {}, "settings.toml")


def test_the_environment_of_the_process_is_the_default(
    settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEMARK_COSTS__FEE_BPS", "9")
    assert load_settings().costs.fee_bps == 9


def test_another_file_is_chosen_by_name(settings: Path) -> None:
    other = settings.rename(settings.parent / "other.toml")
    assert load_settings({"TIDEMARK_SETTINGS": str(other)}).paths.root == "worlds/synthetic"


def test_an_empty_choice_is_no_choice(settings: Path) -> None:
    assert load_settings({"TIDEMARK_SETTINGS": ""}) == load_settings({})


def test_a_missing_file_is_named_with_the_place_looked_in(settings: Path) -> None:
    with pytest.raises(BadSettings) as caught:
        load_settings({"TIDEMARK_SETTINGS": "gone.toml"})
    said = str(caught.value)
    assert said.startswith(f"settings file gone.toml does not exist (looked in {settings.parent})")
    assert "TIDEMARK_SETTINGS" in said


def test_overrides_reach_the_settings_and_other_variables_do_not(settings: Path) -> None:
    found = load_settings(
        {"TIDEMARK_SOURCE__SYNTHETIC__EDGE": "0", "SOURCE__SYNTHETIC__SEED": "1", "HOME": "/"}
    )
    assert found.source.synthetic is not None
    assert found.source.synthetic.edge == 0
    assert found.source.synthetic.seed == load_settings({}).source.synthetic.seed


def test_an_override_of_nothing_is_refused(settings: Path) -> None:
    with pytest.raises(BadSettings, match="TIDEMARK_SORCE__KIND names section 'sorce'"):
        load_settings({"TIDEMARK_SORCE__KIND": "files"})


def test_a_universe_that_has_not_begun_is_refused(settings: Path) -> None:
    """The first day is 2026-01-01, UTC: refused until its first microsecond."""
    with pytest.raises(
        BadSpan, match=r"universe.start 2026-01-01 is in the future: .* 2025-12-31 UTC"
    ) as caught:
        load_settings({}, At(2025, 12, 31, 23, 59, 59))
    assert "\n" not in str(caught.value)
    settings.write_text(settings.read_text().replace("end = 2026-05-01", "end = 2026-01-02"))
    assert load_settings({}, At(2026, 1, 1)).universe.start.year == 2026


def test_a_universe_with_days_that_have_not_begun_is_refused(settings: Path) -> None:
    """Its end is 2026-05-01, the day after the last: refused until 2026-04-30 has begun."""
    with pytest.raises(
        BadSpan,
        match=r"universe.end 2026-05-01 is in the future: expected at most 2026-04-30, .* 2026-04-29 UTC",
    ) as caught:
        load_settings({}, At(2026, 4, 29, 23, 59, 59))
    assert "\n" not in str(caught.value)
    assert load_settings({}, At(2026, 4, 30)).universe.end.month == 5


def test_a_code_location_with_bad_settings_says_the_sentence(settings: Path) -> None:
    """What a person sees who starts Dagster on it."""
    settings.write_text(settings.read_text().replace("fee_bps", "fee_bpps"))
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            "import sys; sys.path.insert(0, sys.argv[1]); import schedules.paper",
            str(ROOT),
        ],
        cwd=settings.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    assert "BadSettings: settings.toml: unknown key costs.fee_bpps" in done.stderr
