"""`vidstyle keys`: choose the frames of a film that are worth painting."""

import json
from pathlib import Path
from typing import Annotated

import typer

from vidstyle.cli.messages import say
from vidstyle.interruption import interruptible


def keys(
    film: Annotated[Path, typer.Argument(metavar="INPUT", help="Video to choose frames of.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where they come to lie, as 000120.png.")],
    cover: Annotated[float, typer.Option(help="Share of every frame that one of them has to see.")] = 0.97,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace pictures that are there.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no summary.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was chosen as one JSON object.")] = False,
) -> None:
    """Write the frames of INPUT that are worth painting; `vidstyle restyle --keys` carries them to all others."""
    from collections.abc import Callable

    from vidstyle.cli.progress_bars import FrameBar
    from vidstyle.keys.key_frames import KeyFrames, write_key_frames
    from vidstyle.pipeline import Progress

    with FrameBar(film.name, quiet=quiet) as bar:

        def choose(check: Callable[[], None]) -> KeyFrames:
            def report(done: int, frames: int | None) -> None:
                check()
                bar.update(Progress(frames=done), frames)

            return write_key_frames(film, folder, cover=cover, overwrite=overwrite, on_progress=report)

        found = interruptible(choose)
    if as_json:
        chosen = [{"frame": index, "why": why} for index, why in found.keys]
        print(json.dumps({"frames": found.frames, "keys": chosen, "folder": str(folder)}))
    elif not quiet:
        from vidstyle.keys.choosing import counts

        say(f"{folder}: {len(found.keys)} of {found.frames} frames to paint: {counts(found.keys)}")
