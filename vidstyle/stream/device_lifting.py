"""Paintings lifted to the size of their frames, and mixed with them, on any device that torch knows.

Term by term as vidstyle.stream.lifting and vidstyle.stream.composing.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from vidstyle.media.color import LUMA
from vidstyle.stream.composing import Look, composed_by, mixed_by
from vidstyle.stream.device_laying import boxed
from vidstyle.stream.device_planes import (
    averaged,
    channels_of,
    enlarged,
    is_planar,
    joined,
    luma_of,
    resized,
    size_of,
    to_bytes,
)
from vidstyle.stream.lifting import FLAT, GAIN, GRAIN, LEVEL, NO_GRAIN, REACH, TAKEN_OFF, WINDOW, made_up, unseen


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
    fine, finest = _finest(whole), made_up(*size_of(painting))
    seen = averaged((fine + LEVEL).to(torch.uint8), (luma.shape[1], luma.shape[2])).float() - LEVEL
    bare = luma - gain * own - TAKEN_OFF * finest * (1 - gain).clamp(min=0) * seen
    share = enlarged(gain, shape)
    detail = share * whole + finest * (1 - share).clamp(min=0) * fine
    if is_planar(source):
        chroma = enlarged(channels_of(painting)[1].float(), (shape[0] // 2, shape[1] // 2), "bicubic")
        return joined([to_bytes(_raised(bare, shape) + detail), to_bytes(chroma)])
    painted = channels_of(painting)[0].float()
    return joined([to_bytes(_raised(bare - luma + painted, shape) + detail)])


def _raised(field: Tensor, shape: tuple[int, int]) -> Tensor:
    """(C, h, w) as a cubic B-spline at (H, W); see vidstyle.stream.lifting._coefficients."""
    weights = _unseen(field.device)
    padded = F.pad(field[None], (REACH,) * 4, mode="replicate")[0][:, None]
    field = F.conv2d(F.conv2d(padded, weights[None, None, None]), weights[None, None, :, None])[:, 0]
    result = field
    for axis in (1, 2):
        places, weights = _spline(field.shape[axis], shape[axis - 1], field.device)
        like = (1, -1, 1) if axis == 1 else (1, 1, -1)
        terms = [result.index_select(axis, at) * by.view(like) for at, by in zip(places, weights, strict=True)]
        result = terms[0] + terms[1] + terms[2] + terms[3]
    return result


def _finest(luma: Tensor) -> Tensor:
    """The finest details of a luma (1, H, W), without grain, in whole grey levels; float32."""
    side = _binomial(luma.device)
    padded = F.pad(luma[None], (2, 2, 2, 2), mode="reflect")
    soft = F.conv2d(F.conv2d(padded, side[None, None, None]), side[None, None, :, None])[0]
    detail = (luma - ((soft + 128) / 256).floor()).clamp(-LEVEL, LEVEL - 1)
    size = detail.abs()
    kept = ((size - GRAIN).clamp(min=0) * (NO_GRAIN / (NO_GRAIN - GRAIN))).floor()
    return detail.sign() * torch.minimum(kept, size)


@lru_cache(maxsize=4)
def _binomial(device: torch.device) -> Tensor:
    """The blur that leaves the finest details: OpenCV's of five pixels."""
    return torch.tensor((1.0, 4.0, 6.0, 4.0, 1.0), device=device)


@lru_cache(maxsize=4)
def _unseen(device: torch.device) -> Tensor:
    return torch.from_numpy(unseen()).to(device)


@lru_cache(maxsize=16)
def _spline(low: int, high: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Of `high` pixels the four of `low` positions that each is made of, and their weights, (4, high) both."""
    place = (torch.arange(high, dtype=torch.float64) + 0.5) * low / high - 0.5
    first = place.floor()
    t = place - first
    s = 1 - t
    weights = torch.stack((s**3, 3 * t**3 - 6 * t**2 + 4, 3 * s**3 - 6 * s**2 + 4, t**3)) / 6
    places = (first.long() + torch.arange(-1, 3)[:, None]).clamp(0, low - 1)
    return places.to(device), weights.float().to(device)


def composed(source: Tensor, painting: Tensor, look: Look) -> Tensor:
    """Pixels of the same kind and size as both; one of them where nothing is to be mixed."""
    return composed_by(source, painting, look, _with_colors_of, _between)


def mixed(one: Tensor, other: Tensor, share: float) -> Tensor:
    """Pixels between two of the same kind and size: 0 is the first, 1 the other."""
    return mixed_by(one, other, share, _between)


def masked(shown: Tensor, source: Tensor, mask: Tensor) -> Tensor:
    """`shown` where a mask (H, W) uint8 is 255, its source where it is 0; see vidstyle.stream.masks.laid_by."""
    share = mask.float()[None] / 255
    parts = []
    for one, other in zip(channels_of(shown), channels_of(source), strict=True):
        fitting = share if one.shape[1:] == share.shape[1:] else F.avg_pool2d(share[None], 2)[0]
        parts.append(to_bytes(one.float() * fitting + other.float() * (1 - fitting)))
    return joined(parts)


def _between(one: Tensor, other: Tensor, share: float) -> Tensor:
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
