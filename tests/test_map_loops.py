"""Loops over maps and planes do what OpenCV does, call by call."""

import cv2
import numpy as np
import pytest

from vidstyle.stream.key_maps import PULLED, pull
from vidstyle.stream.map_loops import (
    ALIKE_SIDE,
    BEYOND,
    carry_map,
    likeness,
    mixed,
    natural,
    picture_along,
    planes_along,
)
from vidstyle.stream.motion import inside, largest, ramp
from vidstyle.stream.plane_drawing import draw_planes
from vidstyle.stream.plane_rows import PAD, mark
from vidstyle.stream.planes import sample

SIZES = [(12, 12), (23, 37), (90, 160)]


def smooth(rng: np.random.Generator, *shape: int, most: float) -> np.ndarray:
    field = cv2.GaussianBlur(rng.normal(size=shape).astype(np.float32), (0, 0), 2)
    return np.asarray(field * (most / np.abs(field).max()), np.float32)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_maps_are_carried_as_opencv_samples(height: int, width: int) -> None:
    rng = np.random.default_rng(height)
    # Out of the frame as well.
    shift, flow = (smooth(rng, height, width, 2, most=most) for most in (width / 2, width / 3))
    trust = smooth(rng, height, width, most=1.0)
    moved, carried, looks = np.empty_like(shift), np.empty_like(trust), np.empty_like(trust)
    carry_map(shift, trust, flow, moved, carried)
    state = sample(np.dstack((shift, trust)), flow)
    assert np.abs(state[..., :2] + flow - moved).max() < 1e-3
    assert np.abs(state[..., 2] - carried).max() < 1e-3
    natural(moved, *PULLED, looks)
    assert np.abs((1 - ramp(pull(moved), *PULLED)) * inside(moved) - looks).max() < 1e-4


def test_the_last_digit_of_motion_takes_no_paint_from_the_border() -> None:
    looks = np.empty((20, 30), np.float32)
    for way in (-1e-4, 1e-4):
        shift = np.full((20, 30, 2), way, np.float32)
        natural(shift, *PULLED, looks)
        assert looks.min() == 1
        assert inside(shift).all()
    natural(np.full((20, 30, 2), (-BEYOND - 1.5, 0), np.float32), *PULLED, looks)
    assert (looks[:, :2] == 0).all()
    assert (looks[:, 2:] == 1).all()


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_pictures_are_moved_and_mixed_to_the_level(height: int, width: int) -> None:
    rng = np.random.default_rng(height)
    pictures = rng.integers(0, 256, (3, height, width, 3), np.uint8)
    shift, out = smooth(rng, height, width, 2, most=width / 2), np.empty_like(pictures[0])
    picture_along(pictures[0], shift, out)
    assert np.abs(out.astype(int) - sample(pictures[0], shift)).max() <= 1
    picture_along(pictures[0], np.zeros_like(shift), out)
    assert np.array_equal(out, pictures[0])
    shares = rng.uniform(0, 1, (3, height, width)).astype(np.float32)
    shares /= shares.sum(0)
    mixed(pictures, shares, out)
    assert np.abs((pictures * shares[..., None]).sum(0) - out).max() <= 0.51


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_pictures_are_alike_as_opencv_blurs_what_they_differ_by(height: int, width: int) -> None:
    rng = np.random.default_rng(width)
    one, change = (rng.integers(0, most, (height, width, 3), np.uint8) for most in (200, 40))
    other, out = one + change, np.empty((height, width), np.float32)
    likeness(one, other, 10.0, 30.0, out)
    expected = 1 - ramp(largest(cv2.blur(change, (ALIKE_SIDE,) * 2)).astype(np.float32), 10, 30)
    assert np.abs(out - expected).max() < 1e-6


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_planes_are_moved_as_opencv_samples(height: int, width: int) -> None:
    rng = np.random.default_rng(width)
    planes = rng.uniform(-200, 200, (6, height, width)).astype(np.float32)
    shift, out = smooth(rng, height, width, 2, most=width / 2), np.empty_like(planes)
    planes_along(planes, shift, out)
    for plane, moved in zip(planes, out, strict=True):
        assert np.abs(sample(plane, shift) - moved).max() < 1e-2


@pytest.mark.parametrize("cubic", [False, True])
@pytest.mark.parametrize(("size", "pixels"), [((48, 64), 4), ((48, 64), 2), ((97, 131), 4), ((61, 250), 4)])
def test_one_key_is_drawn_as_opencv_resamples_it(size: tuple[int, int], pixels: int, cubic: bool) -> None:
    rng = np.random.default_rng(size[1])
    height, width = size
    h, w = -(-height // pixels), -(-width // pixels)
    # As painted and to be resampled, of two planes, in two places; and the last output.
    keys = [cv2.GaussianBlur(rng.integers(0, 256, size, np.uint8), (0, 0), 1.5) for _ in range(8)]
    last = rng.integers(0, 256, (2, *size), np.uint8)
    padded, before = (
        np.stack([cv2.copyMakeBorder(one, PAD, PAD, PAD, PAD, border) for one in planes])
        for planes, border in ((keys, cv2.BORDER_REFLECT), (last, cv2.BORDER_REPLICATE))
    )
    shift = smooth(rng, h, w, 2, most=2.0)
    # What has not moved is drawn from what was painted.
    shift[: h // 3] = 0
    overs, nothing = np.ones((1, h, w), np.float32), np.zeros((h, w), np.float32)
    changed = np.ones((h, w), bool)
    changed[:, w // 2 :] = False
    runs, counts, out = (
        np.empty((4, h, w // 2 + 1, 2), np.int16),
        np.empty((4, h), np.int64),
        np.empty((2, *size), np.uint8),
    )
    mark(overs, nothing, nothing, changed, runs, counts)
    fields, flow, tints = (np.zeros((count, h, w), np.float32) for count in (2, 2, 4))
    shifts = np.stack(cv2.split(shift))
    kept = padded.reshape(2, 2, 2, *padded.shape[1:])
    draw_planes(out, before, kept, np.array([1]), shifts, overs, flow, fields, tints, runs, counts, keys[0], cubic)
    scale = np.array([width / w, height / h], np.float32)
    places = np.dstack(np.meshgrid(np.arange(width), np.arange(height))).astype(np.float32)
    moves = cv2.resize(shift * scale, (width, height))
    places += moves
    way = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    stands = (moves == 0).all(-1)
    unchanged, drawn = slice(pixels * (w // 2 + 1), None), slice(0, pixels * (w // 2 - 1))
    for channel in range(2):
        expected = cv2.remap(keys[5 + 2 * channel], places, None, way, borderMode=cv2.BORDER_REFLECT)
        expected[stands] = keys[1 + 2 * channel][stands]
        assert np.array_equal(out[channel][:, unchanged], last[channel][:, unchanged])
        # OpenCV rounds places to a thirty-second of a pixel.
        assert np.abs(out[channel][:, drawn].astype(int) - expected[:, drawn]).max() <= 4
