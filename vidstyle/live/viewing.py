"""What one viewer sees of a source: one stream, painted and arranged as they ask."""

from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from vidstyle.live.arranging import mirrored, split
from vidstyle.live.keys import LiveState
from vidstyle.live.painters import LivePaints, Painters
from vidstyle.media.frame import Frame
from vidstyle.stream import Look, Paints, Stream
from vidstyle.stream.pixel_operations import operations_on

T = TypeVar("T", bound=LivePaints)


class ViewerStream(Generic[T]):
    """Shows frames as a state says at that moment; never waits for a painting.

    Args:
        painters: where the styles come from.
        style: the first one.
        share: makes of a painter what paints for this viewer, where several share it.

    Attributes:
        style: what is painted with, or gone over to; of the first one even while it is still being opened.
    """

    def __init__(
        self, painters: Painters[T], style: str, share: Callable[[T], Paints] = lambda painter: painter
    ) -> None:
        self._painters, self._share = painters, share
        self.style = style
        self._stream: Stream | None = None
        self._used: list[tuple[str, Paints]] = []

    def show(self, frame: Frame, state: LiveState) -> np.ndarray:
        """What is shown of a frame: pixels of the same kind and size, which must not be written to.

        Raises:
            Exception: what the painter raises; the next frame is painted afresh.
        """
        source = frame.pixels
        painted = self._painted(frame, state)
        if state.mirror:
            painted = mirrored(painted)
            source = mirrored(source) if state.split else source
        return split(source, painted) if state.split else painted

    @property
    def used(self) -> set[str]:
        """The styles that must stay open."""
        painters = self._stream.painters if self._stream is not None else []
        return {style for style, painter in self._used if painter in painters} | {self.style}

    @property
    def paintings(self) -> int:
        """Frames that have been painted so far."""
        return self._stream.paintings if self._stream is not None else 0

    def close(self) -> None:
        """Show nothing more."""
        if self._stream is not None:
            self._stream.close()

    def _painted(self, frame: Frame, state: LiveState) -> np.ndarray:
        self._follow(state.style)
        if self._stream is None:
            return frame.pixels
        self._stream.look = Look(state.strength, state.keep_colors)
        self._stream.stroke_size = state.stroke_size
        self._stream.submit(frame)
        return self._stream.result().pixels

    def _follow(self, style: str) -> None:
        """Go over to a style as soon as it is there."""
        if self._stream is not None and style == self.style:
            return
        painter = self._painters.ready(style)
        if painter is None:
            return
        still = [(name, used) for name, used in self._used if name in self.used]
        # Somebody may come back to a style that has not faded out yet.
        paints = next((used for name, used in still if name == style), None) or self._share(painter)
        self._used = [*still, (style, paints)]
        if self._stream is None:
            self._stream = Stream([(0.0, paints)], live=True, operations=operations_on(painter.device))
        else:
            self._stream.change(paints)
        self.style = style
