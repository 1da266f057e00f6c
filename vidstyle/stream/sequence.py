"""What a stream holds of its sequence: of each style that it is painted in, and of each frame on its way."""

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from vidstyle.media.frame import Frame
from vidstyle.stream.composing import Look
from vidstyle.stream.frame_painters import Paints
from vidstyle.stream.key_maps import Key
from vidstyle.stream.memory import Memory
from vidstyle.stream.motion import Motion
from vidstyle.stream.pixel_operations import Lays, PixelOperations


@dataclass
class StyleSequence:
    """What one style makes of the sequence.

    `painting` is of the last frame, where each is painted by itself.
    """

    painter: Paints
    layout: Lays
    memory: Memory
    painting: "Future[Any] | None" = None
    newest: Key | None = None
    """What was given to the painter last, until its colours are known."""

    def learn_colors(self) -> None:
        """Once it is painted; even of a frame that came before a cut, since nothing else may have been painted yet."""
        if self.newest is not None and self.newest.painting.done():
            self.layout.learn_colors(self.newest)
            self.newest = None


def is_painted(key: Key) -> bool:
    """Live streams show what has been painted by now; before the first painting, the source."""
    return key.painting.done()


def always(_: Key) -> bool:
    """Files wait for each painting."""
    return True


@dataclass(frozen=True)
class WaitingFrame:
    """A frame, whether it shows what the last one did, and the search for where everything in it was.

    `source` are its pixels and `small` those at the size that is painted, as vidstyle.stream.pixel_operations has them.
    """

    frame: Frame[Any]
    source: Any
    small: Any
    picture: Any
    repeats: bool
    motion: "Future[Motion | None] | None"


@dataclass(frozen=True)
class Drawing:
    """What one style shows of a frame: a view of keys, or the frame's own painting."""

    sequence: StyleSequence
    what: Any

    def draw(self, source: Any, operations: PixelOperations) -> Any:
        """Its pixels; waits for what has to be painted."""
        if isinstance(self.what, Future):
            return operations.taken(self.what.result())
        return self.sequence.layout.draw(self.what, source)


@dataclass(frozen=True)
class PlannedFrame:
    """A frame, and what is shown of it in up to two styles: the second one's share."""

    frame: Frame[Any]
    source: Any
    small: Any
    shown: tuple[Drawing, ...]
    share: float
    look: Look


@dataclass(frozen=True)
class ShownFrame:
    """What was made of a source and a painting."""

    source: Any
    painting: Any
    look: Look
    pixels: Any

    def serves(self, source: Any, painting: Any, look: Look, operations: PixelOperations) -> bool:
        """Whether these would come to the same."""
        return painting is self.painting and look == self.look and operations.same(source, self.source)
