"""Shen, Yan and Zeng 2018, "Neural Style Transfer via Meta Networks", and three improvements of it."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidstyle.nets.description import Description
from vidstyle.nets.johnson import PADDING, UnpaddedResidualBlock, convolution, padded
from vidstyle.nets.meta import MetaNetwork, quiet_linear
from vidstyle.nets.palette import Palette, palette_of

BRANCHES, BRANCH_WIDTH = 32, 4
"""Of the ResNeXt block (Xie et al. 2017, figure 3c)."""
GROUP = 128
"""Hidden numbers for each filter that is generated (Shen et al. 2018, section 3.3)."""
BRIGHTEST = 0.9
"""Mean colour on the tanh's scale of -1 to 1, at the most: beyond, its slope is next to nothing."""


class ResNextBlock(nn.Module):
    """x + conv1x1(conv3x3 in branches(conv1x1(x))), without padding: one position is lost on each side."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = BRANCHES * BRANCH_WIDTH
        self.conv1 = convolution(nn.Conv2d(channels, inner, 1), inner)
        self.branches = convolution(nn.Conv2d(inner, inner, 3, groups=BRANCHES), inner)
        self.conv2 = convolution(nn.Conv2d(inner, channels, 1), channels, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        return x[..., 1:-1, 1:-1] + self.conv2(self.branches(self.conv1(x)))


class ShenNet(nn.Module):
    """The transform network of the paper's table 1: a quarter of Johnson's channels.

    Reflection padding 40; 9x9/8; 3x3/16 s2; 3x3/32 s2; five residual blocks; 3x3/16 and 3x3/8, each after nearest
    upsampling; 9x9/3.

    Args:
        block: `residual`, or `resnext`: one block of BRANCHES branches in the place of five.

    Raises:
        ValueError: for another block.
    """

    def __init__(self, block: str = "residual") -> None:
        super().__init__()
        if block not in ("residual", "resnext"):
            raise ValueError(f"network argument block = {block!r}: takes 'residual' or 'resnext'")
        self.encoder = nn.Sequential(
            convolution(nn.Conv2d(3, 8, 9, padding=4), 8),
            convolution(nn.Conv2d(8, 16, 3, stride=2, padding=1), 16),
            convolution(nn.Conv2d(16, 32, 3, stride=2, padding=1), 32),
        )
        blocks = [UnpaddedResidualBlock(32) for _ in range(5)] if block == "residual" else [ResNextBlock(32)]
        self.blocks = nn.Sequential(*blocks)
        self.decoder = nn.Sequential(
            nn.Upsample(scale_factor=2),
            convolution(nn.Conv2d(32, 16, 3, padding=1), 16),
            nn.Upsample(scale_factor=2),
            convolution(nn.Conv2d(16, 8, 3, padding=1), 8),
            nn.Conv2d(8, 3, 9, padding=4),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Paint RGB (N, 3, H, W) in [0, 1]; returns (N, 3, H, W) in [0, 1]."""
        height, width = image.shape[-2:]
        x = padded(image)
        painted = self.decoder(self.blocks(self.encoder(x)))
        # What the blocks have not consumed of the padding.
        left = PADDING - (x.shape[-1] - painted.shape[-1]) // 2
        return (torch.tanh(painted) * 0.5 + 0.5)[..., left : left + height, left : left + width]


class MetaNet(MetaNetwork):
    """Writes ShenNet's filters from means and deviations of a VGG's features of the picture.

    All filters but the first, the last, and a ResNeXt block's branches are generated, each from hidden numbers of its
    own; the rest is shared by all styles.

    Args:
        encoder: one of vidstyle.nets.description.ENDS.
        block: of ShenNet.
        filters: `plain`, or `normalised`: each generated filter is divided by its own norm.  Instance normalisation
            undoes any scale that a filter has, so the gradient is at a right angle to the filter and every step makes
            it longer (Salimans and Kingma 2016, section 2.1, of their own normalisation); so divided, it cannot grow.
        norms: `shared` by all styles, or `written`: the scales and shifts of all normalisations come from the picture
            as well, through a group of hidden numbers, and its palette is multiplied into the last layer.  Instance
            normalisation leaves the filters before it no say in how strong or bright a channel is, so that otherwise
            colours are nearly the same in all styles.
        group: hidden numbers for each filter.
    """

    paints_with = "shen"

    def __init__(
        self,
        encoder: str = "vgg16",
        block: str = "residual",
        filters: str = "plain",
        norms: str = "shared",
        group: int = GROUP,
    ) -> None:
        super().__init__()
        self.painter = {"block": block}
        if filters not in ("plain", "normalised"):
            raise ValueError(f"network argument filters = {filters!r}: takes 'plain' or 'normalised'")
        if norms not in ("shared", "written"):
            raise ValueError(f"network argument norms = {norms!r}: takes 'shared' or 'written'")
        self.normalised, self.group = filters == "normalised", group
        self.base = ShenNet(block)
        self.description = Description(encoder)
        self.generated = {
            name: parameter.shape
            for name, parameter in self.base.named_parameters()
            if parameter.dim() == 4 and not name.startswith(("encoder.0.", "decoder.4.")) and "branches" not in name
        }
        self.turned = {
            name: parameter.numel()
            for name, parameter in self.base.named_parameters()
            if norms == "written" and name.endswith((".1.weight", ".1.bias"))
        }
        self.hidden = nn.Linear(self.description.size, group * (len(self.generated) + bool(self.turned)))
        self.filters = nn.ModuleDict(
            {name.replace(".", "_"): nn.Linear(group, shape.numel()) for name, shape in self.generated.items()}
        )
        if self.turned:
            self.norms = quiet_linear(group, sum(self.turned.values()))
        # Written by the meta network alone.
        for name in self.generated:
            self.base.get_parameter(name).requires_grad_(False).zero_()

    def write_weights(self, picture: Tensor) -> Mapping[str, Tensor]:
        """ShenNet's state dictionary for RGB (1, 3, H, W) in [0, 1]."""
        with torch.autocast(picture.device.type, enabled=False):
            groups = F.relu(self.hidden(self.description(picture.float()))[0]).split(self.group)
            written = {}
            for (name, shape), hidden in zip(self.generated.items(), groups, strict=False):
                weight = self.filters[name.replace(".", "_")](hidden).view(shape)
                written[name] = F.normalize(weight.flatten(1)).view(shape) if self.normalised else weight
            if self.turned:
                changes = self.norms(groups[-1]).split(list(self.turned.values()))
                for name, change in zip(self.turned, changes, strict=True):
                    written[name] = self.base.get_parameter(name) + change
                written |= self._colored(palette_of(picture))
        return dict(self.base.named_parameters()) | written

    def _colored(self, palette: Palette) -> dict[str, Tensor]:
        """The last layer, painting with a palette (N = 1) where it painted with no mean and unit covariance."""
        # The tanh after it is linear in the middle, and of slope one half with respect to [0, 1].
        shift = torch.atanh((2 * palette.mean[0] - 1).clamp(-BRIGHTEST, BRIGHTEST))
        weight, bias = (self.base.get_parameter(f"decoder.4.{part}") for part in ("weight", "bias"))
        root = 2 * palette.root[0]
        return {"decoder.4.weight": torch.einsum("ij,jchw->ichw", root, weight), "decoder.4.bias": root @ bias + shift}
