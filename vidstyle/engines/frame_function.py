"""From pixels to pixels: what every engine runs on a frame."""

import torch
from torch import Tensor, nn

from vidstyle.engines.cell_tiles import cell_tiles
from vidstyle.media.frame import MATRIX_WEIGHTS, Color
from vidstyle.nets import RealtimeNet
from vidstyle.nets.cells import (
    BYTE_SCALE,
    CellNet,
    Cells,
    fold_bytes,
    rgb_cells,
    unfold_bytes,
    yuv_cells,
)
from vidstyle.nets.realtime import FOLD, spread_of_luma


def frame_function(network: nn.Module, dtype: torch.dtype, planes: Color | None = None) -> nn.Module:
    """What paints a frame, uint8 to uint8 of the same shape.

    Args:
        network: maps (1, 3, H, W) in [0, 1] to the same shape.
        dtype: in which the network computes.
        planes: what the planes of 4:2:0 frames stand for; None for frames in RGB.

    Raises:
        ValueError: for planes that vidstyle.engines.network_takes_planes does not allow.
    """
    if isinstance(network, RealtimeNet):
        return CellFunction(network, dtype, planes)
    if planes is not None:
        raise ValueError(f"{type(network).__name__} takes RGB, not planes")
    return FrameFunction(network, dtype)


class FrameFunction(nn.Module):
    """Any transform network with the conversions around it: RGB (H, W, 3) uint8 in and out.

    Args:
        network: maps (1, 3, H, W) in [0, 1] to the same shape.
        dtype: in which the network computes.
    """

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        self.network.to(dtype).to(memory_format=torch.channels_last)
        self.dtype = dtype

    def forward(self, rgb: Tensor) -> Tensor:
        """Paint one frame."""
        # (H, W, 3) seen as (1, 3, H, W) is channels_last already; nothing is moved.
        source = rgb.permute(2, 0, 1)[None]
        painted = self.network(source.to(self.dtype) / 255)
        levels = painted[0].permute(1, 2, 0).float().mul_(255)
        return levels.round_().clamp_(0, 255).to(torch.uint8)


class CellFunction(nn.Module):
    """A RealtimeNet with the conversions around it folded into its convolutions; see vidstyle.nets.cells.

    Args:
        network, dtype, planes: see frame_function.
    """

    middle: Tensor
    lowest: Tensor
    highest: Tensor

    def __init__(self, network: RealtimeNet, dtype: torch.dtype, planes: Color | None) -> None:
        super().__init__()
        cells = _cells(planes)
        self.network = CellNet(network, cells).eval().requires_grad_(False)
        self.network.to(dtype).to(memory_format=torch.channels_last)
        self.dtype, self.planes = dtype, cells.planes
        for name in ("middle", "lowest", "highest"):
            self.register_buffer(name, getattr(cells, name))

    def forward(self, pixels: Tensor) -> Tensor:
        """Paint one frame: RGB (H, W, 3), or planes (3 H / 2, W), uint8."""
        source = fold_bytes(pixels, self.network.margin, planes=self.planes)
        levels = self.network(self._centred(source))
        return unfold_bytes(self._bytes(levels), self._picture_shape(pixels), planes=self.planes)

    def in_tiles(self, pixels: Tensor, side: int) -> Tensor:
        """The same picture, painted part by part: memory for one part is enough, and there are no seams.

        Every part sees as much around it as its painting depends on, and the whole picture's light and canvas.

        Args:
            pixels: as in `forward`.
            side: of the parts, positions of the network's trunk (4 pixels).
        """
        source = fold_bytes(pixels, self.network.margin, planes=self.planes)
        margin, (height, width) = self.network.margin, source.shape[1:3]
        light = self._light_of(source, side)
        result = torch.empty_like(source[:, margin : height - margin, margin : width - margin])
        network = self.network.network
        canvas = network.still_canvas((height, width), self.middle.device)
        for part in cell_tiles(height, width, margin, side=side, reach=network.reach, alignment=network.alignment):
            seen = self._centred(part.seen(source))
            levels = self.network.paint(seen, light, canvas[:, :, part.seen_rows, part.seen_columns])
            part.place(result).copy_(self._bytes(part.without_surroundings(levels)))
        return unfold_bytes(result, self._picture_shape(pixels), planes=self.planes)

    def positions(self, pixels: Tensor) -> tuple[int, int]:
        """Positions (h, w) of the network's trunk under a picture, without its margin."""
        height, width = self._picture_shape(pixels)
        return -(-height // FOLD), -(-width // FOLD)

    def _picture_shape(self, pixels: Tensor) -> tuple[int, int]:
        height, width = pixels.shape[:2]
        return (height * 2 // 3 if self.planes else height, width)

    def _centred(self, source: Tensor) -> Tensor:
        """Bytes as the network takes them."""
        return (source.to(self.dtype) - self.middle.to(self.dtype)) * (1 / BYTE_SCALE)

    def _bytes(self, levels: Tensor) -> Tensor:
        """What the network has made, as cells (1, h, w, K) uint8."""
        return (levels.float() + self.middle).round_().clamp_(self.lowest, self.highest).to(torch.uint8)

    def _light_of(self, source: Tensor, rows: int) -> Tensor:
        """Light (2,) of a picture's cells with their margin, some rows at a time."""
        margin = self.network.margin
        within = source[:, margin : source.shape[1] - margin, margin : source.shape[2] - margin]
        luma = [self.network.luma(self._centred(part)) for part in within.split(rows, 1)]
        return spread_of_luma(torch.cat(luma, 1))[0]


def _cells(planes: Color | None) -> Cells:
    if planes is None:
        return rgb_cells()
    if planes.matrix not in MATRIX_WEIGHTS or planes.bits != 8:
        raise ValueError(f"no planes of these colours: {planes}")
    return yuv_cells(*MATRIX_WEIGHTS[planes.matrix], full_range=planes.full_range)
