"""Who takes part in a live session beside the camera, what paints and the window."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidstyle.live.viewing import Masking
from vidstyle.media.live_sinks import LiveSink
from vidstyle.media.sounds import LiveSound

if TYPE_CHECKING:
    from vidstyle.live.control import RemoteControl
    from vidstyle.live.watched_keys import WatchedKeys


@dataclass(frozen=True)
class Company:
    """What belongs to a session beside source, painters and window, and may join it late.

    Attributes:
        sinks: where frames go to, too.
        sound: what recordings and streams sound like; closed at the end.
        watched: a folder of frames to paint, the first of which is saved at once; closed at the end.
        masking: finds who is to be told from what is behind them; closed at the end.
        control: listens to other programs; closed at the end.
    """

    sinks: Sequence[LiveSink] = ()
    sound: LiveSound | None = None
    watched: "WatchedKeys | None" = None
    masking: Masking | None = None
    control: "RemoteControl | None" = None

    def close(self) -> None:
        """Let go of all of it, without a session."""
        for sink in self.sinks:
            sink.close()
        self.leave()

    def leave(self) -> None:
        """Let go of all but the sinks, which are closed where they are written to."""
        for one in (self.sound, self.watched, self.masking, self.control):
            if one is not None:
                one.close()


NOBODY = Company()
