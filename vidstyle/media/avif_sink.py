"""Animated AVIF with transparency, which Pillow writes and FFmpeg's encoders do not."""

from __future__ import annotations

import errno
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from vidstyle.errors import InputError, VidstyleError, reason
from vidstyle.media.codecs import choose_codec, quality_options
from vidstyle.media.frame import Frame, VideoFormat
from vidstyle.media.spool import Spool
from vidstyle.output_files import DISK_FULL, Part

SMALLEST_QUALITY_LOSS = 100 / 63
"""Of Pillow's scale of quality, by which a step of AV1's scale of quantisers makes it worse."""


class AvifSink:
    """Encodes frames with transparency into an animated AVIF; see vidstyle.media.sinks.FileSink.

    Args:
        path: the file.
        video: what the frames are like.
        quality: AV1's CRF, smaller is better; a sane default if None.
        overwrite: whether an existing file may be replaced.

    Attributes:
        width, height: of the output, pixels.
        notes: none.
    """

    def __init__(self, path: Path, video: VideoFormat, *, quality: int | None = None, overwrite: bool = False) -> None:
        name, codec = choose_codec(None, path)
        crf = int(quality_options(name, codec, quality)["crf"])
        self.path, self.notes = path, list[str]()
        self._quality, self._overwrite = round(100 - SMALLEST_QUALITY_LOSS * crf), overwrite
        shape = video.sample_aspect_ratio
        # Pillow cannot say that pixels are not square.
        self.width = round(video.width * shape) if shape > 1 else video.width
        self.height = round(video.height / shape) if shape < 1 else video.height
        self._milliseconds: list[int] = []
        self._end = Fraction(0)
        self._aborted = self._finished = False
        self._writing = threading.Lock()
        self._part = Part(path)
        self._spool = Spool(path)

    def write(self, frame: Frame) -> None:
        """Take one frame, RGB of any size.

        Raises:
            InputError: when the disk is full.
            VidstyleError: after `abort`.
        """
        with self._writing:
            self._go_on()
            alpha = np.full(frame.pixels.shape[:2], 255, np.uint8) if frame.alpha is None else frame.alpha
            pixels = np.dstack([frame.pixels, alpha])
            if (pixels.shape[1], pixels.shape[0]) != (self.width, self.height):
                pixels = cv2.resize(pixels, (self.width, self.height), interpolation=cv2.INTER_CUBIC)
            try:
                self._spool.add(pixels)
            except OSError as error:
                raise self._unwritten(error) from error
            # Ends are rounded rather than durations, so that nothing adds up.
            begun = round(1000 * self._end)
            self._end += frame.duration * frame.time_base
            self._milliseconds.append(max(1, round(1000 * self._end) - begun))

    def close(self) -> None:
        """Write the file and give it its name.

        Raises:
            InputError: when the disk is full.
            VidstyleError: when no frame was written, and after `abort`.
        """
        try:
            with self._writing:
                self._go_on()
                if not self._milliseconds:
                    raise VidstyleError(f"{self.path}: there was no frame to write")
                try:
                    animation = _Animation(self, (self.width, self.height))
                    animation.save(
                        self._part.path,
                        format="AVIF",
                        save_all=True,
                        duration=self._milliseconds,
                        quality=self._quality,
                        speed=8,
                    )
                except (OSError, ValueError) as error:
                    raise self._unwritten(error) from error
                self._part.publish(overwrite=self._overwrite)
                self._finished = True
        finally:
            self.abort()

    def abort(self) -> None:
        """Let go of everything and remove what was written, unless `close` has finished; from any thread."""
        self._aborted = True
        if not self._finished:
            self._part.discard()
        if self._writing.acquire(timeout=0.2):
            try:
                self._spool.discard()
            finally:
                self._writing.release()

    def frames(self) -> Spool:
        """What has been taken so far."""
        self._go_on()
        return self._spool

    def _go_on(self) -> None:
        if self._aborted:
            raise VidstyleError(f"{self.path}: writing it was aborted")

    def _unwritten(self, error: Exception) -> VidstyleError:
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            return InputError(f"{self.path}: no space left on the disk; nothing was written")
        if isinstance(error, OSError) and error.errno == errno.EFBIG:
            return InputError(f"{self.path}: grew too large for the disk; nothing was written")
        return VidstyleError(f"{self.path}: cannot be written: {reason(error)}")


class _Animation(Image.Image):
    """The frames of a sink one at a time, as Pillow asks for them; they would not all fit into memory."""

    is_animated = True

    def __init__(self, sink: AvifSink, size: tuple[int, int]) -> None:
        super().__init__()
        self._sink, self._size, self._mode = sink, size, "RGBA"
        self.n_frames = sink.frames().count
        self._number = -1
        self.seek(0)

    def seek(self, frame: int) -> None:
        """Show a frame: the next one, or the first."""
        if frame == self._number:
            return
        if frame >= self.n_frames:
            raise EOFError
        spool = self._sink.frames()
        if frame == 0:
            self._pictures = iter(spool)
        picture: Any = Image.fromarray(next(self._pictures))
        self.im, self._number = picture.im, frame

    def tell(self) -> int:
        """Which frame shows."""
        return self._number
