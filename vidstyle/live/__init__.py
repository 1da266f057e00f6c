"""Paint a camera while it plays: source -> stream -> sinks, never late.

The newest frame wins everywhere: one that nobody has begun to carry paint over to, or to show, gives way to the next
one, and is counted.  Painting itself is in nobody's way: see vidstyle.stream.
"""

from vidstyle.live.figures import Figures
from vidstyle.live.live_settings import LiveSettings
from vidstyle.live.opening import run
from vidstyle.live.session import Session

__all__ = ["Figures", "LiveSettings", "Session", "run"]
