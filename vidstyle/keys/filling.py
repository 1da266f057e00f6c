"""What paints that which no key has seen: a style, or a network that learns from the keys, when it is needed first."""

import contextlib
import dataclasses
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vidstyle.keys.key_colors import KeyColors
from vidstyle.media.frame import Frame
from vidstyle.restyle_options import Options
from vidstyle.video_runs import open_painter, video_source

if TYPE_CHECKING:
    from vidstyle.engines.painting_queue import PaintingQueue
    from vidstyle.keys.painted_keys import Keys
    from vidstyle.style_files import Style

MOST_PAIRS = 12
"""Keys that a network learns from, evenly from all."""


class Filler:
    """Paints frames that no key sees well enough.

    Args:
        style: a loaded style, or the name or file of one; None learns from the keys.
        options: how the film is painted.
        keys: those of the film.
        source: the film.
        seconds: for how long to learn.
        size: of frames to learn from, (width, height).
        on_note: told that something is being learnt.

    Attributes:
        name: of what paints.
        known: what its paintings depend on, but for the keys, as text.
        device: what computes.
        paintings: frames that have been painted.
    """

    def __init__(
        self,
        style: "Style | str | Path | None",
        options: Options,
        keys: "Keys",
        source: Path,
        seconds: float,
        size: tuple[int, int],
        on_note: Callable[[str], None],
    ) -> None:
        from vidstyle.style_files import Style
        from vidstyle.styles import load_style

        self._options, self._keys, self._source = options, keys, source
        self._seconds, self._size, self._on_note = seconds, size, on_note
        self._style = style if isinstance(style, Style) or style is None else load_style(style)
        self._painter: PaintingQueue | None = None
        self._colors: KeyColors | None = None
        self.name = "a network that has learnt from the keys" if self._style is None else self._style.card.name
        self.known = f"{self.name} {f'{seconds}, in colours of keys' if self._style is None else ''}"
        self.device = "cpu"
        self.paintings = 0

    def fill(self, number: int, pixels: np.ndarray) -> None:
        """Begin to paint RGB (H, W, 3) uint8, as the key with that number."""
        if self._painter is None:
            style = self._style or self._learnt()
            # What stands beside keys is to be as they are, rather than nearer to some picture.
            self._painter = open_painter(style, dataclasses.replace(self._options, optimise=0))
            self.device = self._painter.engine.device
        self.paintings += 1
        painting = self._painter.start(pixels)
        if self._colors is not None:
            painting = _followed(painting, partial(self._colors.matched, frame=pixels))
        self._keys.begin_fill(number, painting)

    def close(self) -> None:
        """Paint nothing more."""
        if self._painter is not None:
            self._painter.close()

    def _learnt(self) -> "Style":
        from vidstyle.keys.learning import style_of_keys

        chosen = sorted(self._keys.files)
        chosen = [chosen[i] for i in np.unique(np.linspace(0, len(chosen) - 1, MOST_PAIRS).round().astype(int))]
        self._on_note(f"a network learns to paint like the keys, for {self._seconds:g} s")
        frames = self._frames(set(chosen))
        pairs = [(frames[index], self._keys.pixels(index)) for index in chosen if index in frames]
        if not pairs:
            # All keys are of other frames: then what is known of them is how they look.
            pixels, alpha = self._keys.pixels(chosen[0])
            pairs = [(pixels, (pixels, alpha))]
        else:
            self._colors = KeyColors([(frame, *key) for frame, key in pairs])
        picture = self._keys.files[chosen[len(chosen) // 2]]
        return style_of_keys([(frame, *key) for frame, key in pairs], self._seconds, picture)

    def _frames(self, wanted: set[int]) -> dict[int, np.ndarray]:
        whole: Any = dataclasses.replace(self._options, start=None, end=None, size=self._size, scale=None)
        found: dict[int, np.ndarray] = {}
        with contextlib.closing(video_source(self._source, whole)) as film:
            frame: Frame
            for index, frame in enumerate(film):
                if index in wanted:
                    found[index] = frame.pixels
                if len(found) == len(wanted):
                    break
        return found


def _followed(painting: "Future[np.ndarray]", change: Callable[[np.ndarray], np.ndarray]) -> "Future[np.ndarray]":
    """A painting with a change, once it is there."""
    result: Future[np.ndarray] = Future()

    def go_on(done: "Future[np.ndarray]") -> None:
        try:
            result.set_result(change(done.result()))
        except BaseException as error:  # for whoever waits, as a future has it
            result.set_exception(error)

    painting.add_done_callback(go_on)
    return result
