"""Strokes that follow form: noise drawn out along the contours of a picture, under what a network paints.

Where a picture has contours, strokes run along them and around them; where it has none, along the level lines of a
smooth potential on the endless plane of the canvas, which close into swirls.  Drawing noise out along a field of
directions is line integral convolution (Cabral and Leedom 1993).  Here it is done with straight lines of a few
directions, mixed by how near each is to the field's, as steerable filters are (Freeman and Adelson 1991): convolutions
and products, which every engine has, and nothing that needs exact coordinates.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidstyle.nets.canvas import canvas_blur
from vidstyle.perception.contours import structure_tensor

PHASES = 4
"""Noise is at half the picture's resolution: so many numbers a position of the trunk."""
PLANES = PHASES + 1
"""Channels of the canvas that strokes need: noise, and the potential."""
DIRECTIONS = 8
SHARPNESS = 6
"""Power of the cosine by which directions are mixed; below DIRECTIONS, so that all fields get as much of them."""
REACHES, SHARES = (1, 4, 10), (1.0, 0.6, 0.4)
"""Positions by which contours are felt on each side, by a mean over as many taken twice, and how much each counts."""
FAINT = 4e-4
"""Squared gradient, from position to position, below which a contour is none."""
READABLE = 0.02
"""Squared gradient nearby at which strokes are half as strong: eyes and letters are to be read."""
ALONG, ACROSS = 2.0, 0.75
"""Deviations of a line of width and length 1, of numbers of the grain."""
LONG = 2
"""Rounds of drawing out, the second along the first: so lines bend."""


@dataclass(frozen=True)
class Strokes:
    """What strokes are like.

    Attributes:
        strength: of their light and dark, as a multiple of the picture's own contrast; 0 for none.
        width, length: of one, as multiples of some 6 and 40 pixels.
        swirls: how much they swirl where there are contours; where there are none they do.
    """

    strength: float = 0.3
    width: float = 1.0
    length: float = 1.0
    swirls: float = 0.35


class StrokeField(nn.Module):
    """Noise drawn out along a picture's contours.

    Args:
        strokes: what they are like.

    Raises:
        ValueError: for strokes that are too large, or of a size that is none.
    """

    def __init__(self, strokes: Strokes) -> None:
        super().__init__()
        if not (0 < strokes.width <= 4 and 0 < strokes.length <= 4):
            raise ValueError(f"network arguments strokes = {strokes}: widths and lengths are above 0 and at most 4")
        self.strokes = strokes
        self._filters: tuple[Tensor, Tensor, Tensor] | None = None

    @property
    def reach(self) -> int:
        """Positions by which strokes at one depend on others."""
        fine, coarse = (LONG * reach_of_lines(self.strokes.width / part, self.strokes.length / part) for part in (1, 2))
        return 2 + 2 * max(REACHES) + max(-(-fine // 2), coarse)

    def forward(self, luma: Tensor, canvas: Tensor) -> tuple[Tensor, Tensor]:
        """Light and dark of strokes, as what they change the luma of a picture by, and the canvas drawn out alike.

        Args:
            luma: (N, 1, h, w), of positions of four pixels, of a picture that has USUAL_SPREAD.
            canvas: (N or 1, C + PLANES, h, w): the canvas, grain, and the potential.

        Returns:
            (N, 16, h, w), the pixels of each position, row by row, and (N, C, h, w); of `luma`'s type.
        """
        # In float32: squares of small differences are left of what bfloat16 keeps.
        canvas = canvas.float().expand(len(luma), -1, -1, -1)
        ground, grain, potential = canvas.split((canvas.shape[1] - PLANES, PHASES, 1), 1)
        field, detail = directions(luma.float(), potential, self.strokes.swirls)
        room = READABLE / (READABLE + detail)
        strength = self.strokes.strength * F.interpolate(room, scale_factor=2, mode="bilinear")
        fine = unit(F.interpolate(field, scale_factor=2, mode="bilinear"))
        lines, coarse_lines, angles = self.filters(luma.device)
        drawn = _drawn_out(F.pixel_shuffle(grain, 2), fine, lines, angles) * strength
        pixels = F.pixel_unshuffle(F.interpolate(drawn, scale_factor=2, mode="bilinear"), 4)
        return pixels.to(luma.dtype), _drawn_out(ground, field, coarse_lines, angles).to(luma.dtype)

    def filters(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """Lines for the grain and for the canvas, and unit vectors of twice their angles: float32 on a device."""
        # No buffers: these follow a network into half precision, and stay empty in one whose weights come from a file.
        if self._filters is None or self._filters[0].device != device:
            width, length = self.strokes.width, self.strokes.length
            with torch.inference_mode(False), torch.no_grad():
                doubled = 2 * math.pi / DIRECTIONS * torch.arange(DIRECTIONS)
                # A position of the canvas is two of the grain.
                lines = line_filters(width, length, torch.ones(1, 1))
                coarse = line_filters(width / 2, length / 2, canvas_blur())
                angles = torch.stack((doubled.cos(), doubled.sin()), 1)[..., None, None]
                self._filters = lines.to(device), coarse.to(device), angles.to(device)
        return self._filters


def _drawn_out(noise: Tensor, field: Tensor, lines: Tensor, angles: Tensor) -> Tensor:
    """Noise (N, C, h, w) of variance 1 along a field (N, 2, h, w) of doubled angles; of variance about 1."""
    near = (1 + F.conv2d(field, angles)) / 2
    shares = (near**SHARPNESS).repeat_interleave(noise.shape[1], 0)
    side = lines.shape[-1] // 2
    one = noise.flatten(0, 1)[:, None]
    for _ in range(LONG):
        one = F.pad(one, (side, side, side, side), mode="replicate")
        one = (F.conv2d(one, lines) * shares).sum(1, keepdim=True)
    return one.view_as(noise)


def line_filters(width: float, length: float, noise: Tensor) -> Tensor:
    """Lines along DIRECTIONS, each a Gaussian along and across: (DIRECTIONS, 1, side, side) float32.

    Mixed by shares of nearness, which add up to the same everywhere, LONG rounds of them leave noise its variance
    where a field is even.

    noise: the filter (h, w), of squares that add up to 1, with which it was made of white noise.
    """
    along, across, side = ALONG * length, ACROSS * width, reach_of_lines(width, length)
    y, x = torch.meshgrid(torch.arange(-side, side + 1.0), torch.arange(-side, side + 1.0), indexing="ij")
    lines: list[Tensor] = []
    for number in range(DIRECTIONS):
        angle = math.pi * number / DIRECTIONS
        u, v = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
        line = torch.exp(-(u**2) / (2 * along**2) - v**2 / (2 * across**2))
        lines.append(line / line.sum())
    filters = torch.stack(lines)[:, None]
    # Of a field along the first direction.
    shares = ((1 + torch.cos(2 * math.pi / DIRECTIONS * torch.arange(DIRECTIONS))) / 2) ** SHARPNESS
    mixed = (filters * shares[:, None, None, None]).sum(0, keepdim=True)
    through = noise[None, None]
    for _ in range(LONG):
        through = F.conv2d(F.pad(through, (2 * side,) * 4), mixed)
    return filters / through.norm() ** (1 / LONG)


def reach_of_lines(width: float, length: float) -> int:
    """Numbers on each side of the middle of a line."""
    return round(2 * max(ALONG * length, ACROSS * width))


def directions(luma: Tensor, potential: Tensor, swirls: float) -> tuple[Tensor, Tensor]:
    """Where strokes run, and how much detail there is.

    Args:
        luma: (N, 1, h, w), with contours.
        potential: (N or 1, 1, h, w), along whose level lines strokes run where there are none.
        swirls: how much the latter counts beside contours.

    Returns:
        (N, 2, h, w), unit vectors of twice the angle, so that both ways along a line are one; and the mean squared
        gradient nearby, (N, 1, h, w).
    """
    tensor, level = structure_tensor(_extended(luma)), _spread(structure_tensor(_extended(potential)), 1)
    field = -swirls * level[:, 1:] / (level[:, :1] + 1e-8)
    detail = _spread(tensor, 1)
    for reach, share in zip(REACHES, SHARES, strict=True):
        felt = _spread(tensor, reach)
        field = field - share * felt[:, 1:] / (felt[:, :1] + FAINT)
    return unit(field), detail[:, :1]


def unit(vectors: Tensor) -> Tensor:
    """(N, 2, h, w) of length 1, or less where there is next to nothing."""
    return vectors / (vectors.square().sum(1, keepdim=True) + 1e-6).sqrt()


def _extended(picture: Tensor) -> Tensor:
    """One more row and column, as `structure_tensor` takes one of each."""
    return F.pad(picture, (0, 1, 0, 1), mode="replicate")


def _spread(x: Tensor, reach: int) -> Tensor:
    """Means over windows, taken twice."""
    window = 2 * reach + 1
    for _ in range(2):
        x = F.pad(x, (reach, reach, reach, reach), mode="replicate")
        x = F.avg_pool2d(F.avg_pool2d(x, (window, 1), 1), (1, window), 1)
    return x
