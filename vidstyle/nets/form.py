"""The real-time network with a sense of form: a coarse branch sees far around each stroke.

RealtimeNet sees some 100 pixels, enough for a stroke and not for what a stroke belongs to.  FormNet sees hundreds, at
an eighth and a sixteenth of the resolution, where that costs little: moons, swirls, and strokes that follow a contour.
The coarse branch ends in a convolution that starts at zero, so that a FormNet with the weights of a RealtimeNet paints
what that does, and learns from there.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidstyle.nets.realtime import Padding, RealtimeNet, ResidualBlock

UP_AND_DOWN = 5
"""How far one level of the coarse branch reaches without its blocks, in positions of the level above: interpolation
reads the next one of two, the convolution before it one further, the one down another."""
MOST_LEVELS, MOST_BLOCKS = 4, 64
"""Of a coarse branch: a field of view of 1,000 pixels is wider than what networks are trained on."""


class CoarseBranch(nn.Module):
    """Half the resolution of the trunk, a quarter of it and so on, and back up: (N, C, h, w) in and out.

    Args:
        channels: of what comes in, and of what is added to it.
        widths: channels of the levels, from fine to coarse.
        depths: residual blocks of each level; all but the coarsest have as many again on the way up.
        padding_mode: of its convolutions.  Zeros tell it how far the border of a picture
            is, a sixteenth of the way over and more, and what is easiest to learn of a picture is then a frame.
    """

    def __init__(
        self, channels: int, widths: Sequence[int], depths: Sequence[int], padding_mode: Padding = "zeros"
    ) -> None:
        super().__init__()
        finer = [channels, *widths[:-1]]
        conv = partial(nn.Conv2d, padding=1, padding_mode=padding_mode)
        blocks = partial(_blocks, padding_mode=padding_mode)
        self.down = nn.ModuleList(conv(a, b, 4, stride=2) for a, b in zip(finer, widths, strict=True))
        self.before = nn.ModuleList(blocks(width, depth) for width, depth in zip(widths, depths, strict=True))
        self.after = nn.ModuleList(blocks(width, depth) for width, depth in zip(widths[:-1], depths[:-1], strict=True))
        self.up = nn.ModuleList(conv(b, a, 3) for a, b in zip(finer, widths, strict=True))
        for tensor in self.up[0].parameters():
            nn.init.zeros_(tensor)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        side: int = 2 ** len(self.down)
        if height % side or width % side:
            x = F.pad(x, (0, -width % side, 0, -height % side), mode="replicate")
        seen = []
        for down, blocks in zip(self.down, self.before, strict=True):
            x = blocks(F.relu_(down(x)))
            seen.append(x)
        x = self._raised(seen.pop(), len(seen))
        for level in reversed(range(len(seen))):
            x = self._raised(self.after[level](F.relu_(x) + seen[level]), level)
        return x[..., :height, :width]

    def _raised(self, x: Tensor, level: int) -> Tensor:
        """From one level to the next finer one."""
        # Interpolation rather than a transposed convolution, which leaves a grid.
        return F.interpolate(self.up[level](x), scale_factor=2, mode="bilinear")


class FormNet(RealtimeNet):
    """RealtimeNet whose trunk is told what a coarse branch sees.

    With the default arguments: 1.94 M parameters, 14.8 GFLOP (2 x multiply-adds) at 640x360.  For weak machines, 32
    channels, 5 blocks, widths (48, 128) and depths (1, 4): 1.58 M parameters, 7.3 GFLOP.

    Args:
        channels, blocks, margin, canvas, strokes: as for RealtimeNet.
        widths: channels of the coarse branch's levels, the first at an eighth of the picture's resolution.
        depths: residual blocks of each level.
        padding_mode: see RealtimeNet; of the coarse branch as well.
        orthochromatic: as for RealtimeNet.

    Raises:
        ValueError: for widths and depths that are not as many, none, or too many, a padding that there is not, and as
            for RealtimeNet.
    """

    def __init__(
        self,
        channels: int = 48,
        blocks: int = 7,
        margin: int = 2,
        canvas: int = 4,
        widths: Sequence[int] = (64, 128),
        depths: Sequence[int] = (1, 4),
        strokes: Mapping[str, float] | None = None,
        padding_mode: Padding = "zeros",
        orthochromatic: float = 0.0,
    ) -> None:
        super().__init__(channels, blocks, margin, canvas, strokes, padding_mode, orthochromatic)
        if not 1 <= len(widths) == len(depths) <= MOST_LEVELS or not all(0 <= depth <= MOST_BLOCKS for depth in depths):
            raise ValueError(
                f"network arguments widths = {widths}, depths = {depths}: take one of each for a level, 1 to "
                f"{MOST_LEVELS} levels of 0 to {MOST_BLOCKS} blocks"
            )
        self.form = CoarseBranch(channels, widths, depths, padding_mode)
        self._depths = tuple(depths)

    @property
    def reach(self) -> int:
        last = len(self._depths) - 1
        # Of two convolutions a block; all levels but the coarsest have their blocks twice.
        blocks = (depth * (4 if level == last else 8) for level, depth in enumerate(self._depths))
        return super().reach + sum(2**level * (UP_AND_DOWN + of_them) for level, of_them in enumerate(blocks))

    @property
    def alignment(self) -> int:
        return 2 ** len(self._depths)

    def trunk(self, x: Tensor) -> Tensor:
        return super().trunk(x + self.form(x))


def begun_from(state: Mapping[str, Tensor], like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a FormNet that paints what a RealtimeNet or a FormNet with the weights `state` does.

    like: weights of another FormNet: what `state` lacks is taken from there, but for the last convolutions of the
        coarse branch and of residual blocks, which are zero.
    """
    lacking = {name: torch.zeros_like(t) if _is_gate(name) else t for name, t in like.items() if name not in state}
    return {**state, **lacking}


def _is_gate(name: str) -> bool:
    """Whether nothing of a FormNet's branch, or of a block of its trunk, is seen while this tensor is zero."""
    return name.startswith("form.up.0.") or (name.startswith("blocks.") and ".conv2." in name)


def _blocks(channels: int, count: int, padding_mode: Padding) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(channels, padding_mode) for _ in range(count)))
