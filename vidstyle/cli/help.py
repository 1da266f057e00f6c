"""What `--help` says: the words of docs/reference.md, in two columns that fit a terminal of 80."""

from typing import Any

from typer.core import TyperCommand, TyperGroup


class CommandWithHelp(TyperCommand):
    """A command that says what it takes, each value by the name that the reference has for it."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write it."""
        from vidstyle.cli.app import app
        from vidstyle.cli.reference import commands, parameters

        taken = list(parameters(dict(commands(app))[str(self.name)]))
        formatter.write_usage(ctx.command_path, " ".join(["[OPTIONS]", *(w.value for w in taken if not w.names)]))
        self.format_help_text(ctx, formatter)
        for heading, wanted in (("Arguments", False), ("Options", True)):
            rows = [
                (" ".join(filter(None, (", ".join(written.names), written.value))), written.told())
                for written in taken
                if bool(written.names) == wanted
            ]
            if rows or wanted:
                with formatter.section(heading):
                    formatter.write_dl([*rows, ("-h, --help", "Show this message and exit.")] if wanted else rows)


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
