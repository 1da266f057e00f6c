"""One viewer's sequence: paint seldom, carry paint, show always."""

from vidstyle.stream.composing import Look
from vidstyle.stream.stream import Paints, Stream, prepare

__all__ = ["Look", "Paints", "Stream", "prepare"]
