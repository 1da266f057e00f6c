"""What a page says, once it has been checked: a browser may say anything.

Nothing here loads Gradio, which is set up before it is imported.
"""

import json
import math

from vidstyle.errors import InputError

OTHER_PAGE = "This page is not from this version of vidstyle; load it again."
"""Where a browser sends what the page would not."""


def number(value: object, fallback: float = 0.0) -> float:
    """A number that a browser says; `fallback` if it says nothing.

    Raises:
        InputError: for what is no finite number.
    """
    if value is None or value == "":
        return fallback
    try:
        said = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(OTHER_PAGE) from error
    if not math.isfinite(said):
        raise InputError(OTHER_PAGE)
    return said


def uploaded(upload: str) -> tuple[str, float]:
    """Identity and seconds of what the upload has answered.  Raises InputError."""
    try:
        file = json.loads(upload)
        return str(file["id"]), number(file.get("seconds"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError("That file is no longer here; drop it once more.") from error
