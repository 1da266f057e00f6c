"""Luminance of RGB."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

from vidstyle.media.color import LUMA


def luminance(image: "Tensor") -> "Tensor":
    """Luma of RGB (N, 3, H, W): (N, 1, H, W)."""
    # Late, since who mixes pixels wants the weights alone.
    import torch

    return (image * torch.tensor(LUMA, device=image.device).view(1, 3, 1, 1)).sum(1, keepdim=True)
