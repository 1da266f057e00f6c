"""`vidstyle styles`: what styles are installed."""

import json
from dataclasses import asdict
from typing import Annotated, Optional

import typer


def styles(
    name: Annotated[
        Optional[str], typer.Argument(metavar="[NAME|FILE]", help="Show one, with all its figures.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="With networks, sizes and figures.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """List the installed styles, or show one."""
    from vidstyle.style_files import read_card
    from vidstyle.styles import find_style, list_styles

    cards = list_styles() if name is None else [read_card(find_style(name))]
    if as_json:
        print(json.dumps([asdict(card) | {"path": str(card.path)} for card in cards], indent=2))
        return
    from vidstyle.cli.tables import print_style, print_styles

    if name is None:
        print_styles(cards, figures=verbose)
    else:
        print_style(cards[0])
