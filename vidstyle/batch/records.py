"""What a painting was made of, in a hidden file beside it, so that nobody need paint it again."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidstyle.batch import places
from vidstyle.hub_styles import is_on_hub, pinned
from vidstyle.restyle_options import Options
from vidstyle.styles import find_styles, parts_of, steps_of_named

if TYPE_CHECKING:
    from vidstyle.restyling import Summary

FORMAT = 1
"""Version of the record; goes up when frames come out otherwise for the same request, too."""
NOT_ASKED = frozenset({"device", "engine", "overwrite", "mask"})
"""Options that say by what and when a painting is made, not what it is; and what no painting of many has."""
Request = dict[str, Any]


def request_of(
    source: str, style_at: Sequence[tuple[float, str]], options: Options, *, picture: bool = False
) -> Request:
    """What is asked for, as JSON has it: the input as it is now, the styles by their contents, and the options.

    Args:
        source: a path or a URL, see vidstyle.batch.places.
        style_at, options: see vidstyle.batch.plan.Task.
        picture: whether it is one, rather than a video.

    Raises:
        InputError: if there is no such style.
        OSError, VidstyleError: if there is no such input.
    """
    size, changed = places.size_and_time(source)
    asked = {name: value for name, value in asdict(options).items() if name not in NOT_ASKED}
    # Those that will be taken, however they were asked for; where there are none, as the first version noted it.
    seldom = options.steady and not picture
    counts = [steps_of_named(style, options.optimise, seldom=seldom) for _, style in style_at]
    steps = [list(one) if one else 0 for one in counts]
    asked["optimise"] = steps[0] if all(one == steps[0] for one in steps) else steps
    if places.is_url(source):
        taken: dict[str, Any] = {"path": source, "bytes": size, "changed": changed}
    else:
        taken = {"path": str(Path(source).resolve()), "bytes": size, "modified_ns": int(changed)}
    request = {
        "format": FORMAT,
        "input": taken,
        "styles": [[time, style_digest(style), _pinned(style)] for time, style in style_at],
        "options": asked,
    }
    # Tuples become lists.
    decoded: Request = json.loads(json.dumps(request))
    return decoded


def is_same(written: Any, request: Request) -> bool:
    """Whether what has been written down is the same request.

    The names of styles on a hub are left out: their contents are compared, which other revisions may have as well.
    """
    try:
        return bool(_without_names(written) == _without_names(request))
    except (KeyError, TypeError, ValueError):  # of another version, or damaged
        return False


def _without_names(request: Any) -> Any:
    return {**request, "styles": [[time, digest] for time, digest, _ in request["styles"]]}


def _pinned(style: str) -> str:
    """Of a style or a mix, what is on a hub, with the revisions that have it, so that it is found again."""
    return ",".join(pinned(part) for part, _ in parts_of(style) if is_on_hub(part))


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


def record_of(output: str) -> str:
    """Where the record of an output is; both are paths or URLs."""
    return places.joined(places.parent(output), f".{places.base(output)}.vidstyle.json")


def write_record(output: str, request: Request, summary: "Summary") -> None:
    """Take note of what a complete output was made of."""
    size, _ = places.size_and_time(output)
    made = {"bytes": size, "frames": summary.frames, "width": summary.width, "height": summary.height}
    places.write_text(record_of(output), json.dumps({"request": request, "output": made}, indent=1) + "\n")


def read_json(place: str) -> dict[str, Any]:
    """What a file of ours says; empty if it is missing, damaged, or none of ours."""
    try:
        read = json.loads(places.read_text(place) or "{}")
    except (OSError, ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def is_complete(output: str, request: Request) -> bool:
    """Whether an output, which is there, was made of the same, and is as it was then."""
    record = read_json(record_of(output))
    made = record.get("output")
    if not isinstance(made, dict) or not is_same(record.get("request"), request):
        return False
    return bool(made.get("bytes") == places.size_and_time(output)[0])
