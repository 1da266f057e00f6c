"""Luminance of RGB."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

LUMA = (0.2126, 0.7152, 0.0722)
"""Weights of RGB in luminance, ITU-R BT.709, item 3.2."""


def luminance(image: "Tensor") -> "Tensor":
    """Luma of RGB (N, 3, H, W): (N, 1, H, W)."""
    # Late, since who mixes pixels wants the weights alone.
    import torch

    return (image * torch.tensor(LUMA, device=image.device).view(1, 3, 1, 1)).sum(1, keepdim=True)
