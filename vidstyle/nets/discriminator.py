"""What tells paintings from photographs painted like them, patch by patch, while a network is trained."""

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

SLOPE = 0.2
"""Of leaky ReLU below zero."""
LEAST_SIDE = 32
"""Pixels, of a picture that patches are looked for in."""


class PatchDiscriminator(nn.Module):
    """Says of each patch how much it looks as painted by hand: Isola et al. 2017, section 3.2.2, without normalisation.

    RGB (N, 3, H, W) in [0, 1] to (N, 1, H / 8 - 1, W / 8 - 1); a patch has 46 pixels a side.  Every convolution has
    a spectral norm of 1 (Miyato et al. 2018).

    Args:
        width: channels of the first layer; the second has twice as many, the third four times.
    """

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        widths = (3, width, 2 * width, 4 * width)
        self.down = nn.ModuleList(spectral_norm(nn.Conv2d(a, b, 4, stride=2, padding=1)) for a, b in pairwise(widths))
        self.last = spectral_norm(nn.Conv2d(widths[-1], 1, 4, padding=1))

    def forward(self, picture: Tensor) -> Tensor:
        x = picture * 2 - 1
        for layer in self.down:
            x = F.leaky_relu(layer(x), SLOPE)
        said: Tensor = self.last(x)
        return said


class ScaledDiscriminators(nn.Module):
    """A PatchDiscriminator for each of several scales: of the picture, of half of it and so on (Wang et al. 2018).

    Args:
        scales: how many.
        width: see PatchDiscriminator.
    """

    def __init__(self, scales: int = 2, width: int = 24) -> None:
        super().__init__()
        self.each = nn.ModuleList(PatchDiscriminator(width) for _ in range(scales))

    def forward(self, picture: Tensor) -> list[Tensor]:
        """What each says of RGB (N, 3, H, W) in [0, 1], H and W at least LEAST_SIDE."""
        said = []
        for scale, discriminator in enumerate(self.each):
            if scale:
                picture = F.avg_pool2d(picture, 2)
            said.append(discriminator(picture))
        return said


def hinge_of_both(real: Sequence[Tensor], painted: Sequence[Tensor]) -> Tensor:
    """What discriminators make small: mean of (1 - D(x))+ + (1 + D(y))+, mean over scales.

    Lim and Ye 2017 ("Geometric GAN"), equation 8.
    """
    terms = [F.relu(1 - x).mean() + F.relu(1 + y).mean() for x, y in zip(real, painted, strict=True)]
    return sum(terms[1:], terms[0]) / len(terms)


def hinge_of_painter(painted: Sequence[Tensor]) -> Tensor:
    """What a painter makes small: mean of -D(y), mean over scales; the same, equation 9."""
    terms = [-y.mean() for y in painted]
    return sum(terms[1:], terms[0]) / len(terms)
