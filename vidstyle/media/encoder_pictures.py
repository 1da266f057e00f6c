"""What an encoder is given: how its pictures are made, and the pictures."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter

from vidstyle.media.codecs import Codec
from vidstyle.media.color import SCALING, from_rgb, over
from vidstyle.media.converting import INTERLEAVED
from vidstyle.media.device_pixels import DevicePixels
from vidstyle.media.fitting_bars import square_size
from vidstyle.media.frame import RGB_MATRIX, Frame, VideoFormat
from vidstyle.media.hdr import DEEP, ToneExpander, peak_of
from vidstyle.media.output_containers import CLOCKS, WITHOUT_ASPECT

if TYPE_CHECKING:
    from vidstyle.media.device_frames import DeviceEncoding

ON_DEVICE = frozenset({"cuda", "nv12"})
"""Pixel formats of what comes from a device: they need no conversion."""
YUV = ("yuv", "nv12", "p010")
"""Beginnings of the names of pixel formats that have a matrix."""


@dataclass(frozen=True)
class EncodedFormat:
    """How a video is encoded.

    Attributes:
        video: what its frames are like.
        codec: what encodes them.
        container: FFmpeg's name of what they are written into.
        resident: they are encoded where they are, in a device's memory.
    """

    video: VideoFormat
    codec: Codec
    container: str
    resident: bool = False

    @property
    def alpha(self) -> bool:
        """Whether there is transparency, and room for it."""
        return self.video.alpha and self.codec.alpha is not None and self.container in self.codec.alpha_containers

    @property
    def squares_pixels(self) -> bool:
        """PyAV cannot tell these containers of another shape of pixel, which few codecs write down themselves."""
        by_itself = self.codec.encoder in {"libx264", "libx265"}
        return self.container in WITHOUT_ASPECT and not by_itself

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height of what is shown, in pixels."""
        width, height, shape = self.video.width, self.video.height, self.video.sample_aspect_ratio
        if not self.squares_pixels:
            return width, height
        return square_size(width, height, shape)

    @cached_property
    def coded_size(self) -> tuple[int, int]:
        """Width and height after rounding up to what the codec takes, in pixels."""
        multiple = 2 if self.codec.even else 1
        width, height = (-(-side // multiple) * multiple for side in self.size)
        return width, height

    @cached_property
    def pixel_format(self) -> str:
        """FFmpeg's name of what the encoder is given."""
        if self.resident:
            return INTERLEAVED
        if self.video.mastering is not None and self.codec.hdr is not None:
            return self.codec.hdr
        if self.alpha and self.codec.alpha is not None:
            return self.codec.alpha
        return self.codec.formats[self.video.color.bits > 8]

    @property
    def matrix_and_range(self) -> tuple[int, ColorRange]:
        """How the encoder's numbers are to be read."""
        color = self.video.color
        if not self.pixel_format.startswith(YUV):
            return RGB_MATRIX, ColorRange.JPEG
        return color.matrix, ColorRange.JPEG if color.full_range else ColorRange.MPEG

    @property
    def time_base(self) -> Fraction:
        """Seconds per tick of the encoder."""
        return CLOCKS.get(self.codec.encoder, self.video.time_base)


class EncoderPictures:
    """Makes of frames what an encoder takes.

    Args:
        encoded: how they are encoded.
        device: where they lie, if they are resident.
        background: what transparent frames are laid on where there is no room for transparency.
        strength: how much of frames in high dynamic range has been painted, 0 to 1; the rest stays exactly as it was.

    Attributes:
        laid_down: whether anything transparent was laid on the background.
    """

    def __init__(
        self,
        encoded: EncodedFormat,
        device: DeviceEncoding | None,
        background: tuple[int, int, int],
        strength: float,
    ) -> None:
        self._format, self._device, self._background = encoded, device, background
        self._scaler, self._reformatter = VideoReformatter(), VideoReformatter()
        self._expander: ToneExpander | None = None
        video = encoded.video
        if video.mastering is not None:
            self._expander = ToneExpander(video.color.transfer, peak_of(video.mastering), 1 - strength)
        self.laid_down = False

    def __call__(self, frame: Frame[Any]) -> VideoFrame:
        """What the encoder is given for a frame, without times; what a GIF is made of stays RGB."""
        if isinstance(frame.pixels, DevicePixels) and self._device is None:
            pixels: Any = frame.pixels.array()
        else:
            pixels = frame.pixels
        picture = self._wrapped(frame, pixels)
        (width, height), (coded_width, coded_height) = self._format.size, self._format.coded_size
        if (picture.width, picture.height) != (width, height):
            picture = self._scaler.reformat(picture, width, height, interpolation=SCALING, threads=1)
        if (width, height) != (coded_width, coded_height):
            # 4:2:0 has no odd sides; the last line is doubled rather than lost.
            pad = ((0, coded_height - height), (0, coded_width - width), (0, 0))
            padded: Any = np.pad(picture.to_ndarray(), pad, mode="edge")
            picture = VideoFrame.from_ndarray(padded, picture.format.name)
            picture.color_range = ColorRange.JPEG
        return picture if self._format.codec.encoder == "gif" else self._converted(picture)

    def _wrapped(self, frame: Frame[Any], pixels: Any) -> VideoFrame:
        if isinstance(pixels, DevicePixels):
            assert self._device is not None
            picture = self._device.picture(pixels)
        elif self._expander is not None and frame.signal is not None:
            picture = VideoFrame.from_ndarray(self._expander(pixels, frame.signal()), DEEP)
            picture.color_range = ColorRange.JPEG
        elif pixels.ndim == 3:
            if self._format.alpha:
                alpha = np.full(pixels.shape[:2], 255, np.uint8) if frame.alpha is None else frame.alpha
                pixels = np.dstack([pixels, alpha])
            elif frame.alpha is not None and frame.alpha.min() < 255:
                self.laid_down = True
                pixels = over(np.dstack([pixels, frame.alpha]), self._background)
            picture = VideoFrame.from_ndarray(pixels, "rgba" if self._format.alpha else "rgb24")
            picture.color_range = ColorRange.JPEG
        else:
            picture = VideoFrame.from_ndarray(pixels, "yuv420p")
            picture.colorspace, picture.color_range = self._format.matrix_and_range
        return picture

    def _converted(self, picture: VideoFrame) -> VideoFrame:
        """In the encoder's pixel format, and tagged with what it is."""
        color = self._format.video.color
        matrix, color_range = self._format.matrix_and_range
        if picture.format.name not in {"yuv420p", *ON_DEVICE}:
            return from_rgb(picture, self._format.pixel_format, color, matrix, self._reformatter)
        picture.colorspace, picture.color_range = matrix, color_range
        picture.color_primaries, picture.color_trc = color.primaries, color.transfer
        return picture
