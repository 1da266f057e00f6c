"""The program's options that belong to no command, and the object that all commands join."""

from typing import Annotated

import typer

from vidstyle import __version__
from vidstyle.cli.help import ProgramWithHelp

app = typer.Typer(
    cls=ProgramWithHelp,
    help="Paint video, live, in the style of a picture.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"vidstyle {__version__}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass
