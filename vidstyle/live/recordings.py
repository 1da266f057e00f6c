"""Recordings that are asked for while one watches, each to a file of its own."""

from collections.abc import Callable
from pathlib import Path

from vidstyle.errors import VidstyleError, reason
from vidstyle.live.file_names import new_file
from vidstyle.live.keyboard import LiveState
from vidstyle.live.sink_threads import SinkThread
from vidstyle.media.live_sinks import LiveSink, Recording
from vidstyle.media.live_sources import LiveSource
from vidstyle.media.sounds import LiveSound


class Recordings:
    """Begins and finishes recordings as a state says, one after the other.  One that fails ends nothing else.

    Args:
        state: asks for them, and says what has become of them.
        source: of what they are.
        write_in_thread: makes of a sink, and of a list for what goes wrong there, what writes to it.

    Attributes:
        paths: those that were begun.
        failed: those that could not be made, each with the reason, a line each.
    """

    def __init__(
        self,
        state: LiveState,
        source: LiveSource,
        write_in_thread: Callable[[LiveSink, list[BaseException]], SinkThread],
    ) -> None:
        self._state, self._source, self._write_in_thread = state, source, write_in_thread
        self.paths: list[Path] = []
        self.failed: list[str] = []
        self._current: SinkThread | None = None
        self._failures: list[BaseException] = []

    @property
    def sinks(self) -> tuple[SinkThread, ...]:
        """What frames go to; empty between recordings."""
        current = self._current
        return () if current is None else (current,)

    def update(self, sound: LiveSound | None) -> None:
        """Begin or finish a recording, as the state says."""
        if self._state.recording and self._current is None:
            self._begin(sound)
        elif self._current is not None and (self._failures or not self._state.recording):
            current, self._current = self._current, None
            # Soon done, since nothing waits in front of a recording for long.
            if self._finish(current):
                self._state.say(f"saved {self.paths[-1]}")
            self._failures.clear()

    def close(self) -> None:
        """Finish what is being recorded, however long that takes."""
        if self._current is not None:
            self._finish(self._current)

    def _begin(self, sound: LiveSound | None) -> None:
        path, source = new_file(".mp4", self.paths), self._source
        try:
            recording = Recording(path, source.width, source.height, source.rate, sound=sound, color=source.color)
        except VidstyleError as error:
            self._give_up(path, error)
            return
        self.paths.append(path)
        self._current = self._write_in_thread(recording, self._failures).start()
        self._state.say(f"to {path}")

    def _finish(self, recording: SinkThread) -> bool:
        """Finish a recording; whether all of it could be written."""
        recording.channel.end()
        assert recording.thread is not None
        recording.thread.join()
        if self._failures:
            self._give_up(self.paths[-1], self._failures[0])
        return not self._failures

    def _give_up(self, path: Path, error: BaseException) -> None:
        """Go on without it: what is shown matters more."""
        self._state.recording = False
        why = str(error) if isinstance(error, VidstyleError) else f"{path}: not saved ({reason(error)})"
        self.failed.append(why)
        self._state.say(why)
