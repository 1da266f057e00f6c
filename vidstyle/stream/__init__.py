"""One viewer's sequence: paint seldom, carry paint, show always."""

from vidstyle.stream.composing import Look
from vidstyle.stream.frame_painters import Paints, PaintsFrames
from vidstyle.stream.skimming import Lazily
from vidstyle.stream.stream import Stream, prepare

__all__ = ["Lazily", "Look", "Paints", "PaintsFrames", "Stream", "prepare"]
