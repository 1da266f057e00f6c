"""What happens to decoded frames before their colours are converted: fields, borders, which side is up."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame

from vidstyle.media.cropping import Crop
from vidstyle.media.side_data import side_data_of


class Deinterlacer:
    """Makes whole pictures of two fields, one for each frame; progressive frames pass unchanged."""

    def __init__(self, frame: VideoFrame, time_base: Fraction) -> None:
        self._shape = (frame.width, frame.height, frame.format.name)
        self._graph = Graph()
        self._graph.link_nodes(
            self._graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=time_base),
            self._graph.add("bwdif", mode="send_frame", deint="interlaced"),
            self._graph.add("buffersink"),
        ).configure()

    def takes(self, frame: VideoFrame) -> bool:
        """Whether the frame has the size and format that this one was made for."""
        return (frame.width, frame.height, frame.format.name) == self._shape

    def push(self, frame: VideoFrame | None) -> Iterator[VideoFrame]:
        """Frames that are ready once `frame` is known; all that are left for None."""
        self._graph.vpush(frame)
        with contextlib.suppress(av.error.BlockingIOError, av.error.EOFError):
            while True:
                yield self._graph.vpull()


def orientation(frame: VideoFrame) -> tuple[int, bool]:
    """How to set a frame upright: quarter turns counter-clockwise, and whether to mirror it left to right then."""
    data = side_data_of(frame).get(SideDataType.DISPLAYMATRIX)
    if data is None:
        # None, or PyAV does not know some other kind of side data that the frame has.
        return round(frame.rotation / 90) % 4, False
    a, b, _, c, d = np.frombuffer(data, np.int32)[:5].astype(float)
    mirrored = a * d < b * c
    if mirrored:
        a = -a
    return round(-math.degrees(math.atan2(b, a)) / 90) % 4, bool(mirrored)


class Cropper:
    """Takes borders off frames that their container says not to show."""

    def __init__(self, crop: Crop, time_base: Fraction) -> None:
        self._crop, self._time_base = crop, time_base
        self._graphs: dict[tuple[int, int, str], Graph] = {}

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """The frame without them; itself where nothing would be left."""
        crop, width, height = self._crop, *self._crop.inner(frame.width, frame.height)
        if width < 1 or height < 1:
            return frame
        shape = frame.width, frame.height, frame.format.name
        if shape not in self._graphs:
            graph = self._graphs[shape] = Graph()
            nodes = [
                graph.add_buffer(width=shape[0], height=shape[1], format=frame.format, time_base=self._time_base),
                graph.add("crop", f"{width}:{height}:{crop.left}:{crop.top}:exact=1"),
                graph.add("buffersink"),
            ]
            # Where colours have half as many pixels, borders of an odd width cannot be cut off.
            if (crop.left % 2 or crop.top % 2) and not frame.format.is_rgb and len(frame.format.components) > 2:
                deep = max(component.bits for component in frame.format.components) > 8
                nodes.insert(1, graph.add("format", "yuv444p16le" if deep else "yuv444p"))
            graph.link_nodes(*nodes).configure()
        pts, time_base = frame.pts, frame.time_base
        self._graphs[shape].vpush(frame)
        cropped = self._graphs[shape].vpull()
        cropped.pts, cropped.time_base = pts, time_base
        return cropped
