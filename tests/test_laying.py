"""What stands still is drawn as it was painted; what has moved is resampled, and sharpened before."""

from typing import Any

import numpy as np
import pytest
import torch
from made_scenes import done, landscape, to_planes

from vidstyle.stream.device_key_maps import DeviceView
from vidstyle.stream.device_laying import DeviceLayout
from vidstyle.stream.device_map_steps import CHANGED, MAPS, OVER, SHIFT_X
from vidstyle.stream.key_maps import Key, Layer, View
from vidstyle.stream.laying import Layout

SHAPE = 24, 32
"""Positions."""


def painted() -> np.ndarray:
    rng = np.random.default_rng(0)
    return (landscape()[:96, :128] * rng.uniform(0.5, 1, (96, 128, 1))).astype(np.uint8)


def key_of(painting: Any) -> Key:
    return Key(1, np.full((*SHAPE, 3), 128, np.uint8), done(painting))


def by_processor(painting: np.ndarray, shift: float) -> np.ndarray:
    ones, nothing = np.ones(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    moved = np.dstack((np.full(SHAPE, shift, np.float32), nothing))
    key = key_of(painting)
    layers = (Layer(key, moved, ones, ones),)
    view = View(key.source, moved, layers, nothing, nothing, nothing, np.ones(SHAPE, bool), begins=False)
    return Layout().draw(view, np.zeros_like(painting))


def by_device(painting: np.ndarray, shift: float) -> np.ndarray:
    maps = torch.zeros((MAPS, *SHAPE))
    maps[SHIFT_X][0], maps[OVER][0], maps[CHANGED] = shift, 1.0, 1.0
    pixels = torch.from_numpy(painting)
    view = DeviceView((key_of(pixels),), maps, lambda: view.settled(changes=True), begins=False)
    drawn = DeviceLayout(lambda one: one, torch.device("cpu")).draw(view, torch.zeros_like(pixels))
    return np.asarray(drawn.numpy())


@pytest.mark.parametrize("change", [lambda one: one[:-4], lambda one: one.astype(np.float32)])
def test_a_painting_that_does_not_fit_is_refused(change: Any) -> None:
    ones, nothing = np.ones(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    key = key_of(change(painted()))
    view = View(key.source, None, (Layer(key, None, ones, ones),), nothing, nothing, nothing, ones > 0, begins=False)
    with pytest.raises(ValueError, match="has no room in one of"):
        Layout().draw(view, np.zeros_like(painted()))


@pytest.mark.parametrize("kind", ["RGB", "planes"])
@pytest.mark.parametrize("drawn_by", [by_processor, by_device])
def test_only_what_has_moved_is_sharpened(drawn_by: Any, kind: str) -> None:
    painting = to_planes(painted()) if kind == "planes" else painted()
    assert np.array_equal(drawn_by(painting, 0.0), painting)
    # So little that resampling alone would change nothing.
    moved = drawn_by(painting, 1e-4).astype(float)
    slopes, as_painted = (np.abs(np.diff(one[:96].astype(float), axis=0)).mean() for one in (moved, painting))
    assert slopes > 1.02 * as_painted
