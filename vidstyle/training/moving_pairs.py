"""Two frames of a scene that moves, made from photographs, with exact flow and exact visibility.

The camera shifts, turns and zooms over one photograph; a piece of another moves in front of it.  What is
free here is expensive with real footage: the flow is known to a fraction of a pixel, and so is what it hides.
"""

import math

import torch
import torch.nn.functional as F
from kornia.filters import gaussian_blur2d
from kornia.geometry.conversions import convert_affinematrix_to_homography
from kornia.geometry.linalg import transform_points
from kornia.geometry.transform import get_rotation_matrix2d, invert_affine_transform
from torch import Tensor

from vidstyle.perception.flow import Pair
from vidstyle.perception.warping import coarse_flow, pixel_grid, sample

CAMERA_SHIFT = 12.0
OBJECT_SHIFT = 24.0
"""Pixels between the two frames, at the most, along each axis."""
CAMERA_TURN, OBJECT_TURN = 0.03, 0.08
"""Radians, at the most."""
ZOOM = 0.04
"""Change of scale, at the most."""
NOISE = 0.02
"""Standard deviation of the sensor's noise, at the most."""
BLUR, BLUR_RADIUS = 1.0, 1.0
"""How far a frame is out of focus, at the most: share of what is blurred, and standard deviation in pixels."""
FLOW_ERROR = 0.05
"""Standard deviation of the error of estimated flow, positions of 4 pixels."""
EXPOSURE = 0.04
"""Change of brightness between the frames, at the most."""


def moving_pair(backgrounds: Tensor, objects: Tensor) -> Pair:
    """Frame pairs from photographs (N, 3, H, W) in [0, 1]; draws from torch's generator.

    backgrounds, objects: the scene behind and what moves in front of it.
    """
    n, _, height, width = backgrounds.shape
    grid = pixel_grid(height, width)
    camera = [_motion(n, height, width, CAMERA_SHIFT, CAMERA_TURN) for _ in range(2)]
    piece = [_motion(n, height, width, OBJECT_SHIFT, OBJECT_TURN) for _ in range(2)]
    shape = _blob(n, height, width)
    frames, masks = [], []
    for behind, before in zip(camera, piece, strict=True):
        mask = sample(shape, _apply(before, grid), padding="zeros")
        scene = sample(backgrounds, _apply(behind, grid))
        frames.append(torch.lerp(scene, sample(objects, _apply(before, grid)), mask))
        masks.append(mask)
    # A pixel of the second frame, to the photograph, and from there to the first frame.
    hard = (masks[1] > 0.5).permute(0, 2, 3, 1)
    back = torch.where(
        hard,
        _apply(invert_affine_transform(piece[0]), _apply(piece[1], grid)),
        _apply(invert_affine_transform(camera[0]), _apply(camera[1], grid)),
    )
    same = (sample(masks[0], back) - masks[1]).abs() < 0.1
    limit = torch.tensor([width - 1, height - 1])
    inside = ((back >= 0) & (back <= limit)).all(-1)[:, None]
    first, second = (_seen(frame) for frame in frames)
    return Pair(first, second, back - grid, (same & inside).float())


def follow_flow(coordinates: Tensor, flow: Tensor, *, margin: int) -> Tensor:
    """Canvas coordinates (N, h, w, 2) of the first frames, carried to the second along flow (N, H, W, 2).

    With an error such as estimated flow has.
    margin: positions by which the canvas reaches beyond the picture on each side.
    """
    cells = coarse_flow(flow)
    error = torch.randn(len(cells), 2, 4, 4)
    cells = cells + FLOW_ERROR * F.interpolate(error, cells.shape[-2:], mode="bicubic", align_corners=True)
    cells = F.pad(cells, (margin,) * 4, mode="replicate").permute(0, 2, 3, 1)
    at = pixel_grid(*cells.shape[1:3]) + cells
    return sample(coordinates.permute(0, 3, 1, 2), at, padding="border").permute(0, 2, 3, 1)


def _motion(n: int, height: int, width: int, shift: float, turn: float) -> Tensor:
    """(N, 2, 3): affine maps from a frame to the photograph, about its middle."""
    angle = turn * _signed(n)
    scale = torch.exp(ZOOM * _signed(n))
    middle = torch.tensor([(width - 1) / 2, (height - 1) / 2]).expand(n, 2)
    # Its angles are degrees, and go the other way.
    motion = get_rotation_matrix2d(middle, -torch.rad2deg(angle), scale[:, None].expand(n, 2))
    motion[..., 2] += shift * torch.stack((_signed(n), _signed(n)), -1)
    return motion


def _signed(n: int) -> Tensor:
    """(N,) in [-1, 1], more often small than large."""
    return (2 * torch.rand(n) - 1) * torch.rand(n)


def _apply(motion: Tensor, points: Tensor) -> Tensor:
    """(N, 2, 3) applied to (H, W, 2) or (N, H, W, 2): (N, H, W, 2)."""
    matrix = convert_affinematrix_to_homography(motion)
    points = points.expand(len(motion), *points.shape[-3:])
    return transform_points(matrix, points.flatten(1, 2)).view_as(points)


def _blob(n: int, height: int, width: int) -> Tensor:
    """(N, 1, H, W): a soft-edged disc with dents, somewhere; one in four frames has none."""
    place = torch.rand(n, 1, 1, 2) * torch.tensor([width, height])
    offset = pixel_grid(height, width) - place
    angle = torch.atan2(offset[..., 1], offset[..., 0])
    radius = (0.1 + 0.25 * torch.rand(n, 1, 1)) * min(height, width)
    for lobes in (2, 3, 5):
        phase = 2 * math.pi * torch.rand(n, 1, 1)
        radius = radius * (1 + 0.2 * torch.cos(lobes * angle + phase))
    present = (torch.rand(n, 1, 1) < 0.75).float()
    return (present * ((radius - offset.norm(dim=-1)) / 2 + 0.5).clamp(0, 1))[:, None]


def _seen(frame: Tensor) -> Tensor:
    """A frame through a camera: out of focus, another exposure, and noise."""
    n = len(frame)
    soft = gaussian_blur2d(frame, 2 * math.ceil(2 * BLUR_RADIUS) + 1, (BLUR_RADIUS, BLUR_RADIUS))
    # Sharp more often than not; each frame for itself, since a camera hunts for focus while the scene moves.
    frame = torch.lerp(frame, soft, BLUR * (torch.rand(n, 1, 1, 1) * 2 - 1).clamp(min=0))
    gain = 1 + EXPOSURE * _signed(n)[:, None, None, None]
    noise = NOISE * torch.rand(n, 1, 1, 1) * torch.randn_like(frame)
    return (frame * gain + noise).clamp(0, 1)
