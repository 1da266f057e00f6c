"""A live session's window, which its caller's thread serves."""

import threading

from vidstyle.live.keyboard import LiveState
from vidstyle.live.overlay import Overlay
from vidstyle.live.sink_threads import SinkThread
from vidstyle.media.window import WindowSink
from vidstyle.pipeline import Stopped

KEY_SECONDS = 0.01
"""Between two looks at the keys while no frame comes."""


class ServedWindow:
    """Shows frames in a window, and presses its keys.

    Args:
        window: where to.
        sink: its frames, and figures of it; has no thread of its own.
        state: what keys change.
        overlay: what is said over the picture.
        shown: set when there has been a picture; None if nobody waits for it.
    """

    def __init__(
        self, window: WindowSink, sink: SinkThread, state: LiveState, overlay: Overlay, shown: threading.Event | None
    ) -> None:
        self._window, self.sink, self._state, self._overlay, self._shown = window, sink, state, overlay, shown

    def serve(self) -> None:
        """Show the next frame, if it comes soon, and do what is pressed."""
        self._window.show_full_screen(self._state.full_screen)
        try:
            item = self.sink.channel.get(KEY_SECONDS)
        except TimeoutError:
            self._window.say(self._overlay.lines())
            self._press(self._window.key())
            return
        except Stopped:
            return
        if item is None:
            self.sink.over = True
            return
        self._window.lines = self._overlay.lines()
        self.sink.write(item[0])
        key = self._window.key()  # draws
        self.sink.note(*item)
        if self._shown is not None:
            self._shown.set()
        self._press(key)

    def _press(self, key: str | None) -> None:
        if key is not None:
            self._state.press(key)
