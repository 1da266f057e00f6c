"""From pictures to a painting, step by step: sizes, starts, scales, the running mean."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vidstyle.engines import choose_device
from vidstyle.errors import InputError, VidstyleError, parameter
from vidstyle.media.images import read_image, read_opaque, resize_shorter_side
from vidstyle.painting import colors
from vidstyle.painting.optimisers import Optimiser, make_optimiser
from vidstyle.painting.paint_settings import INITS, PaintSettings, WeightedStyle
from vidstyle.painting.presets import Terms, fit_terms
from vidstyle.painting.soft_paint import Blur, BlurredLoss
from vidstyle.painting.tiled_loss import Past, PictureLoss, StyleRegion, TiledLoss
from vidstyle.perception.luma import luminance
from vidstyle.perception.perceptual_network import HYBRID, PerceptualNetwork, usual_or_own
from vidstyle.perception.tensors import to_pixels, to_tensor
from vidstyle.processor import prefers_bfloat16

SMALLEST_SIDE = 32
"""Shorter side of a painting, pixels: two positions of relu5_1."""
SMALLEST_SCALE = 64
"""Shorter side of what coarse-to-fine painting starts with."""
WARM_UP = 10
"""Steps before the running mean has its full length."""


class Diverged(VidstyleError):  # noqa: N818 (a state of the painting)
    """The loss or the picture is no longer a number."""


class Step(NamedTuple):
    """One step of a painting.

    Attributes:
        step: how many have been done.
        losses: the weighted terms before this step, by name, and their `total`.
        image: RGB (H, W, 3) uint8, as large as the scale that is painted at.
    """

    step: int
    losses: dict[str, float]
    image: np.ndarray


@dataclass(frozen=True)
class Scale:
    """Size in pixels, and steps at it."""

    height: int
    width: int
    steps: int


class Optimisation:
    """Paints pictures in one way: what does not change from one to the next.

    Args:
        styles: at least one.
        settings: checked here.
        blur: what is optimised is the painting after it, and so is what is shown; None leaves it away.

    Attributes:
        notes: a line for each layer that the perceptual network does not have, and one if another takes its place.
        terms: of the loss, fitted to that network.

    Raises:
        InputError: for settings and files that cannot be used.
    """

    def __init__(self, styles: Sequence[WeightedStyle], settings: PaintSettings, blur: Blur | None = None) -> None:
        if not styles:
            raise InputError("no style: name one picture or more")
        if settings.masks and len(settings.masks) not in {len(styles) - 1, len(styles)}:
            raise InputError(
                f"{parameter('masks')} is given {len(settings.masks)} times for {len(styles)} styles: one for each, or "
                f"for all but the last"
            )
        self.settings, self.preset = settings, settings.resolve()
        self._blur = blur
        self._weights = [style.weight for style in styles]
        self._pictures = [read_opaque(style.path) for style in styles]
        self._masks = [read_image(path) for path in settings.masks]
        self._init = None if self.preset.init in INITS else read_opaque(Path(self.preset.init))
        self.device = torch.device(choose_device(settings.device))
        half = self.device.type == "cuda" or prefers_bfloat16()
        # A line search is misled by the last digits of bfloat16.
        self._dtype = torch.bfloat16 if half and self.preset.optimiser == "adam" else torch.float32
        self.notes: list[str] = []
        perceptual = _perceptual(settings, self.notes.append)
        self._perceptual = perceptual.to(self.device).to(memory_format=torch.channels_last)
        self.terms: Terms
        self.terms, notes = fit_terms(self.preset.terms, self._perceptual.layers())
        self.notes += notes

    def scales(self, height: int, width: int) -> list[Scale]:
        """The sizes that a content picture of that size is painted at, smallest first.

        Raises:
            InputError: for a picture that is too long and narrow.
        """
        longer = max(height, width)
        sizes = [float(self.settings.size)]
        while self.preset.smallest and sizes[0] / math.sqrt(2) > self.preset.smallest * 0.99:
            sizes.insert(0, sizes[0] / math.sqrt(2))
        found = [Scale(_share(height, size, longer), _share(width, size, longer), self.preset.steps) for size in sizes]
        last = found[-1]
        if min(last.height, last.width) < SMALLEST_SIDE:
            raise InputError(
                f"the content would be painted {last.width}x{last.height}, and {SMALLEST_SIDE} pixels a side are "
                f"needed: crop it, or raise {parameter('size')}"
            )
        return [scale for scale in found if min(scale.height, scale.width) >= SMALLEST_SCALE or scale is last]

    def paint(
        self, content: np.ndarray, scales: Sequence[Scale], start: Tensor | None = None, past: Past | None = None
    ) -> Iterator[Step]:
        """Paint RGB (H, W, 3) uint8, a step at a time.

        Args:
            content: what to paint.
            scales: see `scales`.
            start: (1, 3, H, W) in [0, 1], where to start, in place of what the settings say.
            past: for a frame of a video, of the size of the only scale.

        Raises:
            Diverged: when the loss or the picture is no longer a number.
        """
        image = None if start is None else self._as_painted(start)
        if past is not None:
            past = dataclasses.replace(past, painted=self._as_painted(past.painted))
        done, optimiser = 0, None
        for scale in scales:
            source, styles, finish = self._material(content, scale)
            tile = self.settings.tile_for(scale.height, scale.width)
            loss: PictureLoss = TiledLoss(
                self._perceptual, self.terms, source, styles, tile=tile, dtype=self._dtype, past=past
            )
            shown = finish
            image = self._as_painted(self._start(source, styles)) if image is None else _resize(image, scale)
            if self._blur is not None:
                loss, shown = BlurredLoss(loss, self._blur), self._blur.before(finish)
                # What a smaller scale has painted is there before it is blurred.
                image = image if optimiser else self._blur.undone(image)
            optimiser = make_optimiser(image, self.preset, scale.steps, optimiser)
            for losses, image in self._iterate(optimiser, loss, scale.steps):
                if not (math.isfinite(losses["total"]) and bool(torch.isfinite(image).all())):
                    raise Diverged(
                        f"the loss is no longer a number at step {done + 1}; lower {parameter('style_weight')}, "
                        f"or take another {parameter('preset')}"
                    )
                done += 1
                yield Step(done, losses, to_pixels(shown(image)[0]))

    def _iterate(
        self, optimiser: Optimiser, loss: PictureLoss, steps: int
    ) -> Iterator[tuple[dict[str, float], Tensor]]:
        mean = optimiser.image.clone()
        for index in range(steps):
            losses = optimiser.step(loss)
            # Short at first, so that the mean does not drag along where it started.
            decay = min(self.preset.average, (index + 1) / (index + WARM_UP))
            mean.lerp_(optimiser.image, 1 - decay)
            yield losses, mean

    def _material(
        self, content: np.ndarray, scale: Scale
    ) -> tuple[Tensor, list[StyleRegion], Callable[[Tensor], Tensor]]:
        """Content and styles at a scale, and what is to be done with a painting before it is shown."""
        source = to_tensor(fit(content, scale.height, scale.width))[None].to(self.device)
        shorter = max(SMALLEST_SIDE, round(min(scale.height, scale.width) * self.settings.style_scale))
        pictures = [to_tensor(_fit_shorter(p, shorter))[None].to(self.device) for p in self._pictures]
        finish: Callable[[Tensor], Tensor] = torch.clone
        if self.settings.match_colors:
            pictures = [colors.match_histogram(picture, source) for picture in pictures]
        elif self.settings.keep_colors:
            pictures = [colors.match_luminance(picture, source) for picture in pictures]
            finish = partial(colors.recolor, content=source)
            source = colors.grey(source)
        masks = self._regions(scale)
        styles = [StyleRegion(*parts) for parts in zip(pictures, self._weights, masks, strict=True)]
        return source, styles, finish

    def _as_painted(self, image: Tensor) -> Tensor:
        """A picture from elsewhere as the losses see it: without its colours where luminance alone is painted."""
        return colors.grey(image) if self.settings.keep_colors else image

    def _regions(self, scale: Scale) -> list[Tensor | None]:
        if not self._masks:
            return [None] * len(self._pictures)
        masks = []
        for path, picture in zip(self.settings.masks, self._masks, strict=True):
            mask = luminance(to_tensor(fit(picture, scale.height, scale.width))[None])
            if mask.max() < 0.5:
                raise InputError(f"{path}: a mask is white where its style paints, and this one is black all over")
            masks.append(mask.to(self.device))
        if len(masks) < len(self._pictures):
            masks.append((1 - sum(masks, torch.zeros_like(masks[0]))).clamp(0, 1))
        return list(masks)

    def _start(self, source: Tensor, styles: Sequence[StyleRegion]) -> Tensor:
        height, width = source.shape[-2:]
        if self._init is not None:
            return to_tensor(fit(self._init, height, width))[None].to(self.device)
        if self.preset.init == "noise":
            generator = torch.Generator().manual_seed(self.settings.seed)
            return torch.rand(source.shape, generator=generator).to(self.device)
        return cover(styles[0].picture, height, width) if self.preset.init == "style" else source


def _perceptual(settings: PaintSettings, note: Callable[[str], None]) -> PerceptualNetwork:
    weights = settings.perceptual_weights
    usual = HYBRID if weights is not None and weights.is_dir() else "vgg19"
    name = settings.perceptual or usual_or_own(usual, weights, note)
    return PerceptualNetwork(name, weights, recompute_activations=settings.recompute_activations).eval()


def _share(length: int, size: float, longer: int) -> int:
    return max(1, round(length * size / longer))


def _resize(image: Tensor, scale: Scale) -> Tensor:
    size = (scale.height, scale.width)
    if image.shape[-2:] == size:
        return image
    return F.interpolate(image, size, mode="bicubic", align_corners=False, antialias=True).clamp(0, 1)


def fit(rgb: np.ndarray, height: int, width: int) -> np.ndarray:
    """Scale (H, W, 3) uint8 to (height, width, 3)."""
    shrinks = height < rgb.shape[0]
    return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def _fit_shorter(rgb: np.ndarray, side: int) -> np.ndarray:
    """Scale so that the shorter side is `side`, and cut off what is longer than four times that."""
    height, width = rgb.shape[:2]
    return resize_shorter_side(rgb[: 4 * width, : 4 * height], side)


def cover(picture: Tensor, height: int, width: int) -> Tensor:
    """The middle of (1, 3, h, w), scaled to fill (1, 3, height, width)."""
    scale = max(height / picture.shape[-2], width / picture.shape[-1])
    size = [
        max(side, math.ceil(length * scale)) for side, length in zip((height, width), picture.shape[-2:], strict=True)
    ]
    scaled = F.interpolate(picture, size, mode="bicubic", align_corners=False, antialias=True).clamp(0, 1)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return scaled[..., top : top + height, left : left + width].contiguous()
