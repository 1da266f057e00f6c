"""What a step of optimisation is made of, as networks: torch computes them, or OpenVINO once they are compiled."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidstyle.engines.optimising import BETAS
from vidstyle.engines.picture_gradient import PictureGradient
from vidstyle.engines.step_sizes import padded_size, picture_size
from vidstyle.media.device_pixels import DevicePixels, written
from vidstyle.media.frame import MATRIX_WEIGHTS, Color
from vidstyle.nets.cells import split_planes, yuv_of_rgb
from vidstyle.perception.style_grams import LAYERS, Grams, gram_shapes

LEAST = 1e-8
"""What Adam adds to a root."""


class Rgb(nn.Module):
    """Pixels as RGB (1, 3, H, W) in [0, 1], as large as steps are taken: what is added repeats the border.

    Args:
        planes: what planes of 4:2:0 stand for; None for pixels in RGB.
        shape: of the pixels.
    """

    def __init__(self, planes: Color | None, shape: tuple[int, ...]) -> None:
        super().__init__()
        self._planar = planes is not None
        height, width = picture_size(shape, planes)
        whole = padded_size(shape, planes)
        self._around = [0, whole[1] - width, 0, whole[0] - height]
        if planes is not None:
            to_yuv, black, _, _ = yuv_of_rgb(*MATRIX_WEIGHTS[planes.matrix], full_range=planes.full_range)
            self.to_rgb, self.black = torch.linalg.inv(to_yuv.double()).tolist(), black.tolist()

    def forward(self, pixels: Tensor) -> Tensor:
        if self._planar:
            luma, u, v = (plane[None, None].float() for plane in split_planes(pixels))
            # At half the size, as far as that goes.
            chroma = torch.cat(
                [of_u * (u - self.black[1]) + of_v * (v - self.black[2]) for _, of_u, of_v in self.to_rgb], 1
            )
            chroma = F.interpolate(chroma, scale_factor=2.0, mode="bilinear")
            rgb = (chroma + self.to_rgb[0][0] * (luma - self.black[0])).clamp(0, 1)
        else:
            rgb = pixels.permute(2, 0, 1)[None].float() / 255
        return F.pad(rgb, self._around, mode="replicate") if any(self._around) else rgb


class Pixels(nn.Module):
    """The inverse, rounded and within range."""

    def __init__(self, planes: Color | None, shape: tuple[int, ...]) -> None:
        super().__init__()
        self._planar = planes is not None
        self._height, self._width = picture_size(shape, planes)
        if planes is not None:
            to_yuv, black, low, high = yuv_of_rgb(*MATRIX_WEIGHTS[planes.matrix], full_range=planes.full_range)
            self.to_yuv, self.black = to_yuv.tolist(), black.tolist()
            self.low, self.high = low.tolist(), high.tolist()

    def forward(self, rgb: Tensor) -> Tensor:
        rgb = rgb[..., : self._height, : self._width]
        if not self._planar:
            return (255 * rgb[0]).permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).contiguous()
        half = F.avg_pool2d(rgb, 2)
        planes = []
        for number, (weights, black, low, high) in enumerate(
            zip(self.to_yuv, self.black, self.low, self.high, strict=True)
        ):
            seen = half if number else rgb
            level = sum(weight * seen[0, channel] for channel, weight in enumerate(weights)) + black
            planes.append(level.clamp(low, high).round().flatten())
        return torch.cat(planes).to(torch.uint8).reshape(-1, self._width)


class Content(nn.Module):
    """PictureGradient.content as a network."""

    def __init__(self, gradient: PictureGradient) -> None:
        super().__init__()
        self._gradient = gradient

    def forward(self, frame: Tensor) -> Tensor:
        return self._gradient.content(frame)


class Moved(nn.Module):
    """A step of Adam's, Kingma and Ba 2015, algorithm 1."""

    def forward(
        self, picture: Tensor, gradient: Tensor, means: Tensor, squares: Tensor, numbers: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The picture, and the means of its gradients and of their squares, after the step.

        numbers: (3,), length of the step, and what means and their squares have of their sums so far: 1 - beta^t.
        """
        first, second = BETAS
        means = first * means + (1 - first) * gradient
        squares = second * squares + (1 - second) * gradient.square()
        way = (means / numbers[1]) / ((squares / numbers[2]).sqrt() + LEAST)
        return picture - numbers[0] * way, means, squares


class TorchSteps:
    """Steps as torch computes them; see vidstyle.engines.optimising.Computes.

    Args:
        planes: what planes of 4:2:0 stand for; None for pixels in RGB.
        device: as torch names it.
        cores: of a processor.
    """

    compiling = False

    def __init__(self, planes: Color | None, device: str, cores: int) -> None:
        self._planes, self._device, self._cores = planes, torch.device(device), cores
        gradient = PictureGradient().to(self._device)
        self._modules: dict[str, nn.Module] = {"content": Content(gradient), "gradient": gradient, "moved": Moved()}
        self._shape: tuple[int, ...] = ()

    def is_compiled(self, _shape: tuple[int, ...]) -> bool:
        return True

    def targets(self, grams: Grams) -> list[Tensor]:
        return [torch.from_numpy(grams[layer]).to(self._device) for layer in LAYERS]

    def taken(self, pixels: np.ndarray | DevicePixels) -> Tensor:
        # Whoever has asked torch for fewer threads, such as an engine that paints frames side by side, has for all that
        # come later; and what comes of sums depends on how many add them up.
        torch.set_num_threads(self._cores)
        if isinstance(pixels, DevicePixels):
            return pixels.for_current_stream()
        return torch.from_numpy(pixels).to(self._device)

    def given(self, pixels: Tensor, like: np.ndarray | DevicePixels) -> Any:
        return written(pixels) if isinstance(like, DevicePixels) else pixels.cpu().numpy()

    def nothing(self, like: Tensor) -> Tensor:
        return torch.zeros_like(like)

    def numbers(self, *numbers: float) -> Tensor:
        return torch.tensor(numbers, device=self._device)

    def compute(self, name: str, shape: tuple[int, ...], *inputs: Tensor) -> Any:
        if shape != self._shape:
            ends = {"rgb": Rgb(self._planes, shape), "pixels": Pixels(self._planes, shape)}
            self._modules |= {end: module.to(self._device) for end, module in ends.items()}
            self._shape = shape
        with torch.inference_mode(False), torch.no_grad():
            return self._modules[name](*inputs)


def step_module(name: str, planes: Color | None, shape: tuple[int, ...]) -> tuple[nn.Module, list[Tensor]]:
    """One of what `compute` knows, and inputs of the shapes that it has for pixels of a shape."""
    picture = torch.zeros(1, 3, *padded_size(shape, planes))
    if name == "rgb":
        return Rgb(planes, shape), [torch.zeros(shape, dtype=torch.uint8)]
    if name == "pixels":
        return Pixels(planes, shape), [picture]
    if name == "moved":
        return Moved(), [*[picture] * 4, torch.ones(3)]
    gradient = PictureGradient()
    if name == "content":
        return Content(gradient), [picture]
    with torch.no_grad():
        content = gradient.content(picture)
    return gradient, [picture, content, *(torch.ones(of) for of in gram_shapes().values())]
