"""Frames that are painted in another program while one watches: given to a folder, and worn when they are painted."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from vidstyle.live.arranging import Colors
from vidstyle.live.keyboard import LiveState
from vidstyle.live.painters import LivePaints
from vidstyle.live.viewing import ViewerStream
from vidstyle.media.frame import Color
from vidstyle.stream.planes import is_planar
from vidstyle.style_files import Style

if TYPE_CHECKING:
    from vidstyle.live.watched_keys import WatchedKeys


class FramesToPaint:
    """Takes frames to a folder and what has been painted there to a viewer's stream.

    Args:
        state: asks for frames, says what has been saved, and goes over to styles that have been learnt.
        viewer: wears what has been painted.
        color: of frames that come in planes.
        learnt: takes a style that has been learnt, and gives the name by which painters open it; None for no such
            thing.
    """

    def __init__(
        self,
        state: LiveState,
        viewer: ViewerStream[LivePaints],
        color: Color | None,
        learnt: Callable[[Style], str] | None,
    ) -> None:
        self._state, self._viewer, self._learnt = state, viewer, learnt
        self._colors = Colors(color)
        self._asked = 0

    def save(self, watched: "WatchedKeys | None", frame: np.ndarray | None) -> None:
        """Begin to save a frame, if there is one and the state asks for it; the first one needs no asking."""
        asked = self._state.to_paint + 1
        if watched is not None and frame is not None and asked > self._asked and watched.has_room:
            self._asked = asked
            watched.save(self._colors.rgb(frame))

    def update(self, watched: "WatchedKeys | None", frame: np.ndarray | None) -> None:
        """Save frames that are to be painted, and wear those that have been."""
        if watched is None or frame is None:
            return
        self.save(watched, frame)
        for saved in watched.saved():
            self._state.say(f"saved {saved}, to be painted")
        for key in watched.painted():
            kinds = [self._colors.planes(p) if is_planar(frame) else p for p in (key.source, key.painting)]
            if kinds[0].shape == frame.shape:
                self._viewer.pin(key.name, *kinds)
            else:
                watched.problem = f"{key.name}: is of a camera with another size"
        for style in watched.learnt():
            if self._learnt is not None:
                self._state.add_style(self._learnt(style))
