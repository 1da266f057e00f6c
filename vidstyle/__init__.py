"""Paint video, live, in the style of a picture.

As a library:

    import vidstyle

    vidstyle.restyle("in.mp4", "out.mp4", style="starry_night")
    with vidstyle.Painter("starry_night") as painter:
        painted = painter(frame)  # RGB (H, W, 3) uint8, and much else
    for step, losses, image in vidstyle.paint("photo.jpg", "style.jpg"):  # by optimisation: slow and beautiful
        ...
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vidstyle.privacy import switch_off_telemetry

if TYPE_CHECKING:
    from vidstyle.errors import InputError, VidstyleError
    from vidstyle.painter import Painter
    from vidstyle.painting.picture import paint
    from vidstyle.restyle_options import Options
    from vidstyle.restyling import Summary, restyle
    from vidstyle.style_files import Style, StyleCard
    from vidstyle.styles import list_styles, load_style

__version__ = "0.1.0"

switch_off_telemetry()

_EXPORTS = {
    "InputError": "vidstyle.errors",
    "Options": "vidstyle.restyle_options",
    "Painter": "vidstyle.painter",
    "Style": "vidstyle.style_files",
    "StyleCard": "vidstyle.style_files",
    "Summary": "vidstyle.restyling",
    "VidstyleError": "vidstyle.errors",
    "list_styles": "vidstyle.styles",
    "load_style": "vidstyle.styles",
    "paint": "vidstyle.painting.picture",
    "restyle": "vidstyle.restyling",
}

__all__ = [
    "InputError",
    "Options",
    "Painter",
    "Style",
    "StyleCard",
    "Summary",
    "VidstyleError",
    "list_styles",
    "load_style",
    "paint",
    "restyle",
]


def __getattr__(name: str) -> Any:
    # Late, so that `vidstyle --help` does not wait for torch.
    if name not in _EXPORTS:
        raise AttributeError(f"module 'vidstyle' has no attribute {name!r}")
    return getattr(import_module(_EXPORTS[name]), name)
