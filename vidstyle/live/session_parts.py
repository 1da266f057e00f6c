"""What a live session has beside its source, what paints and the window."""

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
class SessionParts:
    """What belongs to a session beside source, painters and window, and may be added to it late.

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
        self.close_all_but_sinks()

    def close_all_but_sinks(self) -> None:
        """Let go of the others; sinks are closed where they are written to."""
        for part in (self.sound, self.watched, self.masking, self.control):
            if part is not None:
                part.close()


NO_PARTS = SessionParts()
