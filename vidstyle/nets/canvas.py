"""The canvas: smooth noise on an endless plane; strokes grow from it where a picture gives them nothing to hold on to.

Coordinates count positions of the network's trunk (4 pixels).  A canvas that lies still has the coordinates of
the positions themselves; one that moves along with what is painted has others.
"""

import math
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vidstyle.perception.warping import pixel_grid

CANVAS_SIDE = 512
"""Positions after which the plane repeats; 2,048 pixels."""
RIM = 2
"""Positions that bicubic interpolation looks at beyond a coordinate."""
HILLS = 11.0
"""Of the potential, positions of its Gaussian: its level lines close into swirls some 200 pixels wide."""
SEEDS = 16, 17
"""Channels of the white noise that grain and potential are made of: none that a canvas has."""


def white_noise(channels: int, height: int, width: int, *, first: int = 0) -> Tensor:
    """(1, C, H, W) float32, uniform, mean 0, variance 1; channels from the `first` on.

    A hash of the position (the finaliser of MurmurHash3, Appleby 2011), so that every machine sees the same noise
    and nothing need be stored.
    """
    c, y, x = np.ogrid[first : first + channels, :height, :width]
    value = (y * 0x9E3779B1 + x * 0x85EBCA77 + c * 0xC2B2AE3D).astype(np.uint32)
    # Products of 32 bits each, of which as many stay.
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        value = (value ^ (value >> shift)) * np.uint32(factor)
    uniform = value / 0xFFFFFFFF
    return torch.from_numpy(((uniform * 2 - 1) * 3**0.5).astype(np.float32))[None]


def canvas_blur() -> Tensor:
    """The filter (3, 3), of squares that add up to 1, that makes a canvas of white noise."""
    binomial = torch.tensor([1.0, 2.0, 1.0])
    return binomial[:, None] * binomial / 6


@lru_cache(maxsize=4)
def canvas_plane(channels: int) -> Tensor:
    """One period of the canvas with a rim of RIM on each side: (1, C, side, side) float32, variance 1.

    Blurred with the binomial filter, since white noise changes its variance when it is sampled between positions.
    """
    # It outlives the mode in which somebody happened to ask for it first.
    with torch.inference_mode(False), torch.no_grad(), torch.autocast("cpu", enabled=False):
        noise = F.pad(white_noise(channels, CANVAS_SIDE, CANVAS_SIDE), (1, 1, 1, 1), mode="circular")
        smooth = F.conv2d(noise, canvas_blur().expand(channels, 1, 3, 3), groups=channels)
        return F.pad(smooth, (RIM, RIM, RIM, RIM), mode="circular")


def still_coordinates(height: int, width: int) -> Tensor:
    """Coordinates (1, h, w, 2), x before y, of a canvas that lies still."""
    return pixel_grid(height, width)[None]


def turned_coordinates(height: int, width: int) -> Tensor:
    """Coordinates (1, h, w, 2) of a canvas that lies anywhere, turned and scaled a little: any of it must do.

    Drawn from torch's own generator.
    """
    turn, scale, *shift = torch.rand(4).tolist()
    angle, factor = (turn - 0.5) * math.pi / 2, math.exp((scale - 0.5) / 2)
    cos, sin = factor * math.cos(angle), factor * math.sin(angle)
    rotation = torch.tensor([[cos, sin], [-sin, cos]])
    return still_coordinates(height, width) @ rotation + torch.tensor(shift) * CANVAS_SIDE


def sample_canvas(channels: int, coordinates: Tensor) -> Tensor:
    """The canvas at coordinates (N, h, w, 2), bicubic: (N, C, h, w) on the device of the coordinates."""
    return _sampled(canvas_plane(channels), coordinates)


def _sampled(plane: Tensor, coordinates: Tensor) -> Tensor:
    """A plane that repeats, bicubic."""
    plane = plane.to(coordinates.device)
    side = plane.shape[-1]
    # grid_sample counts from -1 at the first position to 1 at the last.
    grid = ((coordinates % (side - 2 * RIM)) + RIM) * (2 / (side - 1)) - 1
    return F.grid_sample(plane.expand(len(grid), -1, -1, -1), grid, mode="bicubic", align_corners=True)


@lru_cache(maxsize=1)
def potential_plane() -> Tensor:
    """One period of a smooth potential, with a rim as `canvas_plane` has: (1, 1, side, side) float32, variance 1."""
    with torch.inference_mode(False), torch.no_grad(), torch.autocast("cpu", enabled=False):
        noise = white_noise(1, CANVAS_SIDE, CANVAS_SIDE, first=SEEDS[0])
        # Of a picture that repeats, a Gaussian is a product of spectra.
        frequencies = torch.fft.fftfreq(CANVAS_SIDE)
        gain = torch.exp(-2 * (math.pi * HILLS * frequencies) ** 2)
        smooth = torch.fft.ifft2(torch.fft.fft2(noise) * gain[:, None] * gain).real
        return F.pad(smooth / smooth.std(), (RIM, RIM, RIM, RIM), mode="circular")


@lru_cache(maxsize=1)
def grain_plane() -> Tensor:
    """White noise at half the pixels' distance, with a rim as `canvas_plane` has: (1, 1, 2 side, 2 side) float32."""
    with torch.inference_mode(False), torch.no_grad():
        noise = white_noise(1, 2 * CANVAS_SIDE, 2 * CANVAS_SIDE, first=SEEDS[1])
        return F.pad(noise, (RIM, RIM, RIM, RIM), mode="circular")


def sample_strokes(coordinates: Tensor) -> Tensor:
    """What strokes are made of at coordinates (N, h, w, 2): (N, 5, h, w), four numbers of grain and the potential."""
    down, across = (torch.gradient(coordinates, dim=axis)[0] / 4 for axis in (1, 2))
    places = (coordinates + y * down + x * across for y in (-1, 1) for x in (-1, 1))
    grain = [_sampled(grain_plane(), 2 * place + 0.5) for place in places]
    return torch.cat((*grain, _sampled(potential_plane(), coordinates)), 1)
