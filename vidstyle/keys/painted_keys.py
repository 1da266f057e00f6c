"""The painted keys of a film: their pixels, and how well they fit their frames."""

from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import cv2
import numpy as np

from vidstyle.keys.drawing import PaintedKey, painted
from vidstyle.keys.key_files import STRANGE, KeyFile, check_shape, is_unpainted, likeness, read_key
from vidstyle.media.mask_files import read_mask
from vidstyle.stream.lifting import painted_size
from vidstyle.stream.planes import resized

KEPT_KEYS = 8
"""Paintings that are kept in memory."""


class Keys:
    """The painted keys of a film, at the size that is drawn at.

    Args:
        files: where they are.
        size: of frames, (width, height).
        stroke_size: see vidstyle.stream.lifting.painted_size.
        masks: by number of the frame, see KeyOptions.

    Attributes:
        size: (width, height) that is drawn at: that at which strokes are painted, or more if keys have more.

    Raises:
        InputError: for keys that cannot be read, or whose sides are in another proportion.
    """

    def __init__(
        self, files: Sequence[KeyFile], size: tuple[int, int], stroke_size: float, masks: dict[int, Path]
    ) -> None:
        self.files = {key.index: key.path for key in files}
        self._masks = masks
        rows = [check_shape(key.path, size)[1] for key in files]
        self.size = painted_size(size, stroke_size)
        if max(rows) > self.size[1]:
            share = min(1.0, max(rows) / size[1])
            self.size = size if share > 0.8 else (round(size[0] * share), round(size[1] * share))
        self._kept: OrderedDict[int, PaintedKey] = OrderedDict()
        self._fills: dict[int, Future[np.ndarray]] = {}
        self.opaque = not masks.keys() & self.files.keys()
        for key in files:
            # Each is read once before anything is written, and the one that cannot be is named.
            self.opaque &= read_key(key.path, self.size)[1] is None

    def begin_fill(self, number: int, painting: "Future[np.ndarray]") -> None:
        """A frame is being painted that no key has seen."""
        self._fills[number] = painting

    def pixels(self, index: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Pixels and alpha of a key."""
        pixels, alpha = read_key(self.files[index], self.size)
        if not self.opaque:
            alpha = np.full(pixels.shape[:2], 255, np.uint8) if alpha is None else alpha
            if index in self._masks:
                alpha = cv2.multiply(alpha, read_mask(self._masks[index], self.size), scale=1 / 255)
        return pixels, alpha

    def painting(self, number: int, positions: tuple[int, int]) -> PaintedKey:
        """A key, or what is painted for want of one, to draw with."""
        if number not in self._kept:
            if number >= 0:
                pixels, alpha = self.pixels(number)
            else:
                pixels, alpha = resized(self._fills[number].result(), self.size), None
            self._kept[number] = painted(pixels, alpha, positions)
            while len(self._kept) > KEPT_KEYS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(number)
        return self._kept[number]

    def forget(self, before: int) -> None:
        """Let go of what was painted for frames before that one."""
        for number in [n for n in self._fills if -1 - n < before]:
            del self._fills[number]


class Fits:
    """How well keys fit their frames."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._found: dict[int, float] = {}
        self._unpainted: list[int] = []

    def add(self, index: int, frame: np.ndarray) -> None:
        """A frame that there is a key of, (H, W, 3) uint8."""
        pixels, _ = self._keys.pixels(index)
        self._found[index] = likeness(pixels, frame)
        if is_unpainted(pixels, frame):
            self._unpainted.append(index)

    def notes(self, folder: Path, frames: int | None) -> list[str]:
        """What a user should know, of a film of so many frames, or of a part of one."""
        beyond = [index for index in self._keys.files if frames is not None and index >= frames]
        notes = []
        if beyond:
            which = ", ".join(self._keys.files[index].name for index in beyond[:3]) + (
                ", ..." if len(beyond) > 3 else ""
            )
            notes.append(f"{folder}: the film has only {frames} frames, and none for {which}")
        if self._unpainted:
            some = f"{len(self._unpainted)} of {len(self._found)} keys are frames as they were"
            notes.append(f"{folder}: {some} ({self._keys.files[self._unpainted[0]].name}); paint over these pictures")
        strange = {index: fit for index, fit in self._found.items() if fit < STRANGE}
        if strange:
            index = min(strange, key=strange.__getitem__)
            notes.append(
                f"{folder}: {len(strange)} of {len(self._found)} keys hardly fit their frames "
                f"({self._keys.files[index].name} by {100 * strange[index]:.0f} %); are they of another film?"
            )
        return notes
