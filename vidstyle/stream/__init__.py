"""One viewer's sequence: paint seldom, carry paint, show always."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidstyle.stream.composing import Look
    from vidstyle.stream.frame_painters import Paints, PaintsFrames
    from vidstyle.stream.skimming import Lazily
    from vidstyle.stream.stream import Stream, prepare

_EXPORTS = {
    "Lazily": "vidstyle.stream.skimming",
    "Look": "vidstyle.stream.composing",
    "Paints": "vidstyle.stream.frame_painters",
    "PaintsFrames": "vidstyle.stream.frame_painters",
    "Stream": "vidstyle.stream.stream",
    "prepare": "vidstyle.stream.stream",
}

__all__ = ["Lazily", "Look", "Paints", "PaintsFrames", "Stream", "prepare"]


def __getattr__(name: str) -> Any:
    # Late, so that a camera's picture does not wait for torch and Numba.
    if name not in _EXPORTS:
        raise AttributeError(f"module 'vidstyle.stream' has no attribute {name!r}")
    return getattr(import_module(_EXPORTS[name]), name)
