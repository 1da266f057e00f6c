"""The transform network of Johnson, Alahi and Fei-Fei 2016, "Perceptual Losses for Real-Time Style Transfer".

Layer for layer as in table 1 of the paper's supplementary material, with instance normalisation
(Ulyanov, Vedaldi and Lempitsky 2016) in the place of batch normalisation, as everybody has used it since.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PADDING = 40
"""Pixels around the picture; the unpadded residual blocks consume them."""


def convolution(conv: nn.Module, channels: int, relu: bool = True) -> nn.Sequential:
    """A convolution with what follows it: instance normalisation and, as a rule, a ReLU."""
    layers = [conv, nn.InstanceNorm2d(channels, affine=True)]
    return nn.Sequential(*layers, nn.ReLU()) if relu else nn.Sequential(*layers)


def padded(image: Tensor) -> Tensor:
    """(N, C, H, W) with PADDING pixels on each side, and a few more where two strides of 2 need a multiple of 4."""
    height, width = image.shape[-2:]
    padding = (PADDING, PADDING + -width % 4, PADDING, PADDING + -height % 4)
    # There is less to reflect in a small picture than is wanted.
    return F.pad(image, padding, mode="reflect" if min(height, width) > max(padding) else "replicate")


class UnpaddedResidualBlock(nn.Module):
    """Two 3x3 convolutions without padding; the shortcut is cropped by two pixels on each side."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = convolution(nn.Conv2d(channels, channels, 3), channels)
        self.conv2 = convolution(nn.Conv2d(channels, channels, 3), channels, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        return x[..., 2:-2, 2:-2] + self.conv2(self.conv1(x))


class JohnsonNet(nn.Module):
    """Reflection padding 40; 9x9/32; 3x3/64 s2; 3x3/128 s2; five residual blocks; 3x3/64 s1/2; 3x3/32 s1/2; 9x9/3.

    The output is a tanh, scaled to [0, 1].
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            convolution(nn.Conv2d(3, 32, 9, padding=4), 32),
            convolution(nn.Conv2d(32, 64, 3, stride=2, padding=1), 64),
            convolution(nn.Conv2d(64, 128, 3, stride=2, padding=1), 128),
        )
        self.blocks = nn.Sequential(*(UnpaddedResidualBlock(128) for _ in range(5)))
        self.decoder = nn.Sequential(
            convolution(nn.ConvTranspose2d(128, 64, 3, stride=2, padding=1, output_padding=1), 64),
            convolution(nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1), 32),
            nn.Conv2d(32, 3, 9, padding=4),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Paint RGB (N, 3, H, W) in [0, 1]; returns (N, 3, H, W) in [0, 1]."""
        height, width = image.shape[-2:]
        painted = self.decoder(self.blocks(self.encoder(padded(image))))
        return (torch.tanh(painted) * 0.5 + 0.5)[..., :height, :width]
