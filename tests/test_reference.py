"""docs/reference.md says what the commands take, and all of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Result

from vidstyle.cli import app
from vidstyle.cli.reference import PARTS, commands, parameters, parts, reference
from vidstyle.keys.key_requests import COVER, LEARN_SECONDS, TIMEOUT_SECONDS
from vidstyle.steps import FINE_STEPS

PAGE = Path(__file__).parents[1] / "docs" / "reference.md"


def test_the_page_is_what_the_commands_say() -> None:
    assert PAGE.read_text() == reference(app), "python -m vidstyle.cli.reference > docs/reference.md"


@pytest.mark.parametrize("name", [name for name, _ in commands(app)])
def test_everything_a_command_takes_is_in_its_help(
    name: str, run_cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    shown = run_cli(name, "--help").out
    for written in parameters(dict(commands(app))[name]):
        for option in written.names or (written.value.split()[0],):
            assert option in shown


@pytest.mark.parametrize("name", PARTS)
def test_every_part_of_a_long_help_is_there_and_short(name: str, run_cli: Callable[..., Result]) -> None:
    options = [written for written in parameters(dict(commands(app))[name]) if written.names]
    found = parts(name, options)
    assert [heading for heading, _ in found] == list(PARTS[name].values())
    assert [option for _, part in found for option in part] == options
    assert all(1 <= len(part) <= 12 for _, part in found)
    shown = run_cli(name, "--help").out
    places = [shown.index(f"\n{heading}:\n") for heading, _ in found]
    assert places == sorted(places)


def test_lines_are_short() -> None:
    assert max(map(len, PAGE.read_text().splitlines())) <= 100


def test_defaults_that_help_tells_are_those_that_there_are() -> None:
    # Commands load nothing for their help, and so have numbers of their own.
    told = " ".join(PAGE.read_text().split())
    assert f"keys painted here have to see. Default: {COVER:g}." in told
    assert f"that one of them has to see. Default: {COVER:g}." in told
    assert f"may take for one key. Default: {TIMEOUT_SECONDS:g}.0." in told
    assert told.count(f"does not show. Default: {LEARN_SECONDS:g}.0.") == 1
    assert told.count(f"what none of them shows. Default: {LEARN_SECONDS:g}.0.") == 1
    assert f"Default: {FINE_STEPS} in styles made of a picture" in told
