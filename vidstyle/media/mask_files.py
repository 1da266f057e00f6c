"""Masks that other programs have made: white where a painting shows, black where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from vidstyle.errors import InputError, VidstyleError, parameter
from vidstyle.media.frame import Frame
from vidstyle.media.images import is_image, read_picture
from vidstyle.media.sources import FileSource

EARLY = 1e-3
"""Seconds by which a mask may come late and be of a frame all the same: clocks of containers differ."""


def read_mask(path: Path, size: tuple[int, int]) -> np.ndarray:
    """How much of a painting shows, (H, W) uint8: white shows all of it, black and transparency none.

    Raises:
        InputError: if it cannot be read.
    """
    picture = read_picture(path)
    return scaled(_levels(picture.pixels, picture.alpha), size)


def scaled(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture (H, W) or (H, W, C) uint8 at `size` (width, height)."""
    if picture.shape[1::-1] == size:
        return picture
    smaller = size[0] < picture.shape[1]
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC))


class MaskFile:
    """The masks of the frames of a video, from another video or from one picture for all of them.

    Args:
        path: the file.
        size: (width, height) of the frames.
        start, end: part of the video that is painted, seconds, and so of the masks.

    Raises:
        InputError: if it cannot be read.
    """

    def __init__(
        self, path: Path, size: tuple[int, int], *, start: float | None = None, end: float | None = None
    ) -> None:
        self._size = size
        self._source: FileSource | None = None
        self._frames: Iterator[Frame] = iter(())
        self._next: Frame | None = None
        try:
            if is_image(path):
                self._mask = read_mask(path, size)
                return
            self._source = FileSource(path, start=start, end=end)
        except VidstyleError as error:
            raise InputError(f"{parameter('mask')}: {error}") from error
        self._source.cut_out = self._source.format.alpha
        self._frames = iter(self._source)
        first = next(self._frames)
        self._mask, self._next = self._of(first), next(self._frames, None)

    def at(self, time: float) -> np.ndarray:
        """The mask that shows at a time, seconds, (H, W) uint8; times do not go back."""
        newest = None
        while self._next is not None and self._next.time <= time + EARLY:
            newest, self._next = self._next, next(self._frames, None)
        if newest is not None:
            self._mask = self._of(newest)
        return self._mask

    def close(self) -> None:
        """Let go of the file."""
        if self._source is not None:
            self._source.close()

    def _of(self, frame: Frame) -> np.ndarray:
        return scaled(_levels(frame.pixels, frame.alpha), self._size)


def _levels(rgb: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    levels = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))
    return levels if alpha is None else np.asarray(cv2.multiply(levels, alpha, scale=1 / 255))
