"""All commands and their options as a page: `python -m vidstyle.cli.reference > docs/reference.md`."""

import inspect
import textwrap
import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any

import typer
from typer.models import ArgumentInfo

WIDTH = 100
HEAD = """\
# Commands and options

Made from the commands themselves by `python -m vidstyle.cli.reference > docs/reference.md`, and
held against them by a test. `vidstyle COMMAND --help` says the same.
"""
PARTS = {
    "restyle": {
        "--style": "Style",
        "--size": "Size and part",
        "--codec": "File",
        "--out": "Many files",
        "--keys": "Painted frames",
        "--device": "Machine",
        "--quiet": "Options",
    },
    "live": {
        "--style": "Style",
        "--camera": "Source",
        "--to": "Output",
        "--background": "People",
        "--keys": "Painted frames",
        "--device": "Machine",
        "--quiet": "Options",
    },
    "paint": {
        "--preset": "Painting",
        "--preview": "Files",
        "--device": "Machine",
        "--quiet": "Options",
    },
}
"""What parts of the options are called where a command has many, by the option that each begins with."""
VALUES: dict[Any, str] = {str: "TEXT", Path: "PATH", int: "N", float: "NUMBER"}
"""What stands for a value where a command does not say it itself."""


@dataclass(frozen=True)
class Written:
    """An argument or an option as it is written.

    Attributes:
        names: of an option, such as `--steady` and `--no-steady`; none of an argument.
        value: what stands for its value; empty for a flag.
        help: what it is for.
        default: its value where it is left out; empty if there is none to tell.
        required: whether it must be given.
    """

    names: tuple[str, ...]
    value: str
    help: str
    default: str
    required: bool

    def told(self) -> str:
        """What it is for, and what it is where it is left out."""
        if not self.names or not (self.default or self.required):
            return self.help
        return f"{self.help} {'Required.' if self.required else f'Default: {self.default}.'}"

    def __str__(self) -> str:
        """One item of the page."""
        text = f"`{' '.join(filter(None, (', '.join(self.names), self.value)))}`: {self.told()}"
        wrapped = textwrap.wrap(text, WIDTH, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)
        return "\n".join(wrapped)


def commands(app: typer.Typer) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Names and functions of all commands."""
    for command in app.registered_commands:
        assert command.callback is not None
        yield command.name or command.callback.__name__.replace("_", "-"), command.callback


def parameters(command: Callable[..., Any]) -> Iterator[Written]:
    """What a command takes, arguments first."""
    hints = typing.get_type_hints(command, include_extras=True)
    found = [(hints[name], parameter) for name, parameter in inspect.signature(command).parameters.items()]
    found.sort(key=lambda pair: not isinstance(pair[0].__metadata__[0], ArgumentInfo))
    for hint, parameter in found:
        yield _written(hint.__origin__, hint.__metadata__[0], parameter)


def parts(command: str, options: Iterable[Written]) -> list[tuple[str, list[Written]]]:
    """The options of a command in their parts, each with its heading."""
    headings = PARTS.get(command, {})
    found: list[tuple[str, list[Written]]] = [] if headings else [("Options", [])]
    for option in options:
        if option.names[0] in headings:
            found.append((headings[option.names[0]], []))
        found[-1][1].append(option)
    return found


def _written(kind: Any, info: Any, parameter: inspect.Parameter) -> Written:
    (kind, *_) = [part for part in typing.get_args(kind) if part is not NoneType] if _is_optional(kind) else [kind]
    if typing.get_origin(kind) is list:
        (kind,) = typing.get_args(kind)
    names: tuple[str, ...] = ()
    if not isinstance(info, ArgumentInfo):
        option = f"--{parameter.name.replace('_', '-')}"
        # In an annotation, what stands in the place of the default is the first of the names.
        written = tuple(name for name in (info.default, *(info.param_decls or ())) if isinstance(name, str))
        names = written or ((option, f"--no-{option[2:]}") if kind is bool else (option,))
    if kind is bool:
        value = ""
    elif isinstance(kind, type) and issubclass(kind, Enum):
        value = "|".join(choice.value for choice in kind)
    else:
        value = info.metavar or VALUES[kind]
    default = parameter.default
    told = "" if default in (inspect.Parameter.empty, None, False) else str(getattr(default, "value", default))
    return Written(names, value, info.help, "on" if default is True else told, default is inspect.Parameter.empty)


def _is_optional(kind: Any) -> bool:
    return NoneType in typing.get_args(kind)


def reference(app: typer.Typer) -> str:
    """The page, in Markdown."""
    return "\n".join([HEAD, *(_section(name, command) for name, command in commands(app))])


def _section(name: str, command: Callable[..., Any]) -> str:
    """One command: its usage, what it does, and all that it takes."""
    taken = list(parameters(command))
    usage = " ".join(["vidstyle", name, *(written.value for written in taken if not written.names)])
    about = textwrap.wrap(" ".join(inspect.getdoc(command).split()), WIDTH)  # type: ignore[union-attr]
    items = [str(written) for written in taken if not written.names]
    for heading, options in parts(name, (written for written in taken if written.names)):
        if name in PARTS:
            items += ["", f"*{heading}*", ""]
        items += map(str, options)
    return "\n".join([f"## `{usage}`", "", *about, "", *items, ""])


if __name__ == "__main__":
    from vidstyle.cli.app import app as program

    print(reference(program), end="")
