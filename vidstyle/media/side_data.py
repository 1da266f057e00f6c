"""What comes with decoded frames beside their pixels."""

from __future__ import annotations

from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame


def side_data_of(frame: VideoFrame) -> dict[SideDataType, bytes]:
    """FFmpeg's AVFrameSideData of a frame by its type; nothing if PyAV does not know one of the types.

    Never by `frame.side_data`: the frame would keep that, which keeps the frame, and both, with what has decoded it,
    would stay in memory until Python looks for such circles.
    """
    try:
        return {data.type: bytes(data) for data in SideDataContainer(frame)}  # type: ignore[call-arg]
    except ValueError:
        return {}
