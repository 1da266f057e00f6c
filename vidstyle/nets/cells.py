"""The real-time network on bytes: what it makes of the 4x4 pixels of one position, folded into its own convolutions.

The bytes of a cell and its colours in [0, 1] are related by a linear map, so the first convolution can take the
bytes themselves and the last one can give them.  A cell of RGB has 48 bytes.  A cell of YUV 4:2:0 has 24 (16 of Y,
4 each of U and V): then nobody has to convert colours, neither before the network nor after it.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidstyle.media.color import LUMA
from vidstyle.nets.realtime import (
    FOLD,
    USUAL_SPREAD,
    GridFilters,
    RealtimeNet,
    folded_luma,
    grid_filters,
    rgb_grid_filters,
    spread_of_luma,
    take_out_grid,
)

PIXELS = FOLD**2
RGB_BYTES = 3 * PIXELS
BYTE_SCALE = 128.0
"""The network gets bytes divided by this: exact in bfloat16, and weights stay within the range of float16."""


@dataclass(frozen=True)
class Cells:
    """What the K bytes of one cell stand for.

    Attributes:
        to_rgb: (48, K), the change of RGB in [0, 1], pixel by pixel, colours innermost, with each byte.
        from_rgb: (K, 48), the change of each byte with RGB.
        middle, lowest, highest: (K,), the bytes of middle grey, and the range that they may take.
        grid: takes the pattern that repeats from cell to cell out of the bytes.
        planes: whether pixels come as planes of Y, U and V rather than as RGB.
    """

    to_rgb: Tensor
    from_rgb: Tensor
    middle: Tensor
    lowest: Tensor
    highest: Tensor
    grid: GridFilters
    planes: bool


def rgb_cells() -> Cells:
    """Cells of RGB, full range."""
    every = torch.ones(RGB_BYTES)
    one = torch.eye(RGB_BYTES)
    return Cells(one / 255, one * 255, every * 127.5, every * 0, every * 255, rgb_grid_filters(), planes=False)


def yuv_cells(red: float, blue: float, *, full_range: bool) -> Cells:
    """Cells of YUV 4:2:0, ITU-T H.273, equations 32 to 44; each chroma sample is the mean of its 2x2 pixels.

    Args:
        red, blue: weights of red and blue in luma, K_R and K_B.
        full_range: whether luma takes 0 to 255, rather than 16 to 235 with chroma 16 to 240.
    """
    to_yuv, black, low, high = yuv_of_rgb(red, blue, full_range=full_range)
    to_rgb = torch.linalg.inv(to_yuv.double()).float()
    # Which of the 2x2 chroma samples of a cell each of its 4x4 pixels belongs to.
    sample = torch.tensor([(y // 2) * 2 + x // 2 for y in range(FOLD) for x in range(FOLD)])
    belongs = F.one_hot(sample, PIXELS // 4).float()
    spread = (torch.eye(PIXELS), belongs, belongs)
    gather = (torch.eye(PIXELS), *(belongs.T.contiguous() / 4,) * 2)
    counts = torch.tensor([PIXELS, PIXELS // 4, PIXELS // 4])
    return Cells(
        to_rgb=torch.cat([torch.kron(s, to_rgb[:, [c]]) for c, s in enumerate(spread)], 1),
        from_rgb=torch.cat([torch.kron(g, to_yuv[[c]]) for c, g in enumerate(gather)], 0),
        middle=torch.stack(((low[0] + high[0]) / 2, *black[1:])).repeat_interleave(counts),
        lowest=low.repeat_interleave(counts),
        highest=high.repeat_interleave(counts),
        grid=grid_filters(torch.eye(3).repeat_interleave(counts, 1), torch.cat(gather)),
        planes=True,
    )


def yuv_of_rgb(red: float, blue: float, *, full_range: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What bytes of Y, U and V are of RGB in [0, 1], ITU-T H.273, equations 32 to 44.

    Args:
        red, blue: weights of red and blue in luma, K_R and K_B.
        full_range: whether luma takes 0 to 255, rather than 16 to 235 with chroma 16 to 240.

    Returns:
        A matrix (3, 3) for RGB; what black has; the least and the greatest that they may be, (3,) each.
    """
    luma_span, chroma_span, least = (255.0, 255.0, 0.0) if full_range else (219.0, 224.0, 16.0)
    luma = torch.tensor([red, 1 - red - blue, blue])
    unit = torch.eye(3)
    to_yuv = torch.stack(
        (
            luma * luma_span,
            (unit[2] - luma) / (2 * (1 - blue)) * chroma_span,
            (unit[0] - luma) / (2 * (1 - red)) * chroma_span,
        )
    )
    black, low = torch.tensor([least, 128.0, 128.0]), torch.full((3,), least)
    high = torch.tensor([255.0, 255.0, 255.0] if full_range else [235.0, 240.0, 240.0])
    return to_yuv, black, low, high


class CellNet(nn.Module):
    """A RealtimeNet that takes and gives cells, (1, h, w, K); see Cells.

    Args:
        network: whose weights are used; it is not changed.
        cells: what the bytes stand for.
    """

    light: Tensor
    grey: Tensor
    brightness: Tensor
    raised: Tensor
    blur: Tensor
    average: Tensor
    spread: Tensor

    def __init__(self, network: RealtimeNet, cells: Cells) -> None:
        super().__init__()
        self.network, self.margin = network, network.margin
        size, channels = len(cells.middle), network.head.out_channels
        self.head = nn.Conv2d(size, channels, 3, padding=1)
        self.tail = nn.Conv2d(channels, size, 3, padding=1)
        assert network.head.bias is not None
        assert network.tail.bias is not None
        device = network.head.weight.device
        into, out_of = cells.to_rgb.to(device) * BYTE_SCALE, cells.from_rgb.to(device)
        seen = torch.kron(torch.eye(PIXELS), network.seen_colors()).to(device) @ into
        self.head.weight = _frozen(torch.einsum("oiyx,ij->ojyx", network.head.weight, seen))
        self.head.bias = _frozen(network.head.bias)
        self.tail.weight = _frozen(torch.einsum("jo,oiyx->jiyx", out_of, network.tail.weight))
        self.tail.bias = _frozen(out_of @ network.tail.bias)
        # Luminance of a cell's first pixel, as it is seen, and what a change of light by 1 does to the bytes.
        self.register_buffer("light", torch.tensor(LUMA, device=device) @ seen[:3])
        self.register_buffer("grey", out_of.sum(1) / BYTE_SCALE)
        # The same of the mean of its pixels, and what a change of each of them does.
        self.register_buffer("brightness", folded_luma().to(device) @ seen)
        self.register_buffer("raised", out_of.reshape(size, PIXELS, 3).sum(2).T / BYTE_SCALE)
        for name in ("blur", "average", "spread"):
            self.register_buffer(name, getattr(cells.grid, name).to(device))

    def forward(self, cells: Tensor) -> Tensor:
        """Paint cells with the network's margin on each side; returns those within, as a change from middle grey.

        Args:
            cells: (1, h, w, K), bytes less those of middle grey, over BYTE_SCALE.
        """
        m = self.margin
        light = spread_of_luma(self.luma(cells[:, m : cells.shape[1] - m, m : cells.shape[2] - m]))[0]
        painted = self.paint(cells, light)
        return painted[:, m : painted.shape[1] - m, m : painted.shape[2] - m] if m else painted

    def luma(self, cells: Tensor) -> Tensor:
        """Luminance of each cell's first pixel, less 1/2: (1, h, w, K) to (1, h, w) float32."""
        # Less 1/2, as all bytes are less those of middle grey.
        return cells.float() @ self.light.float()

    def paint(self, cells: Tensor, light: Tensor, canvas: Tensor | None = None) -> Tensor:
        """Paint cells and their margin, all or some of a picture's.

        Args:
            cells: (1, h, w, K), as `forward` takes them.
            light: (2,), mean and spread of the whole picture's `luma`.
            canvas: (1, C, h, w), what of the canvas lies under them; as under a whole picture if None.

        Returns:
            (1, h, w, K); right from `RealtimeNet.reach` cells on from where a part was cut out, at a multiple of its
            `alignment`.
        """
        mean, spread = light.to(cells.dtype)
        cells = (cells - mean * self.grey) * (USUAL_SPREAD / spread)
        network = self.network
        if network.strokes is not None:
            luma = cells.float() @ self.brightness.float()
            drawn, canvas = (x.to(cells.dtype) for x in network.drawn(luma[:, None], canvas))
            cells = cells + drawn.permute(0, 2, 3, 1) @ self.raised
        x = self.head(cells.permute(0, 3, 1, 2))
        ground = network.still_ground(x) if canvas is None else network.ground(canvas.to(x.dtype))
        x = self.tail(network.trunk(F.relu_(x.add_(ground))))
        return take_out_grid(x, GridFilters(self.blur, self.average, self.spread)).permute(0, 2, 3, 1)


def fold_bytes(pixels: Tensor, margin: int, *, planes: bool) -> Tensor:
    """Cells (1, h, w, K) uint8 of a picture and `margin` cells around it, extended by reflection.

    Args:
        pixels: RGB (H, W, 3), or planes (3 H / 2, W) with H and W even; uint8.
        margin: cells.
        planes: which of the two it is.
    """
    if not planes:
        return _fold_plane(pixels, margin * FOLD, FOLD)
    y, u, v = split_planes(pixels)
    half = FOLD // 2
    folded = [_fold_plane(y[..., None], margin * FOLD, FOLD)]
    folded += [_fold_plane(plane[..., None], margin * half, half) for plane in (u, v)]
    return torch.cat(folded, -1)


def unfold_bytes(cells: Tensor, shape: tuple[int, int], *, planes: bool) -> Tensor:
    """The picture of `shape` (H, W) that cells (1, h, w, K) uint8 without a margin hold; see fold_bytes."""
    height, width = shape
    if not planes:
        return _unfold_plane(cells, height, width, FOLD)
    sizes = [PIXELS, PIXELS // 4, PIXELS // 4]
    y, u, v = cells.split(sizes, -1)
    luma = _unfold_plane(y, height, width, FOLD)
    chroma = [_unfold_plane(plane, height // 2, width // 2, FOLD // 2) for plane in (u, v)]
    return torch.cat([plane.reshape(-1) for plane in (luma, *chroma)]).reshape(height * 3 // 2, width)


def split_planes(pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Y (H, W), U and V (H / 2, W / 2) of planes (3 H / 2, W)."""
    height, width = pixels.shape[0] * 2 // 3, pixels.shape[1]
    # Y is four times as large as U and V.
    quarters = pixels.reshape(6, height * width // 4)
    u, v = (quarters[index].reshape(height // 2, width // 2) for index in (4, 5))
    return pixels[:height], u, v


def _fold_plane(plane: Tensor, margin: int, side: int) -> Tensor:
    """(H, W, C) to cells of side x side, (1, h, w, side * side * C)."""
    height, width, channels = plane.shape
    plane = _reflected(plane, 0, margin, margin + -height % side)
    plane = _reflected(plane, 1, margin, margin + -width % side)
    h, w = plane.shape[0] // side, plane.shape[1] // side
    cells = plane.reshape(h, side, w, side * channels).transpose(1, 2)
    return cells.reshape(1, h, w, side * side * channels)


def _unfold_plane(cells: Tensor, height: int, width: int, side: int) -> Tensor:
    """Cells (1, h, w, side * side * C) to (H, W, C)."""
    _, h, w, size = cells.shape
    channels = size // side**2
    rows = cells.reshape(h, w, side, side * channels).transpose(1, 2)
    plane = rows.reshape(h * side, w * side, channels)
    return plane if plane.shape[:2] == (height, width) else plane[:height, :width].contiguous()


def _reflected(plane: Tensor, axis: int, before: int, after: int) -> Tensor:
    """Extended along `axis` by what lies on the other side of the border, which is not repeated itself."""
    length = plane.shape[axis]
    # reflect padding knows no bytes.
    left = torch.arange(before, 0, -1, device=plane.device)
    right = torch.arange(length - 2, length - 2 - after, -1, device=plane.device)
    return torch.cat((plane.index_select(axis, left), plane, plane.index_select(axis, right)), axis)


def _frozen(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values.detach().clone(), requires_grad=False)
