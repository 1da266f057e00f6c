"""Pixels on any device that torch knows: taken apart, put together and resized as OpenCV does it.

Frames are shrunk with OpenCV's own arithmetic, step by step, to the last bit: whatever is decided about a frame is
decided by its small picture, and has to be decided alike on every device.
"""

import math
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

OPENCV_GREY = (9798, 19235, 3735)
"""Of red, green and blue, in 1 / 2^15: OpenCV's."""


def is_planar(pixels: Tensor) -> bool:
    """See vidstyle.stream.planes."""
    return pixels.ndim == 2


def size_of(pixels: Tensor) -> tuple[int, int]:
    """Width and height of the picture, pixels."""
    height, width = pixels.shape[:2]
    return width, height * 2 // 3 if is_planar(pixels) else height


def channels_of(pixels: Tensor) -> list[Tensor]:
    """Views (C, H, W) uint8: RGB, or Y and then U with V at half the size."""
    if not is_planar(pixels):
        return [pixels.permute(2, 0, 1)]
    width, height = size_of(pixels)
    return [pixels[:height][None], pixels[height:].reshape(2, height // 2, width // 2)]


def joined(channels: list[Tensor]) -> Tensor:
    """Pixels of what `channels_of` gives."""
    if len(channels) == 1:
        return channels[0].permute(1, 2, 0).contiguous()
    luma, chroma = channels
    return torch.cat((luma[0], chroma.reshape(-1, luma.shape[2])))


def luma_of(pixels: Tensor) -> Tensor:
    """Luma (H, W) uint8: the plane Y, or the grey of RGB."""
    if is_planar(pixels):
        return channels_of(pixels)[0][0]
    red, green, blue = pixels.to(torch.int32).unbind(-1)
    total = red * OPENCV_GREY[0] + green * OPENCV_GREY[1] + blue * OPENCV_GREY[2] + (1 << 14)
    return (total >> 15).to(torch.uint8)


def to_bytes(levels: Tensor) -> Tensor:
    """Grey levels rounded as OpenCV rounds, uint8."""
    return levels.round().clamp(0, 255).to(torch.uint8)


def resized(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """Pixels of the same kind at `size` (width, height): averaged down to the same numbers as OpenCV's, or
    interpolated up to within a grey level of them."""
    if size_of(pixels) == size:
        return pixels
    parts = []
    for number, part in enumerate(channels_of(pixels)):
        shape = (size[1], size[0]) if number == 0 else (size[1] // 2, size[0] // 2)
        if size[0] < size_of(pixels)[0]:
            parts.append(averaged(part, shape))
        else:
            parts.append(to_bytes(enlarged(part.float(), shape, "bicubic")))
    return joined(parts)


def enlarged(levels: Tensor, shape: tuple[int, int], mode: str = "bilinear") -> Tensor:
    """(C, h, w) float32 at (H, W)."""
    return F.interpolate(levels[None], shape, mode=mode, align_corners=False)[0]


def averaged(part: Tensor, shape: tuple[int, int]) -> Tensor:
    """(C, H, W) uint8 at a smaller (h, w): OpenCV's INTER_AREA, bit by bit."""
    if tuple(part.shape[1:]) == shape:
        return part
    times = [whole / less for whole, less in zip(part.shape[1:], shape, strict=True)]
    if all(one == round(one) for one in times):
        down, across = (round(one) for one in times)
        cells = part.reshape(-1, shape[0], down, shape[1], across).to(torch.int32)
        total = cells.sum((2, 4), dtype=torch.int32)
        if (down, across) == (2, 2):
            return ((total + 2) >> 2).to(torch.uint8)
        return to_bytes(total.float() * float(np.float32(1 / (down * across))))
    rows, columns = (_shares(whole, less) for whole, less in zip(part.shape[1:], shape, strict=True))
    # Product by product and in this order: sums of floats depend on it.
    levels = part.float()
    across_sum = _weighted(levels, *_on(columns, part.device), 2)
    return to_bytes(_weighted(across_sum, *_on(rows, part.device), 1))


def _weighted(levels: Tensor, places: Tensor, shares: Tensor, axis: int) -> Tensor:
    shape = (1, 1, -1) if axis == 2 else (1, -1, 1)
    total: Tensor | None = None
    for place, share in zip(places, shares, strict=True):
        term = levels.index_select(axis, place) * share.view(shape)
        total = term if total is None else total + term
    assert total is not None
    return total


@lru_cache(maxsize=64)
def _on(shares: tuple[tuple[tuple[int, ...], tuple[float, ...]], ...], device: torch.device) -> tuple[Tensor, Tensor]:
    places = torch.tensor([place for place, _ in shares], device=device)
    return places, torch.tensor([share for _, share in shares], dtype=torch.float32, device=device)


@lru_cache(maxsize=64)
def _shares(whole: int, less: int) -> tuple[tuple[tuple[int, ...], tuple[float, ...]], ...]:
    """What one side's pixels are averaged of: places and shares of the first pixel of each, of the second, and so on.

    As computeResizeAreaTab in OpenCV's resize.cpp.
    """
    scale = 1 / (less / whole)
    taps: list[list[tuple[int, float]]] = []
    for index in range(less):
        begin = index * scale
        end = begin + scale
        width = min(scale, whole - begin)
        last = min(math.floor(end), whole - 1)
        first = min(math.ceil(begin), last)
        mine = [(first - 1, (first - begin) / width)] if first - begin > 1e-3 else []
        mine += [(place, 1 / width) for place in range(first, last)]
        if end - last > 1e-3:
            mine.append((last, min(end - last, 1.0, width) / width))
        taps.append(mine)
    most = max(len(mine) for mine in taps)
    # Nothing of any pixel, where there are fewer.
    full = [mine + [(mine[-1][0], 0.0)] * (most - len(mine)) for mine in taps]
    return tuple((tuple(mine[k][0] for mine in full), tuple(mine[k][1] for mine in full)) for k in range(most))
