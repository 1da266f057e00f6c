"""What `--help` says: the words of docs/reference.md, in two columns that fit a terminal of 80."""

from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from vidstyle.cli.reference import Written

COLUMN = 30
"""Characters of an option's name and value; what is longer has a line to itself."""


class CommandWithHelp(TyperCommand):
    """A command that says what it takes, each value by the name that the reference has for it."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write it."""
        from vidstyle.cli.app import app
        from vidstyle.cli.reference import commands, parameters, parts

        name = str(self.name)
        taken = list(parameters(dict(commands(app))[name]))
        arguments = [written for written in taken if not written.names]
        formatter.write_usage(ctx.command_path, " ".join(["[OPTIONS]", *(written.value for written in arguments)]))
        self.format_help_text(ctx, formatter)
        options = parts(name, (written for written in taken if written.names))
        for heading, part in [("Arguments", arguments), *options]:
            rows = [(_name(written), written.told()) for written in part]
            if part is options[-1][1]:
                rows.append(("-h, --help".ljust(COLUMN), "Show this message and exit."))
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)


def _name(written: "Written") -> str:
    """An argument or option with its value, those of all parts as wide."""
    name = " ".join(filter(None, (", ".join(written.names), written.value)))
    return name.ljust(COLUMN) if written.names else name


class ProgramWithHelp(TyperGroup):
    """The program, which says what each command is for."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write them."""
        rows = []
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            rows.append((name, " ".join((command.help if command and command.help else "").split())))
        with formatter.section("Commands"):
            formatter.write_dl(rows)
