"""Pictures sampled where something else was: along optical flow, or at coordinates of any kind."""

import torch
import torch.nn.functional as F
from torch import Tensor

TRUNK_STRIDE = 4
"""Pixels, along each axis, from one position of a transform network's residual blocks to the next."""


def pixel_grid(height: int, width: int) -> Tensor:
    """(H, W, 2): x and y of each pixel."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack((x, y), -1).float()


def sample(image: Tensor, at: Tensor, *, padding: str = "reflection") -> Tensor:
    """`image` (N, C, H, W) at pixel coordinates `at` (N, h, w, 2), bilinear: (N, C, h, w)."""
    # Late, since a network's canvas needs the grid alone.
    from kornia.geometry.transform import remap

    at = at.expand(len(image), -1, -1, -1)
    # Only with corners aligned are its coordinates those of pixels.
    return remap(image, at[..., 0], at[..., 1], padding_mode=padding, align_corners=True)


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """`image` (N, C, H, W) sampled at each pixel plus `flow` (N, H, W, 2)."""
    return sample(image, pixel_grid(*flow.shape[1:3]).to(flow.device) + flow)


def coarse(flow: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
    """Flow (N, H, W, 2) and visibility (N, 1, H, W) of pixels, for positions of TRUNK_STRIDE pixels.

    Returns (N, h, w, 2), counted in positions, and (N, 1, h, w), 1 where all of a position is visible.
    """
    whole = -F.max_pool2d(-visible, TRUNK_STRIDE, ceil_mode=True)
    return coarse_flow(flow).permute(0, 2, 3, 1), whole


def coarse_flow(flow: Tensor) -> Tensor:
    """(N, H, W, 2), pixels, to (N, 2, h, w), positions."""
    return F.avg_pool2d(flow.permute(0, 3, 1, 2), TRUNK_STRIDE, ceil_mode=True) / TRUNK_STRIDE
