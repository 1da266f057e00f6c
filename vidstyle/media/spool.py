"""Frames on the disk, without loss, until all have been seen: for formats that begin with what the end tells."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame

from vidstyle.media.containers import location
from vidstyle.output_files import Part

TICK = Fraction(1, 25)
"""Frames are counted here; when they are shown is kept beside them."""
RGBA = av.VideoFormat("rgba")
UNSEEN_CHANGE, UNSEEN_DRIFT = 12, 5
"""Levels by which a pixel of a GIF, and the mean around it, may change without being drawn anew: noise costs nothing
then, and what fades does not stand still."""
AROUND = (7, 7)
DITHER = "dither=bayer:bayer_scale=5:diff_mode=rectangle"
"""The same pattern in every frame, so that it does not move where nothing else does."""


class Spool:
    """A hidden file of frames beside what they will become, gone after `discard`.

    Args:
        beside: the file that they will become.

    Raises:
        InputError: if nothing can be written there.
    """

    def __init__(self, beside: Path) -> None:
        self._part = Part(beside)
        self._container: av.container.OutputContainer | None = None
        self._stream: av.VideoStream | None = None
        self.count = 0

    def add(self, pixels: np.ndarray) -> None:
        """Append one frame, RGBA (H, W, 4) uint8; all have one size."""
        if self._stream is None:
            self._container = av.open(location(self._part.path), "w", format="nut")
            stream = self._container.add_stream("ffv1", rate=1 / TICK, options={"level": "3"})
            assert isinstance(stream, av.VideoStream)
            stream.height, stream.width = pixels.shape[:2]
            stream.pix_fmt = "bgra"
            self._stream = stream
        assert self._container is not None
        picture = VideoFrame.from_ndarray(pixels, "rgba").reformat(format="bgra", threads=1)
        picture.pts, picture.time_base = self.count, TICK
        self._container.mux(self._stream.encode(picture))
        self.count += 1

    def __iter__(self) -> Iterator[np.ndarray]:
        """All frames, in order, RGBA (H, W, 4) uint8; nothing can be added any more."""
        if self._container is not None and self._stream is not None:
            self._container.mux(self._stream.encode(None))
            self._container.close()
            self._container = None
        with av.open(location(self._part.path), format="nut") as container:
            for frame in container.decode(video=0):
                yield frame.to_ndarray(format="rgba")

    def discard(self) -> None:
        """Remove the file; more than once does no harm."""
        if self._container is not None:
            # It may have failed to grow.
            with contextlib.suppress(OSError, av.error.FFmpegError):
                self._container.close()
            self._container = None
        self._part.discard()


class OnePalette:
    """The frames of a GIF, with the 256 colours that serve all of them best.

    Args:
        beside: the GIF; see Spool.
    """

    def __init__(self, beside: Path) -> None:
        self._spool = Spool(beside)
        self._times: list[tuple[int, Fraction, int]] = []
        self._shown: np.ndarray | None = None
        self._colors = Graph()

    def add(self, picture: VideoFrame) -> None:
        """Take the next frame, in rgba or rgb24, with pts, time base and duration."""
        assert picture.time_base is not None
        assert picture.pts is not None
        self._times.append((picture.pts, picture.time_base, picture.duration))
        pixels = picture.reformat(format="rgba", threads=1).to_ndarray()
        if self._shown is None:
            source = self._colors.add_buffer(width=picture.width, height=picture.height, format=RGBA, time_base=TICK)
            self._colors.link_nodes(
                source, self._colors.add("palettegen", stats_mode="full"), self._colors.add("buffersink")
            ).configure()
            self._shown = pixels
        else:
            change = pixels.astype(np.float32) - self._shown
            seen = np.abs(change).max(axis=2) > UNSEEN_CHANGE
            seen |= np.abs(cv2.blur(change, AROUND)).max(axis=2) > UNSEEN_DRIFT
            self._shown = np.where(seen[..., None], pixels, self._shown)
        counted = VideoFrame.from_ndarray(self._shown, "rgba")
        counted.pts, counted.time_base = self._spool.count, TICK
        self._colors.vpush(counted)
        self._spool.add(self._shown)

    def __iter__(self) -> Iterator[VideoFrame]:
        """All frames, in order, in pal8; nothing can be added any more."""
        self._colors.vpush(None)
        palette = self._colors.vpull()
        palette.pts, palette.time_base = 0, TICK
        graph = Graph()
        assert self._shown is not None
        height, width = self._shown.shape[:2]
        frames = graph.add_buffer(width=width, height=height, format=RGBA, time_base=TICK)
        colors = graph.add_buffer(width=palette.width, height=palette.height, format=palette.format, time_base=TICK)
        use = graph.add("paletteuse", DITHER)
        frames.link_to(use, 0, 0)
        colors.link_to(use, 0, 1)
        use.link_to(graph.add("buffersink"))
        graph.configure()
        colors.push(palette)
        colors.push(None)
        times = iter(self._times)

        def timed() -> Iterator[VideoFrame]:
            while True:
                try:
                    picture = graph.vpull()
                except (av.error.BlockingIOError, av.error.EOFError):
                    return
                picture.pts, picture.time_base, picture.duration = next(times)
                yield picture

        for number, pixels in enumerate(self._spool):
            frame = VideoFrame.from_ndarray(pixels, "rgba")
            frame.pts, frame.time_base = number, TICK
            frames.push(frame)
            yield from timed()
        frames.push(None)
        yield from timed()

    def discard(self) -> None:
        """Remove what lies on the disk; more than once does no harm."""
        self._spool.discard()
