"""Marks of video for both eyes and of video all around, which players show flat without them."""

from __future__ import annotations

import struct
from dataclasses import replace

from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame

from vidstyle.media.frame import Marks
from vidstyle.media.side_data import side_data_of

STEREO = {1: "side by side", 2: "one above the other"}
"""Values of FFmpeg's AVStereo3DType that can be written."""
OTHER_STEREO = {3: "in turns", 4: "as a checkerboard", 5: "side by side in quincunx", 6: "in lines", 7: "in columns"}
SPHERICAL = {
    0: "equirectangular",
    1: "a cube map",
    2: "a part of an equirectangular one",
    3: "half an equirectangular one",
    5: "a fisheye",
}
"""Values of FFmpeg's AVSphericalProjection."""
MATROSKA_MODES = {(1, False): "left_right", (1, True): "right_left", (2, False): "top_bottom", (2, True): "bottom_top"}
"""Tags that FFmpeg's muxer makes StereoMode of, by type and by whether the left eye comes second."""
FRAME_PACKING = {1: 3, 2: 4}
"""frame_packing_arrangement_type of H.264 (ITU-T H.264, D.2.26), by type."""


def names_of(marks: Marks) -> list[str]:
    """What a user is told of marks by."""
    names = []
    if marks.stereo:
        names.append(f"stereo ({(STEREO | OTHER_STEREO).get(marks.stereo, 'of another kind')})")
    if marks.spherical is not None:
        names.append(f"all around ({SPHERICAL.get(marks.spherical, 'of another kind')})")
    return names


def written(marks: Marks, container: str, encoder: str) -> tuple[dict[str, str], dict[str, str], Marks]:
    """How marks are written: tags of the track, options of the encoder, and the marks that are not.

    Args:
        marks: of the source.
        container, encoder: FFmpeg's names.
    """
    mode = MATROSKA_MODES.get((marks.stereo, marks.right_first))
    if container in {"matroska", "webm"} and mode:
        return {"stereo_mode": mode}, {}, replace(marks, stereo=0)
    if encoder == "libx264" and marks.stereo in FRAME_PACKING and not marks.right_first:
        return {}, {"x264-params": f"frame-packing={FRAME_PACKING[marks.stereo]}"}, replace(marks, stereo=0)
    return {}, {}, marks


def marks_of(frame: VideoFrame) -> Marks:
    """The marks of a decoded frame: those of the container, or of the codec."""
    stereo, right_first, spherical = 0, False, None
    found = side_data_of(frame)
    if SideDataType.STEREO3D in found:
        stereo, flags = struct.unpack_from("2i", found[SideDataType.STEREO3D])
        right_first = bool(flags & 1)
    if SideDataType.SPHERICAL in found:
        (spherical,) = struct.unpack_from("i", found[SideDataType.SPHERICAL])
    return Marks(stereo, right_first, spherical)
