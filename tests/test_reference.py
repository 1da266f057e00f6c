"""docs/reference.md says what the commands take, and all of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Result

from vidstyle.cli import app
from vidstyle.cli.reference import commands, parameters, reference

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


def test_lines_are_short() -> None:
    assert max(map(len, PAGE.read_text().splitlines())) <= 100
