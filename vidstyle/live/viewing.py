"""What one viewer sees of a source: one stream, painted and arranged as they ask."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from vidstyle.live.arranging import mirrored, split
from vidstyle.live.keyboard import LiveState
from vidstyle.live.painters import LivePaints, Painters
from vidstyle.media.frame import Frame
from vidstyle.stream.frame_painters import Paints

if TYPE_CHECKING:
    from vidstyle.live.backgrounds import Background
    from vidstyle.live.masking import LiveMask
    from vidstyle.stream import Stream

T = TypeVar("T", bound=LivePaints)


@dataclass(frozen=True)
class Masking:
    """Where somebody is, and what is done with that."""

    mask: "LiveMask"
    background: "Background"

    def close(self) -> None:
        """Look for nobody any more."""
        self.mask.close()


class ViewerStream(Generic[T]):
    """Shows frames as a state says at that moment; waits for no painting unless it is to.

    Args:
        painters: where the styles come from.
        style: the first one.
        share: makes of a painter what paints for this viewer, where several share it.

    Attributes:
        masking: finds where somebody is, and joins the painting with what is behind them; None for no such thing.
        waits: whether paintings are waited for, once there is a painter; see vidstyle.stream.Stream.
        style: what is painted with, or gone over to; of the first one even while it is still being opened.
    """

    def __init__(
        self, painters: Painters[T], style: str, share: Callable[[T], Paints] = lambda painter: painter
    ) -> None:
        self._painters, self._share = painters, share
        self.style = style
        self.masking: Masking | None = None
        self.waits = False
        self._stream: Stream | None = None
        self._used: list[tuple[str, Paints]] = []
        self._blended = ""
        self._pinned: deque[tuple[str, np.ndarray, np.ndarray]] = deque()

    def show(self, frame: Frame, state: LiveState) -> np.ndarray:
        """What is shown of a frame: pixels of the same kind and size, which must not be written to.

        Raises:
            Exception: what the painter raises; the next frame is painted afresh.
        """
        return self.begin(frame, state)()

    def begin(self, frame: Frame, state: LiveState) -> Callable[[], np.ndarray]:
        """The same in two steps, of which the second, what this gives, may be done while the next frame is begun.

        It is done once for each frame, in their order, by one thread at a time.
        """
        source, masking = frame.pixels, self.masking
        mirror, halves = state.mirror, state.split
        if masking is None:
            joined = self._painted(frame, state)
        else:
            mask = masking.mask.of(source)
            cares = None if mask is None else masking.background.cares(mask)
            painted = self._painted(replace(frame, mask=cares), state)

            def joined() -> np.ndarray:
                return masking.background.joined(mask, painted(), source)

        def finish() -> np.ndarray:
            shown, beside = joined(), source
            if mirror:
                shown = mirrored(shown)
                beside = mirrored(beside) if halves else beside
            return split(beside, shown) if halves else shown

        return finish

    def pin(self, name: str, source: np.ndarray, painting: np.ndarray) -> None:
        """Show a painted frame wherever its places are seen again, see vidstyle.stream.Stream.pin; from any thread."""
        self._pinned.append((name, source, painting))

    @property
    def used(self) -> set[str]:
        """The styles that must stay open."""
        return {style for style, _ in self._still_used()} | {self.style}

    @property
    def paintings(self) -> int:
        """Frames that have been painted so far."""
        return self._stream.paintings if self._stream is not None else 0

    @property
    def wears_paint(self) -> bool:
        """Whether a painting was there of the frame that was begun last, before it was waited for."""
        return self._stream is not None and self._stream.wears_paint

    def close(self) -> None:
        """Show nothing more."""
        if self._stream is not None:
            self._stream.close()

    def _painted(self, frame: Frame, state: LiveState) -> Callable[[], np.ndarray]:
        self._follow(state.style)
        self._blend(state)
        if self._stream is None:
            return lambda: frame.pixels
        from vidstyle.stream.composing import Look

        self._stream.look = Look(state.strength, state.keep_colors)
        self._stream.stroke_size = state.stroke_size
        self._stream.waits = self.waits
        while self._pinned:
            self._stream.pin(*self._pinned.popleft())
        self._stream.submit(frame)
        drawn = self._stream.drawn()
        return lambda: drawn().pixels

    def _blend(self, state: LiveState) -> None:
        """Show some of another style, as soon as it is there."""
        stream, wanted = self._stream, state.partner if state.blend > 0 else ""
        if stream is None or self.style != state.style:
            return
        if self._blended and wanted != self._blended:
            # In this order: a share that nobody holds any more counts as that of a change that has long been done.
            stream.change(next(used for name, used in self._still_used() if name == self.style))
            stream.blend, self._blended = None, ""
        if wanted and not self._blended and wanted != self.style and len(stream.painters) == 1:
            painter = self._painters.ready(wanted)
            if painter is not None:
                paints = self._share(painter)
                self._used = [*self._still_used(), (wanted, paints)]
                stream.change(paints)
                self._blended = wanted
        if self._blended:
            stream.blend = state.blend

    def _follow(self, style: str) -> None:
        """Go over to a style as soon as it is there."""
        if self._stream is not None and style == self.style:
            return
        painter = self._painters.ready(style)
        if painter is None:
            return
        still = self._still_used()
        # Somebody may come back to a style that has not faded out yet.
        paints = next((used for name, used in still if name == style), None) or self._share(painter)
        self._used = [*still, (style, paints)]
        if self._stream is None:
            from vidstyle.stream.pixel_operations import operations_on
            from vidstyle.stream.stream import Stream

            self._stream = Stream([(0.0, paints)], live=True, masks=False, operations=operations_on(painter.device))
        else:
            self._stream.change(paints)
            self._stream.blend, self._blended = None, ""
        self.style = style

    def _still_used(self) -> list[tuple[str, Paints]]:
        """What the stream still paints with, by the names of styles; whatever else was used may have been closed."""
        painters = self._stream.painters if self._stream is not None else []
        return [(style, painter) for style, painter in self._used if painter in painters]
