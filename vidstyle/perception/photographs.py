"""Photographs as random crops, in changing light."""

import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from vidstyle.errors import InputError, parameter
from vidstyle.media.images import read_image, resize_shorter_side
from vidstyle.media.suffixes import pictures_by_name
from vidstyle.perception.tensors import to_tensor
from vidstyle.perception.warping import pixel_grid

SCALES = (0.75, 1.25)
"""A photograph's shorter side before cropping, as a multiple of its own, never smaller than the crop."""
HELD_BACK = 8
"""Photographs kept out of training."""
MISSES = 100
"""Photographs that may be unreadable in a row before training gives up."""


def relight(image: Tensor, rng: random.Random) -> Tensor:
    """Half of the time, another exposure and contrast, and sometimes a spotlight: flat pictures want strokes too.

    image (3, H, W) in [0, 1]; returns the same.
    """
    if rng.random() < 0.5:
        return image
    image = expose(image, rng)
    if rng.random() < 0.3:
        side = image.shape[-1]
        middle = torch.tensor([rng.uniform(0, side), rng.uniform(0, side)])
        distance = (pixel_grid(*image.shape[-2:]) - middle).norm(dim=-1)
        lit = ((rng.uniform(0.15, 0.6) * side - distance) / rng.uniform(2, 30)).clamp(0, 1)
        image = torch.lerp(torch.full_like(image, rng.choice((0.0, 0.02, 1.0))), image, lit)
    return image


def expose(image: Tensor, rng: random.Random) -> Tensor:
    """Another exposure and contrast, alike for every pixel.  image in [0, 1], of any shape; returns the same."""
    image = image ** math.exp(rng.uniform(-0.8, 0.8))
    contrast = rng.uniform(0.1, 1.0)
    return image * contrast + rng.uniform(0, 1 - contrast)


def check_photographs(folder: Path) -> list[Path]:
    """The pictures of a folder.

    Raises:
        InputError: if there is no such folder, or nothing in it.
    """
    paths = pictures_by_name(folder) if folder.is_dir() else []
    if not paths:
        raise InputError(f"{folder}: no photographs here; name a folder of pictures with {parameter('photos')}")
    return paths


class Photographs:
    """Batches of random crops from a folder of photographs.

    A batch depends on the seed and its step alone, so a resumed training sees what an uninterrupted one
    would have seen.  Photographs that cannot be read or are far too small are skipped and counted.

    Args:
        folder: of photographs.
        crop, batch: side of the crops, pixels, and how many there are at a time.
        seed: of the crops.
        scales: least and greatest, see SCALES.

    Raises:
        InputError: without photographs, and if none of those kept for measuring can be read.
    """

    def __init__(self, folder: Path, *, crop: int, batch: int, seed: int, scales: Sequence[float] = SCALES) -> None:
        paths = check_photographs(folder)
        # A few are kept for measuring, fewer of few; with hardly any, they have to serve for both.
        every = max(2, min(4, len(paths) // 2), len(paths) // HELD_BACK)
        self.test_paths = paths[every - 1 :: every][:HELD_BACK] or paths
        kept = set(self.test_paths)
        self.paths = [path for path in paths if path not in kept] or paths
        self.crop, self.batch_size, self.seed, self.scales = crop, batch, seed, scales
        self.skipped: set[Path] = set()
        # Measuring comes last, hours from now.
        if not list(self.held_back(crop)):
            names = ", ".join(path.name for path in self.test_paths)
            raise InputError(f"{folder}: photographs kept for measuring could not be used: {names}")

    def batch(self, step: int, crop: int | None = None) -> Tensor:
        """The batch of `step`: (N, 3, crop, crop) float32 in [0, 1], with the usual crop if None."""
        side = crop or self.crop
        rngs = (random.Random(f"{self.seed}/{step}/{i}") for i in range(self.batch_size))
        return torch.stack([self._crop(rng, side) for rng in rngs])

    def held_back(self, side: int) -> Iterator[Tensor]:
        """The middle of each photograph that is never trained on: (3, side, side) float32 in [0, 1]."""
        for path in self.test_paths:
            try:
                photo = resize_shorter_side(read_image(path), side)
            except InputError:
                self.skipped.add(path)
                continue
            top, left = ((length - side) // 2 for length in photo.shape[:2])
            yield to_tensor(photo[top : top + side, left : left + side])

    def _crop(self, rng: random.Random, crop: int) -> Tensor:
        for _ in range(MISSES):
            path = rng.choice(self.paths)
            if path in self.skipped:
                continue
            try:
                photo = read_image(path)
            except InputError:
                self.skipped.add(path)
                continue
            side = min(photo.shape[:2])
            if side < crop // 4:
                self.skipped.add(path)
                continue
            photo = resize_shorter_side(photo, max(crop, round(side * rng.uniform(*self.scales))))
            top = rng.randint(0, photo.shape[0] - crop)
            left = rng.randint(0, photo.shape[1] - crop)
            photo = photo[top : top + crop, left : left + crop]
            return relight(to_tensor(photo[:, ::-1] if rng.random() < 0.5 else photo), rng)
        raise InputError(f"{self.paths[0].parent}: {len(self.skipped)} photographs here could not be used")
