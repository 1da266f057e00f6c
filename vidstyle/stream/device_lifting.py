"""Paintings lifted to the size of their frames, and mixed with them, on any device that torch knows.

Term by term as vidstyle.stream.lifting and vidstyle.stream.composing.
"""

import torch
from torch import Tensor

from vidstyle.perception.luma import LUMA
from vidstyle.stream.composing import Look
from vidstyle.stream.device_laying import blurred, boxed
from vidstyle.stream.device_planes import (
    channels_of,
    enlarged,
    is_planar,
    joined,
    luma_of,
    resized,
    size_of,
    to_bytes,
)
from vidstyle.stream.lifting import FLAT, GAIN, SOFTNESS, WINDOW


def lifted(painting: Tensor, small: Tensor, source: Tensor) -> Tensor:
    """A painting at the size of its source, pixels of the same kind; see vidstyle.stream.lifting.lifted.

    Waits for nothing.

    Args:
        painting: pixels, in the size of `small`.
        small: the source at that size.
        source: pixels.
    """
    size = size_of(source)
    if size_of(painting) == size:
        return painting
    if size_of(painting)[0] > size[0]:
        return resized(painting, size)
    luma, own, whole = (luma_of(pixels)[None].float() for pixels in (painting, small, source))
    shape = size[1], size[0]
    gain = _gain(luma, own)
    # Enlarged, the grain of single pixels would be squares.
    bare = blurred(luma - gain * own, SOFTNESS, 8.0)
    raised = enlarged(bare, shape) + enlarged(gain, shape) * whole
    if is_planar(source):
        chroma = enlarged(channels_of(painting)[1].float(), (shape[0] // 2, shape[1] // 2), "bicubic")
        return joined([to_bytes(raised), to_bytes(chroma)])
    change = raised - enlarged(luma, shape)
    painted = to_bytes(enlarged(channels_of(painting)[0].float(), shape)).float()
    return joined([to_bytes(painted + change)])


def composed(source: Tensor, painting: Tensor, look: Look) -> Tensor:
    """Pixels of the same kind and size as both; one of them where nothing is to be mixed."""
    if look.strength == 0:
        return source
    if look.keep_colors:
        painting = _with_colors_of(source, painting)
    if look.strength == 1:
        return painting
    return mixed(source, painting, look.strength)


def mixed(one: Tensor, other: Tensor, share: float) -> Tensor:
    """Pixels between two of the same kind and size: 0 is the first, 1 the other."""
    if share in (0, 1):
        return other if share else one
    return to_bytes(one.float() * (1 - share) + other.float() * share)


def _with_colors_of(source: Tensor, painting: Tensor) -> Tensor:
    if is_planar(source):
        return joined([channels_of(painting)[0], channels_of(source)[1]])
    one, other = source.float(), painting.float()
    change = sum(
        ((other[..., c] - one[..., c]) * weight for c, weight in enumerate(LUMA)), torch.zeros_like(one[..., 0])
    )
    return to_bytes(one + change[..., None])


def _gain(painted: Tensor, source: Tensor) -> Tensor:
    """How far the luma (1, H, W) of a painting follows that of its source."""
    mean, means = boxed(source, WINDOW), boxed(painted, WINDOW)
    variance = boxed(source * source, WINDOW) - mean * mean
    covariance = boxed(source * painted, WINDOW) - mean * means
    return boxed((covariance + FLAT * GAIN[0]) / (variance + FLAT), WINDOW).clamp(*GAIN)
