"""The real-time network: everything happens at a quarter of the resolution.

Full-resolution layers are what make Johnson's network slow, so the picture is folded into 48 channels
(4x4 pixels a position), passes through residual blocks, and is unfolded again.  There is no normalisation
layer: statistics over the whole frame make each pixel depend on all others (somebody walks in and the wall
changes colour), cost as much time as the convolutions, and rule out painting in tiles.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Self, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidstyle.media.color import LUMA
from vidstyle.nets.canvas import sample_canvas, sample_strokes, still_coordinates
from vidstyle.nets.strokes import StrokeField, Strokes
from vidstyle.perception.warping import TRUNK_STRIDE

FOLD = TRUNK_STRIDE
"""Pixels folded into one position of the trunk, along each axis."""
WIDEST_MARGIN = 3
"""Positions by which a picture of 16 pixels a side can be extended by reflection."""
USUAL_SPREAD = 0.25
"""Standard deviation of luminance that the network is given, whatever the picture's own."""
LEAST_SPREAD = 0.06
"""Of a picture; flatter ones are noise, which nobody wants to see."""


Padding = Literal["zeros", "replicate"]
"""What convolutions take for what is around a picture, as torch.nn.Conv2d has it."""


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(x))), He et al. 2016 without normalisation; (N, C, h, w) in and out.

    The second convolution starts at zero, so that a fresh network is the sum of its shortcuts and trains
    without normalisation (Zhang, Dauphin and Ma 2019, "Fixup Initialization", section 3).
    """

    def __init__(self, channels: int, padding_mode: Padding = "zeros") -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, padding_mode=padding_mode)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, padding_mode=padding_mode)
        nn.init.kaiming_normal_(self.conv1.weight, nonlinearity="relu")
        nn.init.zeros_(self.conv2.weight)
        for bias in (self.conv1.bias, self.conv2.bias):
            assert bias is not None
            nn.init.zeros_(bias)

    def forward(self, x: Tensor) -> Tensor:
        # In place where nobody needs the old values: at this size memory traffic costs as much as arithmetic.
        return self.conv2(F.relu_(self.conv1(x))).add_(x)


class RealtimeNet(nn.Module):
    """The transform network for live video.

    A convolution can only answer to what it sees, and on a flat wall it sees nothing; so the network also gets
    a canvas (see vidstyle.nets.canvas) from which strokes can grow anywhere.  It is noise, since a canvas that is
    learnt turns into a few spots that carry all of the style.

    With the default arguments: 251 k parameters, 7.7 GFLOP (2 x multiply-adds) at 640x360.  For weak machines, 32
    channels and 3 blocks: 84 k parameters, 2.6 GFLOP.

    Args:
        channels: width of the trunk.
        blocks: number of residual blocks.
        margin: positions (of 4 pixels) by which the picture is extended on each side by reflection, so that
            the zero padding of the trunk does not show at the border; at most WIDEST_MARGIN.
        canvas: channels of the canvas.
        strokes: what to draw under the picture before it is painted, as vidstyle.nets.strokes.Strokes has it; nothing
            if None.
        orthochromatic: how much of what red is more than blue is taken off all three, as film is darkened by blue light
            and hardly by red.  What has another colour than what is behind it has another light then, and is not lost
            where a style tells light and dark apart, but not colours.  0 to 1; 0 sees light as it is.

    Raises:
        ValueError: for another margin, strokes that cannot be, and another share of red less blue.
    """

    def __init__(
        self,
        channels: int = 48,
        blocks: int = 5,
        margin: int = 2,
        canvas: int = 4,
        strokes: Mapping[str, float] | None = None,
        padding_mode: Padding = "zeros",
        orthochromatic: float = 0.0,
    ) -> None:
        super().__init__()
        if not 0 <= orthochromatic <= 1:
            raise ValueError(f"network argument orthochromatic = {orthochromatic}: takes 0 to 1")
        if padding_mode not in get_args(Padding):
            raise ValueError(
                f"network argument padding_mode = {padding_mode!r}: is one of {', '.join(get_args(Padding))}"
            )
        if not 0 <= margin <= WIDEST_MARGIN:
            raise ValueError(f"network argument margin = {margin}: takes 0 to {WIDEST_MARGIN}")
        folded = 3 * FOLD**2
        self.margin = margin
        self.canvas = canvas
        self.orthochromatic = orthochromatic
        self.strokes = None if strokes is None else StrokeField(Strokes(**strokes))
        self.ground = nn.Conv2d(canvas, channels, 3, padding=1, bias=False)
        self._laid: Tensor | None = None
        self._laid_canvas: Tensor | None = None
        self.head = nn.Conv2d(folded, channels, 3, padding=1)
        self.blocks = nn.ModuleList(ResidualBlock(channels, padding_mode) for _ in range(blocks))
        self.tail = nn.Conv2d(channels, folded, 3, padding=1)

    @property
    def reach(self) -> int:
        """Positions by which what is painted at one depends on others; light apart."""
        # Head, tail, and the two steps of taking out the grid; two convolutions a block.
        return 4 + 2 * len(self.blocks) + (0 if self.strokes is None else self.strokes.reach)

    @property
    def alignment(self) -> int:
        """Parts of a picture are painted as in the whole one if they begin at multiples of so many positions."""
        return 1

    def trunk(self, x: Tensor) -> Tensor:
        """What the last layer takes, of what the first one gives and the canvas; (N, C, h, w) both."""
        for block in self.blocks:
            x = block(x)
        return x

    def forward(
        self, image: Tensor, canvas: Tensor | None = None, light: Tensor | None = None, *, whole: bool = False
    ) -> Tensor:
        """Paint RGB (N, 3, H, W) in [0, 1], H and W at least 16; returns the same shape, not clamped.

        canvas: (N or 1, C, h, w) as from `canvas_at`, of `canvas_size`; one that lies still if None.
        light: (N, 2) of `measure_light` of what is `seen`; measured on the image if None.
        whole: return what is painted in the margin, too.
        """
        image = self.seen(image)
        light = measure_light(image) if light is None else light
        mean, spread = light.to(image.dtype)[..., None, None, None].unbind(1)
        height, width = image.shape[-2:]
        image = self.with_margin(image)
        # As a painter's eye does, get used to the light: one style has one brightness, pictures have any.
        lit = fold((image - mean) * (USUAL_SPREAD / spread))
        if self.strokes is not None:
            luma = (lit * folded_luma().to(lit)[:, None, None]).sum(1, keepdim=True)
            drawn, canvas = self.drawn(luma, canvas)
            lit = lit + drawn.repeat_interleave(3, 1)
        x = self.head(lit)
        x = F.relu_(x.add_(self.still_ground(x) if canvas is None else self.ground(canvas)))
        painted = unfold(without_grid(self.tail(self.trunk(x)))) + 0.5
        return painted if whole else self.without_margin(painted, height, width)

    def seen(self, image: Tensor) -> Tensor:
        """RGB (N, 3, H, W) as it is seen, see `orthochromatic`."""
        return torch.einsum("ij,njhw->nihw", self.seen_colors().to(image), image) if self.orthochromatic else image

    def seen_colors(self) -> Tensor:
        """What is seen of RGB: (3, 3); greys as they are."""
        return torch.eye(3) - self.orthochromatic * torch.tensor([1.0, 0.0, -1.0]).expand(3, 3)

    def with_margin(self, image: Tensor) -> Tensor:
        """The picture and what the network sees beyond its borders."""
        height, width = image.shape[-2:]
        margin = self.margin * FOLD
        return F.pad(image, (margin, margin + -width % FOLD, margin, margin + -height % FOLD), mode="reflect")

    def without_margin(self, painted: Tensor, height: int, width: int) -> Tensor:
        """The (H, W) pixels of the picture in what has been painted with its margin."""
        margin = self.margin * FOLD
        return painted[..., margin : margin + height, margin : margin + width]

    def train(self, mode: bool = True) -> Self:
        self._laid = self._laid_canvas = None
        return super().train(mode)

    def canvas_size(self, height: int, width: int) -> tuple[int, int]:
        """Positions (h, w) of the canvas under a picture of (H, W) pixels, margin included."""
        return -(-height // FOLD) + 2 * self.margin, -(-width // FOLD) + 2 * self.margin

    def canvas_at(self, coordinates: Tensor) -> Tensor:
        """The canvas at coordinates (N, h, w, 2), see vidstyle.nets.canvas: (N, C, h, w) on their device."""
        laid = sample_canvas(self.canvas, coordinates)
        return laid if self.strokes is None else torch.cat((laid, sample_strokes(coordinates)), 1)

    def drawn(self, luma: Tensor, canvas: Tensor | None) -> tuple[Tensor, Tensor]:
        """The strokes under a picture: what they change its pixels by, (N, 16, h, w), and the canvas drawn out alike.

        luma: (N, 1, h, w), means over positions of what the first layer sees; canvas: as for `forward`.
        """
        assert self.strokes is not None
        canvas = self.still_canvas(luma.shape[-2:], luma.device) if canvas is None else canvas
        pixels, ground = self.strokes(luma, canvas)
        return pixels * USUAL_SPREAD, ground

    def still_canvas(self, size: Sequence[int], device: torch.device) -> Tensor:
        """A canvas that lies still, (1, C, h, w) float32, under `size` (h, w) positions, margin included."""
        laid = self._laid_canvas
        if laid is None or (tuple(laid.shape[-2:]), laid.device) != (tuple(size), device):
            # Whoever asks next may be training.
            with torch.inference_mode(False), torch.no_grad():
                laid = self.canvas_at(still_coordinates(*size)).to(device)
            # It depends on the size alone, and frames of one video share theirs.
            self._laid_canvas = laid
        return laid

    def still_ground(self, x: Tensor) -> Tensor:
        """What a canvas that lies still adds to `x`: (1, C, h, w)."""
        laid = self._laid
        if laid is not None and (laid.shape[-2:], laid.dtype) == (x.shape[-2:], x.dtype):
            return laid
        laid = self.ground(self.still_canvas(x.shape[-2:], x.device).to(self.ground.weight.dtype))
        if not torch.is_grad_enabled() and not self.training:
            # It depends on the size alone, and frames of one video share theirs.
            self._laid = laid.contiguous(memory_format=torch.channels_last)
        return laid


def measure_light(image: Tensor) -> Tensor:
    """Mean and standard deviation of luminance, the latter at least LEAST_SPREAD.

    RGB (N, 3, H, W) in [0, 1] to (N, 2) float32.
    """
    weights = torch.tensor(LUMA, device=image.device)
    # Every fourth pixel tells as much as all of them.
    return spread_of_luma((image[..., ::FOLD, ::FOLD].float() * weights[:, None, None]).sum(1))


def folded_luma() -> Tensor:
    """What each number of a folded picture counts in the mean luminance of its position: (48,)."""
    return torch.tensor(LUMA).repeat(FOLD**2) / FOLD**2


def spread_of_luma(luma: Tensor) -> Tensor:
    """Mean and standard deviation, at least LEAST_SPREAD, of (N, h, w): (N, 2)."""
    return torch.stack((luma.mean((1, 2)), luma.std((1, 2)).clamp(min=LEAST_SPREAD)), 1)


def without_grid(x: Tensor) -> Tensor:
    """Folded pictures (N, 48, h, w) without the pattern that repeats from position to position."""
    return take_out_grid(x, _rgb_grid_filters(x.dtype, x.device))


@dataclass(frozen=True)
class GridFilters:
    """What take_out_grid needs to know of K numbers a position that belong to C colours.

    Attributes:
        blur: (K, 1, 3, 3), over neighbouring positions.
        average: (C, K, 1, 1), of all that belong to a colour.
        spread: (K, C, 3, 3), interpolation from the middle of positions to where each of the K numbers lies.
    """

    blur: Tensor
    average: Tensor
    spread: Tensor

    def to(self, device: torch.device, dtype: torch.dtype) -> "GridFilters":
        """The same elsewhere, or of another type."""
        return GridFilters(*(f.to(device, dtype).contiguous() for f in (self.blur, self.average, self.spread)))


def take_out_grid(x: Tensor, filters: GridFilters) -> Tensor:
    """(N, K, h, w) without the pattern that repeats from position to position.

    Every one of a position's sixteen pixels is written by filters of its own, and where these disagree there is a
    grid.  Blurred over neighbouring positions, each of the sixteen leaves its own surface; the pattern is what they
    differ by from the one surface through all of them.  A zero in the spectrum at all multiples of 1/4 a pixel.
    """
    surfaces = F.conv2d(x, filters.blur, padding=1, groups=len(filters.blur))
    surface = F.conv2d(F.conv2d(surfaces, filters.average), filters.spread, padding=1)
    return x - surfaces + surface


def grid_filters(members: Tensor, places: Tensor) -> GridFilters:
    """The filters for K numbers a position.

    Args:
        members: (C, K), 1 where a number belongs to a colour, 0 elsewhere.
        places: (K, 16), how much each of the position's pixels, row by row, counts in each number; rows add up to 1.
    """
    binomial = torch.tensor([1.0, 2.0, 1.0]) / 4
    blur = (binomial[:, None] * binomial).expand(len(places), 1, 3, 3)
    average = members / members.sum(1, keepdim=True)
    # Where a pixel lies from the middle of its position, in positions.
    offset = (torch.arange(FOLD) + 0.5) / FOLD - 0.5
    weights = torch.stack((F.relu(-offset), 1 - offset.abs(), F.relu(offset)), 1)
    bilinear = torch.einsum("ya,xb->yxab", weights, weights).reshape(FOLD**2, 3, 3)
    spread = torch.einsum("kp,pab,ck->kcab", places, bilinear, members)
    return GridFilters(blur, average[..., None, None], spread)


def rgb_grid_filters() -> GridFilters:
    """The filters for a position's RGB, colours innermost."""
    return grid_filters(torch.eye(3).repeat(1, FOLD**2), torch.eye(FOLD**2).repeat_interleave(3, 0))


@lru_cache(maxsize=8)
def _rgb_grid_filters(dtype: torch.dtype, device: torch.device) -> GridFilters:
    with torch.inference_mode(False), torch.no_grad():
        return rgb_grid_filters().to(device, dtype)


def fold(image: Tensor) -> Tensor:
    """(N, C, H, W) to (N, 16 C, H / 4, W / 4): each position holds 4x4 pixels, row by row, channels innermost.

    `pixel_unshuffle` with another order of channels, in which a channels_last picture is moved once, in runs of
    4 C numbers.
    """
    n, c, height, width = image.shape
    h, w = height // FOLD, width // FOLD
    cells = image.permute(0, 2, 3, 1).reshape(n, h, FOLD, w, FOLD * c)
    return cells.transpose(2, 3).reshape(n, h, w, FOLD * FOLD * c).permute(0, 3, 1, 2)


def unfold(x: Tensor) -> Tensor:
    """The inverse of `fold`: (N, 16 C, h, w) to (N, C, 4 h, 4 w)."""
    n, folded, h, w = x.shape
    c = folded // FOLD**2
    cells = x.permute(0, 2, 3, 1).reshape(n, h, w, FOLD, FOLD * c).transpose(2, 3)
    return cells.reshape(n, h * FOLD, w * FOLD, c).permute(0, 3, 1, 2)


def count_flops(network: nn.Module, height: int, width: int) -> int:
    """Floating-point operations (2 x multiply-adds) of the convolutions for one picture of that size.

    Counted by running a picture through `network`, so that padding and strides count as they are.
    """
    total = 0

    def count(module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.ConvTranspose2d):
            positions = _inputs[0].shape[-2] * _inputs[0].shape[-1]
        else:
            positions = output.shape[-2] * output.shape[-1]
        weight = module.weight
        assert isinstance(weight, Tensor)
        total += 2 * positions * weight.numel()

    hooks = [
        module.register_forward_hook(count)
        for module in network.modules()
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d))
    ]
    try:
        with torch.inference_mode():
            parameter = next(network.parameters())
            network(torch.zeros(1, 3, height, width, device=parameter.device, dtype=parameter.dtype))
    finally:
        for hook in hooks:
            hook.remove()
    return total
