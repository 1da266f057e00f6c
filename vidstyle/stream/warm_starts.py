"""What a painting may begin from: the paint that keys have there already, rather than nothing.

A painting that is optimised then needs few steps, and goes on with the strokes of those before it ("short-term
consistency by initialization", Ruder et al. 2016, section 4.1).  Paint is not gone on with for ever: it becomes worn,
from key to key, and gives way to what the network paints.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from vidstyle.stream.key_maps import LIFE_FRAMES, PULLED, Layer, pull
from vidstyle.stream.motion import inside, ramp
from vidstyle.stream.planes import planes_of, sample

LIVES = 2
"""Times that a key lives, for which paint is gone on with in all while everything moves."""
WEARING = 0.8
"""How worn paint is, of 1, from which on it gives way."""
LEAST_KEPT = 0.05
"""Share of the picture that has to be left for it to be a beginning."""


@dataclass(frozen=True)
class WarmLayer:
    """The paint of one key.

    Attributes:
        painting: its pixels, sooner or later.
        shift: see vidstyle.stream.key_maps.Layer.
        share: (h, w) float32, 0 to 1, of what is begun from; the rest is of other keys, or of the network.
    """

    painting: "Future[Any]"
    shift: np.ndarray | None
    share: np.ndarray


@dataclass(frozen=True)
class WarmStart:
    """The paint that is there already.

    Attributes:
        layers: of keys.
        worn: (h, w) float32, 0 where the network paints, to 1 where paint has all but given way.
    """

    layers: tuple[WarmLayer, ...]
    worn: np.ndarray


def warm_start(layers: Sequence[Layer]) -> WarmStart | None:
    """What is left of some keys in a frame that becomes one; None if that is too little."""
    found = []
    worn = np.zeros(layers[0].visible.shape, np.float32)
    for layer in layers:
        key, shift = layer.key, layer.shift
        wear = np.zeros_like(worn) if key.worn is None else key.worn
        share = layer.visible
        if shift is not None:
            wear = (wear if key.worn is None else sample(wear, shift)) + pull(shift) / PULLED[0]
            # What is mirrored at the border would be mirrored again and again.
            share = share * inside(shift, 0.0)
        wear = wear + np.float32(key.age / (LIVES * LIFE_FRAMES))
        share = share * (1 - ramp(wear, WEARING, 1.0))
        worn += share * wear
        found.append(WarmLayer(key.painting, shift, share.astype(np.float32)))
    kept = sum(float(layer.share.mean()) for layer in found)
    return WarmStart(tuple(found), worn) if kept >= LEAST_KEPT else None


def begun(painting: np.ndarray, start: WarmStart) -> np.ndarray:
    """A painting of the network, pixels, with the paint that is there already laid over it.

    It waits for the paintings of the keys.
    """
    result = np.empty_like(painting)
    paints = [planes_of(layer.painting.result()) for layer in start.layers]
    for number, (fresh, out) in enumerate(zip(planes_of(painting), planes_of(result), strict=True)):
        size = fresh.shape[1], fresh.shape[0]
        # Of chroma nobody sees so much.
        way = cv2.INTER_CUBIC if number == 0 else cv2.INTER_LINEAR
        levels = fresh.astype(np.float32)
        for layer, planes in zip(start.layers, paints, strict=True):
            shift, share = layer.shift, cv2.resize(layer.share, size)
            paint = planes[number] if shift is None else sample(planes[number], _enlarged(shift, size), way)
            levels += (share if fresh.ndim == 2 else share[..., None]) * (paint.astype(np.float32) - fresh)
        out[:] = np.rint(levels).clip(0, 255)
    return result


def _enlarged(shift: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A shift (h, w, 2) in positions as one in pixels, at (width, height)."""
    height, width = shift.shape[:2]
    return np.asarray(cv2.resize(shift, size) * np.array((size[0] / width, size[1] / height), np.float32))
