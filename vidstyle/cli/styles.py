"""`vidstyle styles`: what styles are installed."""

import json
from dataclasses import asdict
from typing import Annotated

import typer


def styles(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False) -> None:
    """List the installed styles."""
    from vidstyle.styles import list_styles

    cards = list_styles()
    if as_json:
        print(json.dumps([asdict(card) | {"path": str(card.path)} for card in cards], indent=2))
        return
    from vidstyle.cli.tables import print_styles

    print_styles(cards)
