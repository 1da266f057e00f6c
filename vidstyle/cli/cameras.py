"""`vidstyle cameras`: what cameras are here."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from vidstyle.cli.messages import say


def cameras(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False) -> None:
    """List the cameras that are there, with their modes."""
    from vidstyle.media.cameras import list_cameras

    found = list_cameras()
    if as_json:
        print(json.dumps([asdict(camera) for camera in found], indent=2))
        return
    if not found:
        say("no camera is here; --camera also takes a video file, a URL, or screen")
    for camera in found:
        print(f"{camera.index}  {camera.title or camera.device}  ({camera.device})")
        for mode in camera.modes:
            print(f"   {mode}")
