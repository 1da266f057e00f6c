"""Gram matrices of regions of a picture, for distances between them."""

from typing import Any

import torch
from torch import Tensor

from vidstyle.perception.features import Embedded


class _RegionProducts(torch.autograd.Function):
    """X^T diag(s_r) X of (N, P, C) for each of the shares (N, P, R): (N, R, C, C).

    torch's own would step backward through both factors, and once for each region.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, shares: Tensor) -> Tensor:
        shared = (x[:, :, None] * shares[..., None]).flatten(2)
        ctx.save_for_backward(shared)
        return torch.bmm(x.transpose(1, 2), shared).unflatten(2, (shares.shape[2], -1)).transpose(1, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (shared,), (gradient,) = ctx.saved_tensors, gradients
        return torch.bmm(shared, (gradient + gradient.mT).flatten(1, 2)), None


def region_grams(features: Tensor | Embedded, shares: Tensor) -> Tensor:
    """Gram matrices of regions of (N, C, h, w), for distances between them; float32 (N, R, C, C).

    Gatys et al. 2017 ("Controlling Perceptual Factors"), equation 6, with the normalisation of
    vidstyle.perception.losses.gram_matrix.  Of embedded features the matrices are smaller, of rotated features: the
    Frobenius norm of a difference is the same.

    shares: (N, R, h, w), how much each position counts in each region, 1 in the mean over positions.
    """
    narrow = features.narrow if isinstance(features, Embedded) else features
    n, _, h, w = narrow.shape
    scale = 1 / (features.shape[1] * h * w)
    flat = narrow.permute(0, 2, 3, 1).reshape(n, h * w, -1)
    weights = (shares * scale).flatten(2).transpose(1, 2).to(flat.dtype)
    grams: Tensor = _RegionProducts.apply(flat, weights).float()
    if not isinstance(features, Embedded):
        return grams
    root = features.root.float()
    return root @ grams @ root.T
