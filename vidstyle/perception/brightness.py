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


def region_shares(regions: Tensor, size: torch.Size) -> Tensor:
    """How much each position of features (N, C, h, w) counts in each region: (N, R, h, w), 1 in the mean."""
    shares = F.interpolate(regions, size[-2:], mode="bilinear", align_corners=False)
    return shares / shares.mean((2, 3), keepdim=True).clamp(min=1e-6)
