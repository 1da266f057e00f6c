"""Pictures as tensors, and tensors as pictures."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vidstyle.media.images import read_opaque, resize_shorter_side


def to_tensor(rgb: np.ndarray) -> Tensor:
    """RGB (H, W, 3) uint8 to (3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1).float() / 255


def to_pixels(picture: Tensor) -> np.ndarray:
    """(3, H, W) in [0, 1], what leaves it clamped, to RGB (H, W, 3) uint8."""
    return (picture.float().clamp(0, 1).permute(1, 2, 0) * 255).round().byte().cpu().numpy()


def painted_by(network: nn.Module, rgb: np.ndarray) -> np.ndarray:
    """RGB (H, W, 3) uint8 as a network paints it, of the same kind."""
    with torch.inference_mode():
        return to_pixels(network(to_tensor(rgb)[None])[0])


def load_style_image(path: Path, shorter_side: int) -> Tensor:
    """The style picture as (1, 3, H, W) float32 in [0, 1]."""
    return to_tensor(resize_shorter_side(read_opaque(path), shorter_side))[None]
