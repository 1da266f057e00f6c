"""Where the contours of a picture run, and how much detail it has.

Both come from its structure tensor (Bigün and Granlund 1987).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from vidstyle.perception.luma import luminance

STRIDE = 4
"""Contours are looked for in a picture so many times smaller."""
REACH = 6
"""Positions by which a contour is felt on each side of it, by a mean over as many taken twice."""
FLAT = 0.02
"""Share of a picture's mean squared gradient that is no contour yet."""
STROKE = 2
"""Strokes are looked at in a painting so many times smaller: finer ones have no direction to see."""
FAINT = 1e-4
"""Squared gradient of luma in [0, 1], below which a stroke is none."""

NEAR = 20
"""Pixels around an eye or a letter that are as much of a face or a word as it is."""


def structure_tensor(luma: Tensor) -> Tensor:
    """Of (N, 1, H, W): (N, 3, H - 1, W - 1), squared gradient, and its direction as twice its angle.

    gx^2 + gy^2, gx^2 - gy^2 and 2 gx gy: angles that differ by half a turn are one direction.
    """
    # Between four pixels, where both gradients are exact.
    across = (luma[..., 1:] - luma[..., :-1]).unfold(2, 2, 1).mean(-1)
    down = (luma[..., 1:, :] - luma[..., :-1, :]).unfold(3, 2, 1).mean(-1)
    return torch.cat((across**2 + down**2, across**2 - down**2, 2 * across * down), 1)


@torch.no_grad()
def contours(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Directions across the contours that are near, and detail.

    Args:
        pictures: RGB (N, 3, H, W) in [0, 1].

    Returns:
        (N, 2, h, w), the direction as twice its angle, as long as it is sure: 0 to 1; and (N, 1, h, w), the root mean
        square of the gradient nearby as a multiple of the picture's own.  Positions of STRIDE pixels.
    """
    luma = F.avg_pool2d(luminance(pictures.float()), STRIDE)
    tensor = F.pad(structure_tensor(luma), (0, 1, 0, 1), mode="replicate")
    for _ in range(2):
        tensor = F.avg_pool2d(tensor, 2 * REACH + 1, 1, REACH, count_include_pad=False)
    energy, direction = tensor[:, :1], tensor[:, 1:]
    mean = energy.mean((2, 3), keepdim=True) + 1e-8
    return direction / (energy + FLAT * mean), (energy / mean).sqrt()


def contour_loss(painted: Tensor, directions: Tensor) -> Tensor:
    """How much strokes cross contours: 0 where all run along them, 1 where they run anywhere, 2 across.

    painted: RGB (N, 3, H, W); directions: of its source, as from `contours`.
    """
    tensor = structure_tensor(F.avg_pool2d(luminance(painted.float()), STROKE))
    sure = F.interpolate(directions, tensor.shape[-2:], mode="bilinear", align_corners=False)
    # By its root, so that strokes count beside the outlines of things.
    strength = (tensor[:, :1] + FAINT).sqrt()
    along = (tensor[:, 1:] * sure).sum(1, keepdim=True) / strength
    return 1 - along.sum() / (sure.norm(dim=1, keepdim=True) * strength).sum().clamp(min=1e-6)


@torch.no_grad()
def near_detail(pictures: Tensor) -> Tensor:
    """Where RGB (N, 3, H, W) in [0, 1] has detail within NEAR pixels, or is shut in by it: (N, 1, h, w), 0 to 1."""
    detail = contours(pictures)[1]
    side = 2 * round(NEAR / STRIDE) + 1
    near = F.max_pool2d(detail, side, 1, side // 2)
    return F.avg_pool2d(near**2 / (1 + near**2), side, 1, side // 2, count_include_pad=False)
