"""The colours of a picture, as far as a linear map can give them to another one."""

from dataclasses import dataclass

import torch
from torch import Tensor

LEAST_DEVIATION = 0.03
"""Of a palette along each axis; a grey picture has none along two of them."""


@dataclass(frozen=True)
class Palette:
    """Mean (N, 3) of RGB and the symmetric root (N, 3, 3) of its covariance."""

    mean: Tensor
    root: Tensor


def palette_of(picture: Tensor) -> Palette:
    """The palette of RGB (N, 3, H, W) in [0, 1], in float32."""
    pixels = picture.float().flatten(2)
    mean = pixels.mean(2)
    offset = pixels - mean[..., None]
    covariance = offset @ offset.transpose(1, 2) / pixels.shape[2]
    values, vectors = torch.linalg.eigh(covariance + LEAST_DEVIATION**2 * torch.eye(3, device=picture.device))
    return Palette(mean, (vectors * values.clamp(min=LEAST_DEVIATION**2).sqrt()[:, None]) @ vectors.transpose(1, 2))
