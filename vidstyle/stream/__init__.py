"""One viewer's sequence: paint seldom, carry paint, show always."""

from vidstyle.stream.composing import Look
from vidstyle.stream.skimming import Lazily
from vidstyle.stream.stream import Paints, Stream, prepare

__all__ = ["Lazily", "Look", "Paints", "Stream", "prepare"]
