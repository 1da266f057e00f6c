"""What a painting was made of, in a hidden file beside it, so that nobody need paint it again."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from vidstyle.hub_styles import is_on_hub, pinned
from vidstyle.output_files import written_beside
from vidstyle.restyle_options import Options
from vidstyle.styles import find_styles

FORMAT = 1
"""Version of the record; goes up when frames come out otherwise for the same request, too."""
NOT_ASKED = frozenset({"device", "engine", "overwrite", "mask"})
"""Options that say by what and when a painting is made, not what it is; and what no painting of many has."""
Request = dict[str, Any]


def request_of(source: Path, style_at: Sequence[tuple[float, str]], options: Options) -> Request:
    """What is asked for, as JSON has it: the input as it is now, the styles by their contents, and the options.

    Raises:
        InputError: if there is no such style.
    """
    at = source.stat()
    asked = {name: value for name, value in asdict(options).items() if name not in NOT_ASKED}
    request = {
        "format": FORMAT,
        "input": {"path": str(source.resolve()), "bytes": at.st_size, "modified_ns": at.st_mtime_ns},
        "styles": styles_asked(style_at),
        "options": asked,
    }
    # Tuples become lists.
    decoded: Request = json.loads(json.dumps(request))
    return decoded


def styles_asked(style_at: Sequence[tuple[float, str]]) -> list[list[Any]]:
    """Times and styles by their contents; those on a hub with the revision that has them, so that it is found again."""
    return [[time, style_digest(style), pinned(style) if is_on_hub(style) else ""] for time, style in style_at]


@lru_cache(maxsize=256)
def style_digest(style: str) -> str:
    """A number that says what a style paints like: of its file, or of all in a mix and their shares.

    Raises:
        InputError: if there is no such style.
    """
    digest = hashlib.sha256()
    for path, share in find_styles(style):
        digest.update(f"{share!r} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def record_path(output: Path) -> Path:
    """Where the record of an output is."""
    return output.with_name(f".{output.name}.vidstyle.json")


def write_record(output: Path, request: Request, **made: Any) -> None:
    """Take note of what a complete output was made of.

    made: what else to note, as JSON has it.
    """
    record = {"request": request, "output": {"bytes": output.stat().st_size, **made}}
    with written_beside(record_path(output)) as partial:
        partial.write_text(json.dumps(record, indent=1) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """What a file of ours says; empty if it is missing, damaged, or none of ours."""
    try:
        read = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def is_complete(output: Path, request: Request) -> bool:
    """Whether an output is there that was made of the same, and is as it was then."""
    record = read_json(record_path(output))
    made = record.get("output")
    if record.get("request") != request or not isinstance(made, dict) or not output.is_file():
        return False
    return made.get("bytes") == output.stat().st_size
