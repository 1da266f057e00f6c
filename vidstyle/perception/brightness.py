"""Regions of a picture by how bright they are, so that a painting can be like its style region by region."""

import torch
import torch.nn.functional as F
from torch import Tensor

from vidstyle.perception.luma import luminance

STRIDE, BLUR = 8, 3
"""Regions are looked for in a picture so many times smaller, after a mean over so many positions each way."""


def brightness_regions(pictures: Tensor, count: int) -> Tensor:
    """Regions of as large an area each, from the darkest to the brightest.

    A network that gets used to the light of a picture knows no more of brightness than what is darker than what.

    Args:
        pictures: RGB (N, 3, H, W) in [0, 1].
        count: of regions.

    Returns:
        (N, count, H / STRIDE, W / STRIDE) float32, 1 in each region and 0 elsewhere.
    """
    luma = F.avg_pool2d(luminance(pictures.float()), STRIDE, ceil_mode=True)
    luma = F.avg_pool2d(luma, 2 * BLUR + 1, 1, BLUR, count_include_pad=False)
    n, _, h, w = luma.shape
    ranks = luma.flatten(1).argsort(1).argsort(1)
    regions = F.one_hot(ranks * count // (h * w), count)
    return regions.reshape(n, h, w, count).permute(0, 3, 1, 2).float()


def region_weights(regions: Tensor, size: torch.Size) -> list[Tensor]:
    """What to multiply features (N, C, h, w) of that size by for the Gram matrix of each region: (N, 1, h, w) each.

    The root of each region's share of a position over its mean share: Gatys et al. 2017 ("Controlling Perceptual
    Factors"), equation 6, with the normalisation of `gram_matrix`.
    """
    shares = F.interpolate(regions, size[-2:], mode="bilinear", align_corners=False)
    shares = shares / shares.mean((2, 3), keepdim=True).clamp(min=1e-6)
    return list(shares.sqrt().split(1, 1))
