"""From decoded frames of one video to the pixels that are painted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter

from vidstyle.errors import InputError
from vidstyle.media.color import (
    SCALING,
    YCGCO,
    UnreadColorsError,
    describe_color,
    has_alpha,
    over_white,
    settle_color,
    split_alpha,
    to_rgb,
)
from vidstyle.media.frame import MATRIX_BT709, SWSCALE_MATRIX, Color, Mastering, usual_matrix
from vidstyle.media.frame_filters import orientation
from vidstyle.media.hdr import NAMES as HDR_NAMES
from vidstyle.media.hdr import ToneMapper, deep_picture, mastering_of, peak_of
from vidstyle.media.transfers import CURVES, curve_of, through

PLANES = frozenset({"yuv420p", "yuvj420p"})
"""Pixel formats whose planes a network can take as they are."""
INTERLEAVED = "nv12"
"""The same samples with U and V in turns, as GPUs decode."""


class FrameConverter:
    """Turns decoded frames into RGB, upright, of one size; colours and light are those of ordinary video then.

    Args:
        path: of the video, for messages.
        first: its first frame, which all others are taken to be like.
        hdr: whether high dynamic range is to be kept, see `mastering`.
        notes: gets a line for each thing that a user should know.

    Attributes:
        color: of the source.
        written_color: what the output is made as: the source's own, where that can be written.
        mastering: of the source, where its high dynamic range is kept; None elsewhere.
        on_its_side: whether width and height are swapped when a frame is upright.

    Raises:
        InputError: for colours that are not read.
    """

    def __init__(self, path: Path, first: VideoFrame, *, hdr: bool, notes: list[str]) -> None:
        self._path, self._notes = path, notes
        try:
            self.color = settle_color(first)
        except UnreadColorsError as error:
            raise InputError(f"{path}: {error}") from error
        self._first_size = first.width, first.height
        self._first_format = first.format.name
        self._turns, self._mirrored = orientation(first)
        self.on_its_side = self._turns % 2 == 1
        self._reformatter, self._deep = VideoReformatter(), VideoReformatter()
        self._tone: ToneMapper | None = None
        self._curve = curve_of(self.color.transfer)
        self.mastering: Mastering | None = None
        self.written_color = self.color
        self._settle_light(first, hdr=hdr)

    def _settle_light(self, first: VideoFrame, *, hdr: bool) -> None:
        """How light becomes that of ordinary video, which is what networks know."""
        transfer = self.color.transfer
        if transfer in HDR_NAMES:
            mastering, name = mastering_of(first), HDR_NAMES[transfer]
            self._tone = ToneMapper(self.color, peak_of(mastering))
            if hdr:
                self.mastering = mastering
                return
            self.written_color = Color(MATRIX_BT709, primaries=MATRIX_BT709, transfer=MATRIX_BT709)
            self._note(f"its high dynamic range ({name}) is painted and written as ordinary BT.709")
            return
        if hdr:
            self._note("has no high dynamic range (PQ, HLG), and is written as ordinary video")
        if self._curve is not None:
            self.written_color = replace(self.color, transfer=MATRIX_BT709)
            self._note(f"its {CURVES[transfer]} is painted and written as ordinary video")
        elif self.color.matrix == YCGCO:
            self.written_color = replace(self.color, matrix=usual_matrix(first.height))

    def _note(self, text: str) -> None:
        note = f"{self._path}: {text}"
        if note not in self._notes:
            self._notes.append(note)

    def has_planes(self, size: tuple[int, int]) -> bool:
        """Whether frames are decoded to 8-bit 4:2:0 of that size and upright, (width, height)."""
        return (
            self._first_format in PLANES | {INTERLEAVED}
            and self.color.matrix != YCGCO
            and self._tone is None
            and self._curve is None
            and size == self._first_size
            and not (size[0] % 2 or size[1] % 2 or self._turns or self._mirrored)
        )

    def to_planes(self, frame: VideoFrame, size: tuple[int, int]) -> np.ndarray:
        """Planes of 4:2:0, see vidstyle.media.frame.Frame, where `has_planes`."""
        if (frame.width, frame.height) != size:
            # The video has changed in its middle.
            frame = VideoFrame.from_ndarray(self._fitted(frame, size, self._opaque), "rgb24")
            frame.color_range = ColorRange.JPEG
        elif frame.format.name in PLANES:
            return frame.to_ndarray()
        else:
            describe_color(frame, self.color)  # U and V lie in turns
        frame = self._reformatter.reformat(
            frame,
            format="yuv420p",
            dst_colorspace=SWSCALE_MATRIX.get(self.color.matrix, self.color.matrix),
            dst_color_range=ColorRange.JPEG if self.color.full_range else ColorRange.MPEG,
            interpolation=SCALING,
            threads=1,
        )
        return frame.to_ndarray()

    def to_rgb(
        self, frame: VideoFrame, size: tuple[int, int], *, cut_out: bool = False
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """RGB (H, W, 3) uint8 of size (width, height), and how opaque it is (H, W) uint8 if that is to be cut out."""
        size = self._lying(size)
        if cut_out and has_alpha(frame):
            pixels, alpha = split_alpha(self._converted(frame, (frame.width, frame.height)), size)
            return self._upright(pixels), self._upright(alpha)
        return self._upright(self._fitted(frame, size, self._opaque)), None

    def signal(self, frame: VideoFrame, size: tuple[int, int]) -> np.ndarray:
        """See Frame; may be called by whoever writes it, while others convert the next ones."""

        def deep(frame: VideoFrame, size: tuple[int, int]) -> np.ndarray:
            return deep_picture(frame, self.color, *size, self._deep).to_ndarray()

        return self._upright(self._fitted(frame, self._lying(size), deep))

    def _converted(self, frame: VideoFrame, size: tuple[int, int]) -> np.ndarray:
        """RGB or RGBA (height, width, 3 or 4) uint8 of a frame, scaled to (width, height)."""
        if self._tone is not None:
            return self._tone(frame, *size)
        if self._curve is not None:
            return through(self._curve, frame, self.color, *size, self._reformatter)
        return to_rgb(frame, self.color, *size, self._reformatter)

    def _opaque(self, frame: VideoFrame, size: tuple[int, int]) -> np.ndarray:
        pixels = self._converted(frame, size)
        return over_white(pixels) if pixels.shape[2] == 4 else pixels

    def _fitted(
        self, frame: VideoFrame, size: tuple[int, int], convert: Callable[[VideoFrame, tuple[int, int]], np.ndarray]
    ) -> np.ndarray:
        """What is made of a frame; the shape of one whose size is not the first one's is kept by black bars."""
        if (frame.width, frame.height) == self._first_size:
            return convert(frame, size)
        width, height = self._first_size
        scale = min(Fraction(width, frame.width), Fraction(height, frame.height))
        inner = tuple(
            max(1, min(whole, round(side * scale * whole / first)))
            for side, whole, first in zip((frame.width, frame.height), size, self._first_size, strict=True)
        )
        self._note(f"changes to {frame.width}x{frame.height} in its course, which is fitted into {width}x{height}")
        fitting = convert(frame, (inner[0], inner[1]))
        canvas = np.zeros((size[1], size[0], 3), fitting.dtype)
        left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
        canvas[top : top + inner[1], left : left + inner[0]] = fitting
        return canvas

    def _lying(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size before frames are set upright."""
        return size[::-1] if self.on_its_side else size

    def _upright(self, pixels: np.ndarray) -> np.ndarray:
        pixels = np.rot90(pixels, self._turns)
        return np.ascontiguousarray(pixels[:, ::-1] if self._mirrored else pixels)
