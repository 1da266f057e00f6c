"""The pictures that a meta network learns from."""

import fnmatch
import random
from pathlib import Path

import torch
from torch import Tensor

from vidstyle.errors import InputError
from vidstyle.media.images import read_opaque, resize_shorter_side
from vidstyle.media.suffixes import pictures_by_name
from vidstyle.perception.tensors import load_style_image, to_tensor

CROP = 256
"""Side of what is seen of a picture at a time, pixels."""
SCALES = (0.8, 1.25)
"""Shorter side of a picture before cropping, as a multiple of the recipe's."""
SWAPPED = 0.3
"""Share of crops whose colours are swapped."""
ROUNDS = 4
"""Rounds through the pictures in which those that come seldom come once, and all others each time."""


class StylePictures:
    """A folder of pictures as crops, one a step, and those that are held out.

    A crop depends on the seed and its step alone.

    Args:
        folder: of pictures.
        held_out: names, without suffixes, of those that are never given as crops.
        shorter_side: that pictures are scaled to, pixels; crops vary about it.
        seed: of the crops.
        seldom: patterns of names of pictures that come in one of ROUNDS rounds: many that are alike.

    Raises:
        InputError: without pictures, and for held-out ones and patterns of which there is none.
    """

    def __init__(
        self, folder: Path, *, held_out: tuple[str, ...], shorter_side: int, seed: int, seldom: tuple[str, ...] = ()
    ) -> None:
        paths = {p.stem: p for p in pictures_by_name(folder)}
        if missing := [name for name in held_out if name not in paths]:
            raise InputError(f"{folder}: there is no picture {missing[0]} to hold out")
        self.held_out = [paths.pop(name) for name in held_out]
        if not paths:
            raise InputError(f"{folder}: no pictures to learn from here")
        self.paths = list(paths.values())
        alike = {pattern: fnmatch.filter(paths, pattern) for pattern in seldom}
        if unmet := [pattern for pattern, names in alike.items() if not names]:
            raise InputError(f"{folder}: there is no picture {unmet[0]} to show seldom")
        few = {name for names in alike.values() for name in names}
        self._seldom = [path for name, path in paths.items() if name in few]
        self._often = [path for name, path in paths.items() if name not in few]
        self.shorter_side, self.seed = shorter_side, seed

    def crop(self, step: int) -> Tensor:
        """(1, 3, CROP, CROP) float32 in [0, 1]: each picture once, in another order, before any comes twice."""
        rng = random.Random(f"{self.seed}/{step}/picture")
        picture = read_opaque(self._picture(step))
        picture = resize_shorter_side(picture, max(CROP, round(self.shorter_side * rng.uniform(*SCALES))))
        top, left = (rng.randint(0, length - CROP) for length in picture.shape[:2])
        crop = to_tensor(picture[top : top + CROP, left : left + CROP])
        if rng.random() < 0.5:
            crop = crop.flip(-1)
        if rng.random() < SWAPPED:
            crop = crop[torch.tensor(rng.sample(range(3), 3))]
        return crop[None]

    def _picture(self, step: int) -> Path:
        cycle, place = divmod(step, ROUNDS * len(self._often) + len(self._seldom))
        for number in range(ROUNDS):
            those = self._often + self._seldom[number::ROUNDS]
            if place < len(those):
                return random.Random(f"{self.seed}/{cycle * ROUNDS + number}").sample(those, len(those))[place]
            place -= len(those)
        raise AssertionError("rounds are as long as the cycle")

    def whole(self) -> list[Tensor]:
        """The pictures held out, or the first one if none is: each (1, 3, H, W) float32 in [0, 1]."""
        return [load_style_image(path, self.shorter_side) for path in self.held_out or self.paths[:1]]
