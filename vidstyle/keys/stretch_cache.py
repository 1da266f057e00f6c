"""Stretches of film that are drawn already: kept without loss, by what they depend on.

A stretch goes from one key to the next and hangs on these two alone, so a key that is changed costs the stretches at
its sides.  What no key has seen was painted by what had learnt from the keys as they were then; it stays as it was.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from vidstyle.errors import InputError, parameter, reason
from vidstyle.keys.key_files import sha256_of
from vidstyle.output_files import Part

FORMAT = 3
"""Of what is kept, and of how stretches are drawn: another number, and nothing that was kept is used."""
OPAQUE, TRANSPARENT = "bgr0", "bgra"
"""Pixel formats in which FFV1 keeps RGB as it is."""


class StretchCache:
    """Keeps stretches in a folder.

    Args:
        folder: made if it is not there.
        film: the video file.
        keys: the painted keys by the numbers of their frames.
        masks: of keys, by the same numbers.
        others: what else all stretches depend on, as text.

    Raises:
        InputError: for a folder that cannot be made.
    """

    def __init__(
        self, folder: Path, film: Path, keys: dict[int, Path], masks: dict[int, Path], others: Sequence[object]
    ) -> None:
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise InputError(f"{parameter('keep_stretches', folder)}: cannot be made: {reason(error)}") from error
        self._folder = folder
        self._ends = sorted(keys)
        common = [str(FORMAT), sha256_of(film), *map(str, others)]
        marks = {n: sha256_of(path) + (sha256_of(masks[n]) if n in masks else "") for n, path in keys.items()}
        self._names = []
        for number in range(len(self._ends) + 1):
            sides = [self._ends[i] if 0 <= i < len(self._ends) else None for i in (number - 1, number)]
            known = [*common, *(f"{n} {marks[n]}" if n is not None else "none" for n in sides)]
            self._names.append(hashlib.sha256("\n".join(known).encode()).hexdigest()[:32] + ".mkv")
        self._there = {number for number, name in enumerate(self._names) if (folder / name).is_file()}
        self._reading: tuple[int, Iterator[tuple[np.ndarray, np.ndarray | None]]] | None = None
        self._writing: tuple[int, _Writer] | None = None

    def has(self, index: int) -> bool:
        """Whether a frame has been drawn already."""
        return self._stretch(index) in self._there

    def _stretch(self, index: int) -> int:
        return bisect_left(self._ends, index)

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray | None]:
        """The painting of a frame that is there, and how opaque it is; frames are asked for in order."""
        stretch = self._stretch(index)
        if self._reading is None or self._reading[0] != stretch:
            self._reading = stretch, _frames(self._folder / self._names[stretch])
        found = next(self._reading[1], None)
        if found is None:
            name = self._folder / self._names[stretch]
            raise InputError(f"{name}: has fewer frames than its stretch of the film; remove it")
        return found

    def write(self, index: int, pixels: np.ndarray, alpha: np.ndarray | None) -> None:
        """Keep the painting of a frame; frames come in order, each stretch from its first one on."""
        stretch = self._stretch(index)
        if self._writing is None or self._writing[0] != stretch:
            self.finish()
            self._writing = stretch, _Writer(self._folder / self._names[stretch])
        self._writing[1].write(pixels, alpha)
        if index in self._ends:
            self.finish()

    def finish(self) -> None:
        """The stretch that is being kept is complete."""
        if self._writing is not None:
            self._writing[1].close()
            self._writing = None

    def abort(self) -> None:
        """The stretch that is being kept will not be complete."""
        if self._writing is not None:
            self._writing[1].discard()
            self._writing = None


class _Writer:
    """One stretch on its way to the disk."""

    def __init__(self, path: Path) -> None:
        self._part = Part(path)
        self._container = av.open(str(self._part.path), "w", format="matroska")
        self._stream: av.VideoStream | None = None

    def write(self, pixels: np.ndarray, alpha: np.ndarray | None) -> None:
        if self._stream is None:
            self._stream = self._container.add_stream("ffv1", rate=Fraction(25))
            self._stream.height, self._stream.width = pixels.shape[:2]
            self._stream.pix_fmt = OPAQUE if alpha is None else TRANSPARENT
        last = np.full(pixels.shape[:2], 255, np.uint8) if alpha is None else alpha
        frame = av.VideoFrame.from_ndarray(np.dstack((pixels[..., ::-1], last)), TRANSPARENT)
        self._container.mux(self._stream.encode(frame.reformat(format=self._stream.pix_fmt)))

    def close(self) -> None:
        if self._stream is not None:
            self._container.mux(self._stream.encode())
        self._container.close()
        self._part.publish(overwrite=True)

    def discard(self) -> None:
        self._container.close()
        self._part.discard()


def _frames(path: Path) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                alpha = frame.format.name == TRANSPARENT
                pixels = frame.to_ndarray(format=TRANSPARENT)
                yield np.ascontiguousarray(pixels[..., 2::-1]), pixels[..., 3].copy() if alpha else None
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(f"{path}: cannot be read ({reason(error)}); remove it") from error
