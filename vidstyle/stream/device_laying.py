"""Laying the pixels of keys over each other on any device that torch knows, as vidstyle.stream.laying does.

Pixels stay where they are, and so do maps.  What draws a frame has the same shapes each time and waits for nothing, so
that a GPU can be told of it once, as a graph.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from kornia.filters import get_gaussian_kernel1d
from torch import Tensor

from vidstyle.stream.device_key_maps import DeviceView
from vidstyle.stream.device_map_steps import (
    CHANGED,
    FADING,
    FLOW_X,
    FLOW_Y,
    HELD,
    MAPS,
    OVER,
    SHIFT_X,
    SHIFT_Y,
    Step,
)
from vidstyle.stream.device_planes import averaged, channels_of, is_planar, joined, luma_of, to_bytes
from vidstyle.stream.key_maps import Key
from vidstyle.stream.laying import (
    FIT_SIDE,
    FIT_SPREAD,
    SHARPEN,
    SHARPEN_RADIUS,
    TINT_BLUR,
    TINT_SHARE,
)
from vidstyle.stream.memory import MOST_KEYS
from vidstyle.stream.plane_rows import VISIBLE
from vidstyle.stream.warm_starts import WarmStart


class DeviceLayout:
    """Draws what is shown, frame after frame, all of one size and kind; see vidstyle.stream.laying.Layout.

    To be used on one stream of the device.

    Args:
        taken: the pixels of a painting, of which the device may know nothing yet, as a tensor on it.
        device: where the pixels are.
        record: makes one launch of a step with fixed tensors, such as vidstyle.engines.cuda_graph.recorded.
    """

    def __init__(
        self, taken: Callable[[Any], Tensor], device: torch.device, record: Callable[[Step], Step] = lambda step: step
    ) -> None:
        self._taken, self._device, self._record = taken, device, record
        self._buffers: _Buffers | None = None
        self._newest_fit: _Fit | None = None
        self.forget()

    def forget(self) -> None:
        """What comes next has nothing to do with what was."""
        self._last: Tensor | None = None
        self._slots: dict[int, int] = {}

    def draw(self, view: DeviceView, source: Tensor) -> Tensor:
        """Pixels of a frame; waits for the paintings of all keys in the view, and for nothing else.

        Args:
            view: what to show.
            source: the frame's own pixels, in the kind and size of the paintings.

        Returns:
            Pixels of the same kind and size, which hold until the next call; the same object where nothing has changed.
        """
        if self._buffers is None or not self._buffers.serves(source, view.shape):
            self._buffers = _Buffers(source, view.shape, self._record)
            self.forget()
        if view.begins:
            self.forget()
        for key in view.layers:
            if key.number not in self._slots:
                self._keep(key, view, self._buffers)
        if view.begins and len(view.layers) == 1:
            return self._shown(self._buffers, self._taken(view.layers[0].painting.result()))
        if self._last is not None and not view.changes:
            return self._last
        if not view.layers:
            return self._tinted(source) if self._last is None else self._last
        self._buffers.maps.copy_(view.maps())
        if self._last is None:
            self._buffers.last.copy_(self._tinted(source))
            self._buffers.maps[HELD].zero_()
            self._buffers.maps[CHANGED].fill_(1.0)
        order = [self._slots[key.number] for key in view.layers]
        newest = len(order) - 1
        order += [0] * (MOST_KEYS - len(order))
        self._buffers.order.copy_(self._moved(np.array([*order, newest], np.int64)), non_blocking=True)
        self._buffers.set_source(source)
        self._buffers.draw()
        return self._shown(self._buffers, self._buffers.result)

    def learn_colors(self, key: Key) -> None:
        """From the painting of a key, for frames of which nothing has been painted yet."""
        self._newest_fit = self._fit(self._taken(key.painting.result()), key.source)

    def _shown(self, buffers: "_Buffers", pixels: Tensor) -> Tensor:
        buffers.last.copy_(pixels)
        # Another object says that it shows something else.
        self._last = buffers.last.view(buffers.last.shape)
        return self._last

    def _moved(self, array: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(array)
        return tensor.pin_memory() if self._device.type == "cuda" else tensor

    def _keep(self, key: Key, view: DeviceView, buffers: "_Buffers") -> None:
        """Put the painting of a key where there is room for it."""
        wanted = {key.number for key in view.layers}
        self._slots = {number: slot for number, slot in self._slots.items() if number in wanted}
        slot = min(set(range(MOST_KEYS + 1)) - set(self._slots.values()))
        painting = self._taken(key.painting.result())
        for part, kept, sharper in zip(channels_of(painting), buffers.painted, buffers.keys, strict=True):
            levels = part.float()
            soft = to_bytes(blurred(levels, SHARPEN_RADIUS)).float()
            kept[slot] = part
            sharper[slot] = to_bytes(levels * (1 + SHARPEN) - soft * SHARPEN).float()
        self._slots[key.number] = slot
        self._newest_fit = self._fit(painting, key.source)
        buffers.fields[slot] = self._newest_fit.fields()

    def _fit(self, painting: Tensor, source: np.ndarray) -> "_Fit":
        luma = self._moved(np.ascontiguousarray(source[..., 0])).to(self._device, non_blocking=True)
        small = [averaged(part, (luma.shape[0], luma.shape[1])) for part in channels_of(painting)]
        return _Fit(torch.cat(small).float(), luma)

    def _tinted(self, source: Tensor) -> Tensor:
        """A frame of which nothing has been painted yet, in the colours that the last key gave to such luma."""
        if self._newest_fit is None:
            return source
        table, luma = self._newest_fit.table(), luma_of(source)
        if not is_planar(source):
            return table[:, luma.long()].permute(1, 2, 0).contiguous()
        half = averaged(luma[None], (luma.shape[0] // 2, luma.shape[1] // 2))[0]
        return joined([table[:1, luma.long()], table[1:, half.long()]])


@dataclass(frozen=True)
class _Fit:
    """What colours a painting (3, h, w) float32 gives to the luma (h, w) uint8 of its source, place by place."""

    painted: Tensor
    luma: Tensor

    def table(self) -> Tensor:
        """(3, 256) uint8: what a luma becomes in each channel, on average."""
        levels = self.luma.flatten().long()
        sums = self.painted.new_zeros(3, 256).index_add_(1, levels, self.painted.flatten(1))
        counts = self.painted.new_zeros(1, 256).index_add_(1, levels, torch.ones_like(self.painted[:1]).flatten(1))
        weights = _gaussian(TINT_BLUR, 8.0, self.luma.device)
        # A picture of one row, with nothing above and below it.
        near = F.conv1d(
            torch.cat((sums, counts))[:, None], (weights * weights.max())[None, None], padding=len(weights) // 2
        )
        share = TINT_SHARE * torch.cat((sums, counts)).sum(1)[:, None]
        total = near[:, 0] + share
        return to_bytes(total[:3] / total[3:])

    def fields(self) -> Tensor:
        """Gain and offset of each channel, (6, h, w) float32: a guided filter's (He et al. 2010, equations 5 and 6)."""
        luma = self.luma[None].float()
        if min(self.luma.shape) <= FIT_SIDE // 2:
            # Smaller than what is compared: nothing is, and colours stay.
            return torch.cat((torch.zeros_like(self.painted), self.painted))
        mean, means = boxed(luma, FIT_SIDE), boxed(self.painted, FIT_SIDE)
        variance = boxed(luma * luma, FIT_SIDE) - mean * mean
        covariance = boxed(luma * self.painted, FIT_SIDE) - mean * means
        gain = covariance / (variance + FIT_SPREAD)
        return torch.cat((gain, means - gain * mean))


class _Buffers:
    """Tensors of fixed shapes, and what draws from them.

    Args:
        source: pixels such as will come.
        shape: of the maps, (h, w).
        record: see DeviceLayout.

    Attributes:
        maps: (MAPS, h, w) float32, of the view.
        order: (MOST_KEYS + 1,) int64: the slot of each layer, the one on top first, and the number of the newest layer.
        painted, keys: the planes of keys, (slots, C, H, W) each, uint8 and float32: as painted, which is what is drawn
            where nothing has moved, and to be resampled.
        fields: (slots, 6, h, w) float32: the colours that a key gives to luma.
        last, result: pixels of the last output, and of the next one.
    """

    def __init__(self, source: Tensor, shape: tuple[int, ...], record: Callable[[Step], Step]) -> None:
        device = source.device
        parts = channels_of(source)
        self.maps = torch.zeros((MAPS, *shape), device=device)
        self.order = torch.zeros(MOST_KEYS + 1, dtype=torch.int64, device=device)
        self.painted, self.keys = (
            [torch.zeros((MOST_KEYS + 1, *part.shape), dtype=kind, device=device) for part in parts]
            for kind in (torch.uint8, torch.float32)
        )
        self.fields = torch.zeros((MOST_KEYS + 1, 6, *shape), device=device)
        self.last, self.result = torch.zeros_like(source), torch.zeros_like(source)
        self._grids = [_Grid((part.shape[1], part.shape[2]), (shape[0], shape[1]), device) for part in parts]
        self._places = _Grid((shape[0], shape[1]), (shape[0], shape[1]), device)
        self._luma, self._record = torch.zeros_like(luma_of(source)), record
        self._step: Step | None = None

    def serves(self, source: Tensor, shape: tuple[int, ...]) -> bool:
        """Whether they have the shapes for such pixels and maps."""
        return self.last.shape == source.shape and self.maps.shape[1:] == shape

    def draw(self) -> None:
        """Into `result`, from everything else."""
        if self._step is None:
            self._step = self._record(self._draw)
        self._step()

    def set_source(self, source: Tensor) -> None:
        """Of what is to be drawn next."""
        self._luma.copy_(luma_of(source))

    def _draw(self) -> None:
        maps = self.maps
        slots, newest = self.order[:MOST_KEYS], self.order[MOST_KEYS:]
        way = torch.cat((maps[SHIFT_X].index_select(0, newest), maps[SHIFT_Y].index_select(0, newest)))
        fields = self.fields.index_select(0, slots.index_select(0, newest))
        colors = F.grid_sample(fields, self._places.moved(way[:1], way[1:]), "bilinear", "border", align_corners=False)
        parts, channel = [], 0
        lasts = channels_of(self.last)
        for number, (grid, *planes, last) in enumerate(zip(self._grids, self.painted, self.keys, lasts, strict=True)):
            count = last.shape[0]
            chosen = [*range(channel, channel + count), *range(3 + channel, 3 + channel + count)]
            tint = colors[0, chosen[0] : chosen[count - 1] + 1], colors[0, chosen[count] : chosen[-1] + 1]
            # Of chroma nobody sees so much.
            painted, keys = (plane.index_select(0, slots) for plane in planes)
            parts.append(self._drawn(grid, painted, keys, last, tint, cubic=number == 0))
            channel += count
        self.result.copy_(joined(parts))

    def _drawn(
        self, grid: "_Grid", painted: Tensor, keys: Tensor, last: Tensor, tint: tuple[Tensor, Tensor], *, cubic: bool
    ) -> Tensor:
        """(C, H, W) uint8: see vidstyle.stream.plane_drawing.draw_planes, whose terms these are."""
        shown = grid.enlarged(self.maps)
        places = grid.moved(shown[SHIFT_X], shown[SHIFT_Y])
        values = F.grid_sample(keys, places, "bicubic" if cubic else "bilinear", "reflection", align_corners=False)
        stands = (shown[SHIFT_X] == 0) & (shown[SHIFT_Y] == 0)
        values = torch.where(stands[:, None], painted, values)
        total, rest = torch.zeros_like(values[0]), torch.ones_like(shown[:1])
        for value, over in zip(values, shown[OVER], strict=True):
            share = over * (over >= VISIBLE) * (rest >= VISIBLE)
            total = total + rest * share * value
            rest = rest * (1 - share)
        # Where a seam between two keys is as covered on both sides, nothing shows through.
        bare = (rest >= VISIBLE) & grid.around((1 - self.maps[OVER]).prod(0) >= VISIBLE)
        total = torch.where(bare, total, total / (1 - rest).clamp(min=VISIBLE))
        there = grid.moved(shown[FLOW_X : FLOW_X + 1], shown[FLOW_Y : FLOW_Y + 1])
        moved = F.grid_sample(last[None].float(), there, "bilinear", "border", align_corners=False)[0]
        stays = shown[HELD]
        finer = self._luma.shape[1] // last.shape[2]
        gain, offset = (grid.enlarged(part) for part in tint)
        colored = self._luma[::finer, ::finer].float() * gain + offset
        # A number in `where` would come from the processor's memory, which no graph may read.
        stays = stays.masked_fill(stays >= 1 - VISIBLE, 1.0)
        total = total + (rest * (stays * moved + (1 - stays) * colored)).masked_fill(~bare, 0.0)
        faded = shown[FADING] * (shown[FADING] >= VISIBLE)
        total = total + faded * (moved - total)
        levels = (total + 0.5).clamp(0, 255).to(torch.uint8)
        return torch.where(grid.around(self.maps[CHANGED]), levels, last)


class _Grid:
    """The places of a plane's pixels among the positions of maps.

    Args:
        size: of the plane, (H, W).
        positions: of the maps, (h, w).
        device: of both.
    """

    def __init__(self, size: tuple[int, int], positions: tuple[int, int], device: torch.device) -> None:
        self._size = size
        # As grid_sample counts: from -1 to 1, from border to border.
        self._step = [2 / count for count in positions[::-1]]
        rows, columns = ((2 * torch.arange(count, device=device) + 1) / count - 1 for count in size)
        self._rows, self._columns = rows[:, None], columns[None]
        self._top, self._left = (
            ((torch.arange(side, device=device) + 0.5) * (count / side) - 0.5).clamp(0, count - 1).long()
            for side, count in zip(size, positions, strict=True)
        )

    def enlarged(self, maps: Tensor) -> Tensor:
        """(C, h, w) at the size of the plane."""
        return F.interpolate(maps[None], self._size, mode="bilinear", align_corners=False)[0]

    def moved(self, across: Tensor, down: Tensor) -> Tensor:
        """Where grid_sample finds every pixel, shifted by (N, H, W) positions: (N, H, W, 2)."""
        return torch.stack((self._columns + across * self._step[0], self._rows + down * self._step[1]), -1)

    def around(self, where: Tensor) -> Tensor:
        """Whether a map (h, w) says so at any of the four positions around each pixel, (H, W) bool."""
        padded = F.pad(where[None, None].float(), (0, 1, 0, 1), mode="replicate")
        near = F.max_pool2d(padded, 2, stride=1)[0, 0] > 0
        return near.index_select(0, self._top).index_select(1, self._left)


def begun(painting: Tensor, paints: list[Tensor], start: WarmStart) -> Tensor:
    """A painting with the paints of keys laid over it; see vidstyle.stream.warm_starts.begun."""
    device, shape = painting.device, start.worn.shape
    results = []
    for number, fresh in enumerate(channels_of(painting)):
        size = (fresh.shape[1], fresh.shape[2])
        grid = _Grid(size, (shape[0], shape[1]), device)
        levels = fresh.float()
        for layer, pixels in zip(start.layers, paints, strict=True):
            paint = channels_of(pixels)[number].float()
            if layer.shift is not None:
                across, down = grid.enlarged(torch.from_numpy(layer.shift).permute(2, 0, 1).to(device))
                places = grid.moved(across[None], down[None])
                way = "bicubic" if number == 0 else "bilinear"
                paint = F.grid_sample(paint[None], places, way, "border", align_corners=False)[0]
            share = grid.enlarged(torch.from_numpy(layer.share)[None].to(device))
            levels = levels + share * (paint - fresh)
        results.append(to_bytes(levels))
    return joined(results)


def blurred(levels: Tensor, sigma: float, spread: float = 6.0) -> Tensor:
    """Gaussian blur of (C, H, W) float32, mirrored at the border, as OpenCV's.

    spread: times sigma, that the kernel is wide: 6 for what OpenCV has as bytes, 8 for floats.
    """
    weights = _gaussian(sigma, spread, levels.device)
    reach = len(weights) // 2
    if min(levels.shape[1:]) <= reach:
        return levels
    padded = F.pad(levels[:, None], (reach,) * 4, mode="reflect")
    return F.conv2d(F.conv2d(padded, weights[None, None, None]), weights[None, None, :, None])[:, 0]


def boxed(levels: Tensor, side: int) -> Tensor:
    """The mean over squares of (C, H, W) float32, mirrored at the border."""
    padded = F.pad(levels, (side // 2,) * 4, mode="reflect")
    return F.avg_pool2d(padded, side, stride=1)


@lru_cache(maxsize=32)
def _gaussian(sigma: float, spread: float, device: torch.device) -> Tensor:
    side = round(sigma * spread + 1) | 1
    return get_gaussian_kernel1d(side, sigma)[0].to(device)
