"""Paintings of a network, brought nearer to the style's picture by some steps of optimisation each."""

import dataclasses
import math
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vidstyle.engines import Engine, never
from vidstyle.engines.compiled_gradient import CompiledGradient
from vidstyle.engines.picture_gradient import LEAST_SIDE, PictureGradient
from vidstyle.errors import InputError, parameter
from vidstyle.media.device_pixels import DevicePixels, written
from vidstyle.media.frame import MATRIX_WEIGHTS, Color, Frame
from vidstyle.nets.cells import split_planes, yuv_of_rgb
from vidstyle.perception.adam import PlainAdam
from vidstyle.perception.style_grams import Grams
from vidstyle.processor import usable_cores

FIRST_STEP, LAST_STEP = 0.012, 0.4
"""Length of the first step, of values in [0, 1], and of the last one as a share of it."""
BETAS = 0.8, 0.99
WARM_SHARE = 0.2
"""Of the steps, where a painting begins from paint that is there already."""
MOST_PIXELS = 2_000_000
"""Of a painting; steps take 1 kB a pixel."""


def check_size(width: int, height: int) -> None:
    """Raises InputError for paintings that would take more memory than there may be."""
    if width * height > MOST_PIXELS:
        raise InputError(
            f"{parameter('optimise')}: a painting of {width}x{height} is too large for it; leave it out, or let "
            f"{parameter('stroke_size')} be larger"
        )


class PictureOptimiser:
    """Brings paintings nearer to a style's picture.

    The loss is that of Gatys et al. 2016 (equation 7): distance of Gram matrices, and of content from the frame.  Steps
    are Adam's, from the painting of the network on; from paint that is there already, a fifth of them do.

    Args:
        grams: of the style's picture.
        steps: for each painting that begins from the network's alone.
        planes: what the planes of 4:2:0 frames stand for; None for frames in RGB.
        device: as torch names it; the processor for anything else.
        compiled: on a processor, have OpenVINO compile the gradient, for each size of frames.
        spare_cores: use half of the processor's cores only.

    Attributes:
        cores: of the processor that are used.
    """

    def __init__(
        self,
        grams: Grams,
        steps: int,
        planes: Color | None,
        device: str = "cpu",
        *,
        compiled: bool = False,
        spare_cores: bool = False,
    ) -> None:
        self._steps = steps
        kind = device.partition(":")[0]
        # What OpenVINO alone computes on has the processor beside it.
        self._device = torch.device(device if kind in ("cuda", "mps", "xpu") else "cpu")
        gradient = PictureGradient()
        self._targets = [target.to(self._device) for target in gradient.targets(grams)]
        self._content = gradient.to(self._device).content
        self._gradient: Callable[..., Tensor] = gradient
        self.cores = usable_cores(spare=spare_cores)
        self._compiled: CompiledGradient | None = None
        if compiled and self._device.type == "cpu":
            self._gradient = self._compiled = CompiledGradient(gradient, self.cores)
            self._content = self._compiled.content
        self._colors = _Colors(planes, self._device)

    @property
    def compiling(self) -> bool:
        """Whether the gradient is being compiled."""
        return self._compiled is not None and self._compiled.compiling

    def check(self, frame: np.ndarray | DevicePixels) -> None:
        """Raises InputError for pixels that would take more memory than there may be."""
        height, width = self._colors.size(frame.shape)
        check_size(width, height)

    def takes(self, frame: np.ndarray | DevicePixels) -> bool:
        """Whether a painting of such pixels is small enough."""
        height, width = self._colors.size(frame.shape)
        return height * width <= MOST_PIXELS

    def ready(self, shape: tuple[int, ...]) -> bool:
        """Whether pixels of a shape take no compiling first."""
        return self._compiled is None or self._compiled.is_compiled(*self.padded(shape))

    def padded(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Height and width that steps are taken at for pixels of a shape."""
        height, width = self._colors.size(shape)
        return max(height, LEAST_SIDE), max(width, LEAST_SIDE)

    def __call__(
        self,
        painting: Any,
        frame: Any,
        begin: Callable[[Any], Any] | None = None,
        hurried: Callable[[], bool] = never,
    ) -> Any:
        """What comes of the network's painting of a frame: pixels as it, RGB (H, W, 3) or planes (3 H / 2, W) uint8.

        Args:
            painting: of the network.
            frame: its source.
            begin: makes of the painting what to begin from, pixels as well.
            hurried: whether to end, after the step that is being taken or before the first one.
        """
        begun = painting if begin is None else begin(painting)
        steps = self._steps if begin is None else math.ceil(self._steps * WARM_SHARE)
        # Whoever has asked for fewer, such as an engine that paints frames side by side, has for all threads to come;
        # and what comes of sums depends on how many add them up.
        torch.set_num_threads(self.cores)
        with torch.inference_mode(False), torch.no_grad():
            pixels = self._nearer(self._on_device(begun), self._on_device(frame), steps, hurried)
        return written(pixels) if isinstance(painting, DevicePixels) else pixels.cpu().numpy()

    def _on_device(self, pixels: np.ndarray | DevicePixels) -> Tensor:
        if isinstance(pixels, DevicePixels):
            return pixels.for_current_stream()
        return torch.from_numpy(pixels).to(self._device)

    def _nearer(self, pixels: Tensor, frame: Tensor, steps: int, hurried: Callable[[], bool]) -> Tensor:
        if hurried():
            return pixels
        picture = self._colors.rgb(pixels)
        height, width = picture.shape[-2:]
        whole = self.padded(tuple(pixels.shape))
        around = [0, whole[1] - width, 0, whole[0] - height]
        picture, source = (F.pad(rgb, around, mode="replicate") for rgb in (picture, self._colors.rgb(frame)))
        content = self._content(source)
        adam = PlainAdam([picture], betas=BETAS)
        for step in range(steps):
            picture.grad = self._gradient(picture, content, *self._targets)
            adam.step(FIRST_STEP * (1 + (LAST_STEP - 1) * step / steps))
            if hurried():
                break
        return self._colors.pixels(picture[..., :height, :width])


class OptimisingEngine(Engine):
    """What another engine paints, each painting brought nearer to the style's picture.

    Args:
        engine: what paints; it is closed together with this one.
        grams, steps, planes, compiled: see PictureOptimiser.
        wherever_it_fits: leave paintings as they are that are too large for it, in place of refusing them.
        hurried: see PictureOptimiser.__call__; of the painting that is under way.
    """

    warm_starts = True

    def __init__(
        self,
        engine: Engine,
        grams: Grams,
        steps: int,
        planes: Color | None,
        *,
        compiled: bool = False,
        wherever_it_fits: bool = False,
        hurried: Callable[[], bool] = never,
    ) -> None:
        self._engine, self._wherever_it_fits, self._hurried = engine, wherever_it_fits, hurried
        self.name, self.device, self.depth = engine.name, engine.device, engine.depth
        self._optimiser = PictureOptimiser(grams, steps, planes, engine.device, compiled=compiled)
        self._sources: deque[tuple[Any, Callable[[Any], Any] | None]] = deque()
        self._closes = False

    @property
    def compiling(self) -> bool:  # type: ignore[override]
        """Whether the engine that paints is, or the gradient."""
        return self._engine.compiling or self._optimiser.compiling

    def submit(self, frame: Frame[Any], begin: Callable[[Any], Any] | None = None) -> None:
        if not self._wherever_it_fits:
            self._optimiser.check(frame.pixels)
        self._engine.submit(frame)
        self._sources.append((frame.pixels, begin))

    submit_from = submit

    def result(self) -> Frame[Any]:
        (source, begin), frame = self._sources.popleft(), self._engine.result()
        if not self._optimiser.takes(source):
            return frame
        pixels = self._optimiser(frame.pixels, source, begin, lambda: self._closes or self._hurried())
        return dataclasses.replace(frame, pixels=pixels)

    def hurry(self) -> None:
        self._closes = True
        self._engine.hurry()

    def close(self) -> None:
        self._engine.close()


class _Colors:
    """Between pixels, RGB (H, W, 3) or planes (3 H / 2, W) uint8, and RGB (1, 3, H, W) in [0, 1].

    planes: what planes stand for; None for RGB.
    """

    def __init__(self, planes: Color | None, device: torch.device) -> None:
        self._planar = planes is not None
        if planes is not None:
            to_yuv, black, low, high = yuv_of_rgb(*MATRIX_WEIGHTS[planes.matrix], full_range=planes.full_range)
            self._to_rgb = torch.linalg.inv(to_yuv.double()).float().to(device)
            self._to_yuv, self._black, self._low, self._high = (x.to(device) for x in (to_yuv, black, low, high))

    def size(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Height and width of a picture, by the shape of its pixels."""
        height, width = shape[:2]
        return (height * 2 // 3 if self._planar else height, width)

    def rgb(self, pixels: Tensor) -> Tensor:
        """Pixels as RGB, channels last."""
        if not self._planar:
            # (H, W, 3) seen as (1, 3, H, W) is channels last already.
            return pixels.permute(2, 0, 1)[None].float() / 255
        luma, u, v = (plane[None, None].float() for plane in split_planes(pixels))
        chroma = F.interpolate(torch.cat((u, v), 1), scale_factor=2.0, mode="bilinear")
        yuv = torch.cat((luma, chroma), 1) - self._black[:, None, None]
        rgb = torch.einsum("ij,njhw->nihw", self._to_rgb, yuv).clamp_(0, 1)
        return rgb.contiguous(memory_format=torch.channels_last)

    def pixels(self, rgb: Tensor) -> Tensor:
        """The inverse, rounded and within range."""
        if not self._planar:
            return (255 * rgb[0]).permute(1, 2, 0).round_().clamp_(0, 255).to(torch.uint8).contiguous()
        yuv = torch.einsum("ij,njhw->nihw", self._to_yuv, rgb) + self._black[:, None, None]
        levels = torch.maximum(torch.minimum(yuv, self._high[:, None, None]), self._low[:, None, None])
        luma, chroma = levels[:, :1], F.avg_pool2d(levels[:, 1:], 2)
        whole = torch.cat((luma.flatten(), chroma.flatten())).round_().to(torch.uint8)
        return whole.reshape(-1, rgb.shape[-1])
