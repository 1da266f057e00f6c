"""`vidstyle doctor`: what this machine has, and what it lacks."""

import json
from dataclasses import asdict
from typing import Annotated

import typer


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False) -> None:
    """Say what is here and what is missing, and how to get it; for bug reports."""
    from vidstyle.bench.machine import examine

    if as_json:
        print(json.dumps([asdict(finding) for finding in examine()], indent=2))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table.grid(padding=(0, 1))
    for finding in examine():
        mark = "[green]ok[/green]" if finding.here else "[yellow]--[/yellow]"
        said = f"{finding.said}; {finding.mend}" if finding.mend else finding.said
        table.add_row(mark, escape(finding.name), escape(said))
    Console().print(table)
