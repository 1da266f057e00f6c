"""From the numbers of a decoded picture to colours."""

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from vidstyle.errors import InputError
from vidstyle.media.frame import MATRIX_BT709, RGB_MATRIX, SWSCALE_MATRIX, UNSPECIFIED, Color, usual_matrix

SCALING = (
    Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
)
"""swscale's exact path: YUV to RGB and back loses less than 0.01 of a level in luma; 14 ms a frame at 1280x720."""
GLANCE = Interpolation.BICUBIC
"""Its quick path, 0.6 ms a frame: chroma is not enlarged smoothly, and levels may be one off."""

LUMA = (0.2126, 0.7152, 0.0722)
"""Weights of RGB in luminance, ITU-R BT.709, item 3.2."""
WHITE = (255, 255, 255)
SEEN_THROUGH = 8
"""Pixels beyond its edge as far as which a network sees what is opaque."""


def over(rgba: np.ndarray, background: tuple[int, int, int] = WHITE) -> np.ndarray:
    """RGBA (H, W, 4) uint8 laid on a colour: RGB (H, W, 3) uint8."""
    alpha = rgba[..., 3:].astype(np.uint16)
    below = np.array(background, np.uint16) * (255 - alpha)
    return ((rgba[..., :3] * alpha + below + 127) // 255).astype(np.uint8)


def over_white(rgba: np.ndarray) -> np.ndarray:
    """RGBA (H, W, 4) uint8 laid on white: RGB (H, W, 3) uint8."""
    return over(rgba)


def without_what_is_hidden(rgba: np.ndarray) -> np.ndarray:
    """RGB (H, W, 3) uint8 to paint from: where RGBA (H, W, 4) is transparent, the colours of what is opaque beside it.

    The colours that a file has under transparent pixels are left over from somewhere, and white would shine through
    at the edges of what is cut out.
    """
    alpha = rgba[..., 3]
    if alpha.min() > 0:
        return np.ascontiguousarray(rgba[..., :3])
    import cv2

    weight = alpha.astype(np.float32) / 255
    size = (2 * SEEN_THROUGH + 1,) * 2
    near = cv2.blur(weight, size, borderType=cv2.BORDER_CONSTANT)
    colors = cv2.blur(rgba[..., :3] * weight[..., None], size, borderType=cv2.BORDER_CONSTANT)
    beside = np.where(near[..., None] > 1e-4, colors / np.maximum(near, 1e-4)[..., None], 255)
    return np.where(alpha[..., None] == 0, np.rint(beside), rgba[..., :3]).clip(0, 255).astype(np.uint8)


YCGCO, CHROMA_DERIVED = 8, 12
SWSCALE_KNOWS = frozenset({1, 4, 5, 6, 7, 9})
"""Matrices of ITU-T H.273."""
UNREAD_MATRICES = {10: "BT.2020 with constant luminance", 11: "SMPTE ST 2085", 13: "chroma-derived", 14: "ICtCp"}


class UnreadColorsError(InputError):
    """Colours in a matrix that is not read."""


def settle_color(frame: VideoFrame) -> Color:
    """The colour description of a decoded frame, with what it leaves open settled by convention.

    Raises:
        UnreadColorsError: for a matrix that nothing here converts.
    """
    name = frame.format.name
    components = frame.format.components
    bits = max(component.bits for component in components)
    rgb = frame.format.is_rgb or name.startswith(("gbr", "pal", "xyz"))
    matrix = int(frame.colorspace)
    if matrix in (UNSPECIFIED, RGB_MATRIX, 3) or rgb:
        matrix = MATRIX_BT709 if rgb else usual_matrix(frame.height)
    if matrix == CHROMA_DERIVED:
        # H.273 computes it from the primaries, from which the matrices of their own standards come as well.
        matrix = {1: 1, 5: 5, 6: 6, 9: 9}.get(int(frame.color_primaries), usual_matrix(frame.height))
    if matrix not in SWSCALE_KNOWS | {YCGCO}:
        name = UNREAD_MATRICES.get(matrix, f"matrix {matrix} of ITU-T H.273")
        raise UnreadColorsError(f"the colours are in {name}, which is not read here; convert them first")
    full_range = frame.color_range == ColorRange.JPEG or name.startswith("yuvj")
    return Color(
        matrix=matrix,
        # RGB sources are written as ordinary video.
        full_range=full_range and not rgb,
        primaries=int(frame.color_primaries),
        transfer=int(frame.color_trc),
        bits=bits,
    )


def describe_color(frame: VideoFrame, color: Color) -> None:
    """Set the matrix and range of a decoded frame to what `color` says."""
    frame.colorspace = color.matrix
    frame.color_range = ColorRange.JPEG if color.full_range else ColorRange.MPEG


def has_alpha(frame: VideoFrame) -> bool:
    """Whether the pixels of a decoded frame may be transparent."""
    return any(component.is_alpha for component in frame.format.components)


def to_rgb(
    frame: VideoFrame,
    color: Color,
    width: int,
    height: int,
    reformatter: VideoReformatter,
    *,
    scaling: int = SCALING,
) -> np.ndarray:
    """A decoded frame as RGB (height, width, 3) uint8, full range; RGBA (height, width, 4) if it has transparency.

    Args:
        frame: its matrix and range are set to what `color` says.
        color: of the video that the frame belongs to.
        width, height: pixels to scale to.
        reformatter: keeps its tables from frame to frame.
        scaling: SCALING, or GLANCE for pictures that are shown and gone.
    """
    if color.matrix == YCGCO:
        return _from_ycgco(frame, color, width, height, reformatter)
    describe_color(frame, color)
    converted = reformatter.reformat(
        frame,
        width=width,
        height=height,
        format="rgba" if has_alpha(frame) else "rgb24",
        dst_color_range=ColorRange.JPEG,
        interpolation=scaling,
        # The other threads have their own use for the cores.
        threads=1,
    )
    return converted.to_ndarray()


def _from_ycgco(frame: VideoFrame, color: Color, width: int, height: int, reformatter: VideoReformatter) -> np.ndarray:
    """The same of YCgCo (ITU-T H.273, equations 56 to 59), which swscale does not know."""
    # Any matrix, since none is applied from YUV to YUV of the same.
    frame.colorspace = MATRIX_BT709
    frame.color_range = ColorRange.JPEG if color.full_range else ColorRange.MPEG
    planes = reformatter.reformat(
        frame,
        width=width,
        height=height,
        format="yuv444p",
        dst_colorspace=MATRIX_BT709,
        dst_color_range=frame.color_range,
        interpolation=SCALING,
        threads=1,
    ).to_ndarray()
    black, luma, chroma = (0, 255, 255) if color.full_range else (16, 219, 224)
    y = (planes[0].astype(np.float32) - black) / luma
    cg, co = ((planes[plane].astype(np.float32) - 128) / chroma for plane in (1, 2))
    rgb = np.stack([y - cg + co, y + cg, y - cg - co], axis=-1)
    return np.rint(255 * rgb).clip(0, 255).astype(np.uint8)


def split_alpha(rgba: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """RGB to paint from (height, width, 3) and alpha (height, width), uint8, of RGBA, scaled to (width, height)."""
    pixels, alpha = without_what_is_hidden(rgba), np.ascontiguousarray(rgba[..., 3])
    if (alpha.shape[1], alpha.shape[0]) != size:
        import cv2

        smaller = size[0] * size[1] < alpha.size
        how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
        pixels, alpha = (cv2.resize(plane, size, interpolation=how) for plane in (pixels, alpha))
    return pixels, alpha


def to_planes(
    frame: VideoFrame, color: Color, planes: Color, width: int, height: int, reformatter: VideoReformatter
) -> np.ndarray:
    """A decoded frame as planes of 4:2:0, (3 height / 2, width) uint8; see vidstyle.media.frame.Frame.

    Args:
        frame, color, reformatter: see to_rgb.
        planes: what they are to stand for, with 8 bits.
        width, height: pixels to scale to, even.
    """
    describe_color(frame, color)
    if frame.format.is_rgb:
        frame.color_range = ColorRange.JPEG
    converted = reformatter.reformat(
        frame,
        width=width,
        height=height,
        format="yuv420p",
        dst_colorspace=SWSCALE_MATRIX.get(planes.matrix, planes.matrix),
        dst_color_range=ColorRange.JPEG if planes.full_range else ColorRange.MPEG,
        interpolation=SCALING,
        threads=1,
    )
    return converted.to_ndarray()


def from_rgb(
    picture: VideoFrame, pixel_format: str | None, color: Color, matrix: int, reformatter: VideoReformatter
) -> VideoFrame:
    """An RGB frame, full range, in an encoder's pixel format, and tagged with what it is.

    Args:
        picture: marked as full range.
        pixel_format: FFmpeg's name of it.
        color: what to tag it with.
        matrix: RGB_MATRIX for formats that stay RGB, which have full range always; the matrix of `color` otherwise.
        reformatter: keeps its tables from frame to frame.
    """
    color_range = ColorRange.JPEG if color.full_range or matrix == RGB_MATRIX else ColorRange.MPEG
    picture = reformatter.reformat(
        picture,
        format=pixel_format,
        dst_colorspace=SWSCALE_MATRIX.get(matrix, matrix),
        dst_color_range=color_range,
        interpolation=SCALING,
        threads=1,
    )
    picture.colorspace, picture.color_range = matrix, color_range
    picture.color_primaries, picture.color_trc = color.primaries, color.transfer
    return picture


def planes_of_rgb(rgb: np.ndarray, color: Color, reformatter: VideoReformatter) -> np.ndarray:
    """Planes of 4:2:0 (3 H / 2, W) uint8, which stand for a colour, of RGB (H, W, 3) uint8 with even sides.

    reformatter: keeps its tables from frame to frame.
    """
    picture = VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24")
    picture.color_range = ColorRange.JPEG
    return from_rgb(picture, "yuv420p", color, color.matrix, reformatter).to_ndarray()
