"""Strokes that follow form: noise drawn out along the contours of a picture, under what a network paints.

Where a picture has contours, strokes run along them and around them; where it has none, along the level lines of a
smooth potential on the endless plane of the canvas, which close into swirls.  Drawing noise out along a field of
directions is line integral convolution (Cabral and Leedom 1993).  Here it is done with straight lines of a few
directions, mixed by how near each is to the field's, as steerable filters are (Freeman and Adelson 1991): convolutions
and products, which every engine has, and nothing that needs exact coordinates.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

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
NEARBY, AROUND = 0, 1
"""Which of them are nearby, and around a place: as far as a mouth is from a cheek."""
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
        clear: squared gradient around a place at which strokes, and what grows from the canvas, are half as strong: so
            faces stay faces.  0 leaves them everywhere.
    """

    strength: float = 0.3
    width: float = 1.0
    length: float = 1.0
    swirls: float = 0.35
    clear: float = 0.0


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
        if not 0 <= strokes.clear <= 1:
            raise ValueError(f"network arguments strokes = {strokes}: clear is 0 to 1")
        self.strokes = strokes
        self._filters: Filters | None = None

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
        field, detail, around = directions(luma.float(), potential, self.strokes.swirls)
        clear = self.strokes.clear
        calm = clear / (clear + around) if clear else 1.0
        room = READABLE / (READABLE + detail) * calm
        filters = self.filters(luma.device)
        # Grain stays four numbers a position: engines are fast where there are many channels.
        fine = unit(F.conv2d(_with_border(field, 1), filters.enlarge_field))
        strength = self.strokes.strength * F.conv2d(_with_border(room, 1), filters.enlarge)
        drawn = _drawn_out(grain, fine, filters.grain) * strength
        pixels = F.conv2d(_with_border(drawn, 1), filters.enlarge_folded)
        # The canvas' channels, each by itself.
        apart, along = ground.flatten(0, 1)[:, None], field.repeat_interleave(ground.shape[1], 0)
        coarse = _drawn_out(apart, along, filters.canvas).view_as(ground) * calm
        return pixels.to(luma.dtype), coarse.to(luma.dtype)

    def filters(self, device: torch.device) -> "Filters":
        """What noise is drawn out with, on a device."""
        # No buffers: these follow a network into half precision, and stay empty in one whose weights come from a file.
        if self._filters is None or self._filters.enlarge.device != device:
            with torch.inference_mode(False), torch.no_grad():
                self._filters = Filters.of(self.strokes, device)
        return self._filters


class Lines(NamedTuple):
    """What draws out C numbers a position along a field.

    Attributes:
        lines: of each direction, (C DIRECTIONS, C, side, side).
        angles: from a field to how near it is to each line's direction, (C DIRECTIONS, 2 C, 1, 1).
        total: over directions, (C, C DIRECTIONS, 1, 1).
    """

    lines: Tensor
    angles: Tensor
    total: Tensor

    @classmethod
    def of(cls, lines: Tensor) -> "Lines":
        """For `lines` (C DIRECTIONS, C, side, side)."""
        each = torch.eye(lines.shape[1])
        angles = torch.einsum("dx,pq->pdxq", line_angles()[..., 0, 0], each).reshape(len(lines), -1, 1, 1)
        return cls(lines, angles, each.repeat_interleave(DIRECTIONS, 1)[..., None, None])

    def to(self, device: torch.device) -> "Lines":
        """The same on a device."""
        return Lines(*(filters.to(device) for filters in self))


class Filters(NamedTuple):
    """What noise is drawn out with, float32.

    Attributes:
        grain: for grain, folded 2x2.
        canvas: for the canvas, a channel by itself.
        enlarge: of one number a position makes four, bilinear, (4, 1, 3, 3).
        enlarge_field: the same of a field, (8, 2, 3, 3).
        enlarge_folded: of four numbers a position makes sixteen, (16, 4, 3, 3).
    """

    grain: Lines
    canvas: Lines
    enlarge: Tensor
    enlarge_field: Tensor
    enlarge_folded: Tensor

    @classmethod
    def of(cls, strokes: Strokes, device: torch.device) -> "Filters":
        """For strokes, on a device."""
        grain, canvas = Lines.of(fold_filters(grain_lines(strokes))), Lines.of(canvas_lines(strokes))
        one, four = enlarging_filters(1), enlarging_filters(2)
        of_field = torch.kron(torch.eye(2)[..., None, None], one)
        return cls(grain.to(device), canvas.to(device), *(f.to(device) for f in (one, of_field, four)))


def grain_lines(strokes: Strokes) -> Tensor:
    """For the grain, (DIRECTIONS, 1, side, side)."""
    return line_filters(strokes.width, strokes.length, torch.ones(1, 1))


def canvas_lines(strokes: Strokes) -> Tensor:
    """For the canvas, (DIRECTIONS, 1, side, side): a position of it is two of the grain."""
    return line_filters(strokes.width / 2, strokes.length / 2, canvas_blur())


def line_angles() -> Tensor:
    """Unit vectors of twice the lines' angles, (DIRECTIONS, 2, 1, 1)."""
    doubled = 2 * math.pi / DIRECTIONS * torch.arange(DIRECTIONS)
    return torch.stack((doubled.cos(), doubled.sin()), 1)[..., None, None]


def fold_filters(filters: Tensor) -> Tensor:
    """What does to numbers folded 2x2, four a position, what `filters` (O, 1, side, side) do to them one by one.

    Returns:
        (4 O, 4, k, k), for each of the four what all filters make there.
    """
    side = len(filters[0, 0]) // 2
    reach = -(-side // 2)
    folded: list[Tensor] = []
    for y in range(2):
        for x in range(2):
            # Of the numbers that the positions within reach hold, the filter lies around the one at (y, x).
            above, before = 2 * reach + y - side, 2 * reach + x - side
            borders = before, 2 * reach + 1 - x - side, above, 2 * reach + 1 - y - side
            folded.append(F.pixel_unshuffle(F.pad(filters, borders), 2))
    return torch.cat(folded)


def enlarging_filters(folded: int) -> Tensor:
    """What doubles a picture along each axis, bilinear: four numbers of each.

    Args:
        folded: numbers a position along each axis.

    Returns:
        (4 folded^2, folded^2, 3, 3).
    """
    # How much each number of three positions counts in each of the new ones.
    shares = torch.zeros(2 * folded, 3 * folded)
    for number in range(2 * folded):
        place = (number + 0.5) / 2 - 0.5 + folded
        before = math.floor(place)
        shares[number, before], shares[number, before + 1] = before + 1 - place, place - before
    shares = shares.view(2 * folded, 3, folded)
    return torch.einsum("yap,xbq->yxpqab", shares, shares).reshape(4 * folded**2, folded**2, 3, 3)


def _drawn_out(noise: Tensor, field: Tensor, by: Lines) -> Tensor:
    """Noise (N, C, h, w) of variance 1 along a field (N, 2 C, h, w), as `unit` returns it; of variance about 1."""
    near = (1 + F.conv2d(field, by.angles)) / 2
    shares = near**SHARPNESS
    for _ in range(LONG):
        noise = F.conv2d(F.conv2d(_with_border(noise, by.lines.shape[-1] // 2), by.lines) * shares, by.total)
    return noise


def _with_border(x: Tensor, reach: int) -> Tensor:
    """The outermost numbers repeated over `reach` more positions on each side; PHASES channels are 2x2 a position."""
    if x.shape[1] != PHASES:
        return F.pad(x, (reach, reach, reach, reach), mode="replicate")
    # What is outermost is one of the two.
    left, right = x[:, [0, 0, 2, 2], :, :1], x[:, [1, 1, 3, 3], :, -1:]
    x = torch.cat((left.expand(-1, -1, -1, reach), x, right.expand(-1, -1, -1, reach)), 3)
    top, bottom = x[:, [0, 1, 0, 1], :1], x[:, [2, 3, 2, 3], -1:]
    return torch.cat((top.expand(-1, -1, reach, -1), x, bottom.expand(-1, -1, reach, -1)), 2)


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


def directions(luma: Tensor, potential: Tensor, swirls: float) -> tuple[Tensor, Tensor, Tensor]:
    """Where strokes run, and how much detail there is.

    Args:
        luma: (N, 1, h, w), with contours.
        potential: (N or 1, 1, h, w), along whose level lines strokes run where there are none.
        swirls: how much the latter counts beside contours.

    Returns:
        (N, 2, h, w), unit vectors of twice the angle, so that both ways along a line are one; and the mean squared
        gradient nearby and, as far as AROUND, around, (N, 1, h, w) each.
    """
    tensor, level = structure_tensor(_extended(luma)), _spread(structure_tensor(_extended(potential)), 1)
    field = -swirls * level[:, 1:] / (level[:, :1] + 1e-8)
    felt = [_spread(tensor, reach) for reach in REACHES]
    for contours, share in zip(felt, SHARES, strict=True):
        field = field - share * contours[:, 1:] / (contours[:, :1] + FAINT)
    return unit(field), felt[NEARBY][:, :1], felt[AROUND][:, :1]


def unit(vectors: Tensor) -> Tensor:
    """(N, 2 C, h, w), C first components and C second ones, of length 1, or less where there is next to nothing."""
    first, second = vectors.chunk(2, 1)
    shorter = (first.square() + second.square() + 1e-6).rsqrt()
    return torch.cat((first * shorter, second * shorter), 1)


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
