"""Paintings that begin from the paint that is there already: of what, for how long, and on devices alike."""

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from fractions import Fraction

import cv2
import numpy as np
import pytest
from made_scenes import Warm, done, grain, landscape, scene, to_planes, view

from vidstyle.engines import never
from vidstyle.media.frame import Frame
from vidstyle.stream import Stream
from vidstyle.stream.device_operations import DeviceOperations
from vidstyle.stream.key_maps import Key, Layer
from vidstyle.stream.memory import ROUNDS
from vidstyle.stream.planes import planes_of
from vidstyle.stream.warm_starts import WarmStart, begun, warm_start

STEP = 3
"""Pixels a frame of a pan."""


def pan(count: int) -> list[np.ndarray]:
    return [view(landscape(), STEP * n) for n in range(count)]


def painted(pictures: Sequence[np.ndarray], painter: Warm) -> tuple[list[int], Stream]:
    """The numbers of the frames that were painted."""
    stream, numbers = Stream([(0.0, painter)]), []
    for number, pixels in enumerate(pictures):
        before = stream.paintings
        stream.submit(Frame(pixels, number, Fraction(1, 25), discontinuity=number == 0))
        stream.result()
        numbers += [number] * (stream.paintings - before)
    return numbers, stream


def test_a_painting_goes_on_with_the_paint_of_the_last_one() -> None:
    made: list[np.ndarray] = []
    paints = grain()
    painter = Warm(lambda pixels: made.append(paints.paint(pixels)) or made[-1])
    first, second, *_ = painted(pan(16), painter)[0]
    moved = STEP * (second - first)
    began, network, before = painter.begun[0].astype(int), made[1].astype(int), made[0].astype(int)
    kept = began[8:-8, 8 : -moved - 8] - before[8:-8, moved + 8 : -8]
    other = began[8:-8, 8 : -moved - 8] - network[8:-8, 8 : -moved - 8]
    assert np.abs(kept).mean() < 0.35 * np.abs(other).mean()
    # What has come in since then is the network's, however like it is to what it would be a mirror of.
    assert np.array_equal(began[:, -moved + 8 :], network[:, -moved + 8 :])


def test_paint_gives_way_in_the_end() -> None:
    picture = landscape()
    # To and fro, so that all of it stays in sight.
    steps = [round(20 + 20 * float(np.sin(n / 6))) for n in range(240)]
    levels = itertools.count(250, -2)
    painter = Warm(lambda pixels: np.full_like(pixels, next(levels)))
    numbers, stream = painted([view(picture, step) for step in steps], painter)
    ages = [(250 - began.astype(int)) // 2 for began in painter.begun]
    newest = np.arange(1, len(ages) + 1)
    oldest = [numbers[number] - numbers[int(age.min())] for number, age in zip(newest, ages, strict=True)]
    # Of several paintings at a time, none of them from long ago.
    assert all(len(np.unique(age)) > 1 for age in ages[3:])
    assert 20 < max(oldest) < 200
    for key in stream._sequences[0].memory.keys:
        assert key.worn is None or (key.worn.min() >= 0 and key.worn.max() <= 1)


def test_after_a_cut_or_a_fade_it_is_painted_afresh() -> None:
    painter = Warm(grain().paint)
    still = scene(1)
    faded = [np.uint8(still * share) for share in np.linspace(0.6, 1, 6)] + [still] * 12
    numbers, stream = painted([*pan(14), *[scene(3)] * 3, *faded], painter)
    assert 14 in numbers
    keys = stream._sequences[0].memory.keys
    assert keys[-1].worn is None
    assert 0 < len(painter.begun) < len(painter.seen)


def live(pictures: Sequence[np.ndarray], painter: Warm) -> tuple[list[np.ndarray], Stream]:
    stream, shown = Stream([(0.0, painter)], live=True), []
    for number, pixels in enumerate(pictures):
        stream.submit(Frame(pixels, number, Fraction(1, 25), discontinuity=number == 0))
        shown.append(stream.result().pixels)
    return shown, stream


def test_a_live_picture_that_stands_still_comes_nearer_for_some_rounds() -> None:
    class Lighter(Warm):
        """Each goes on from the last, and is lighter."""

        def start_from(
            self, pixels: np.ndarray, begin: Callable[[np.ndarray], np.ndarray], hurried: Callable[[], bool] = never
        ) -> "Future[np.ndarray]":
            return super().start_from(pixels, lambda painting: cv2.add(begin(painting), (4, 4, 4, 0)))

    painter = Lighter(lambda pixels: pixels)
    shown, stream = live([scene(1)] * 20, painter)
    assert len(painter.begun) == ROUNDS
    assert stream.paintings == ROUNDS + 1
    # What came of them is shown, and nothing else is kept.
    assert len(stream._sequences[0].memory.keys) == 1
    means = [float(picture.mean()) for picture in shown]
    assert means[-1] > means[0] + 10
    assert means[-1] == means[-2]


def test_a_live_stream_that_hurries_paints_afresh() -> None:
    painter = Warm(grain().paint)
    _, stream = live([*[scene(1)] * 12, *[scene(3)] * 12], painter)
    assert len(painter.begun) == 2 * ROUNDS
    assert stream.paintings == 2 + 2 * ROUNDS


@pytest.mark.parametrize("pinned_at", [0, 10])
def test_frames_from_elsewhere_are_not_painted_over(pinned_at: int) -> None:
    painter = Warm(grain().paint)
    stream = Stream([(0.0, painter)], live=True)
    picture, painted_elsewhere = scene(1), np.full_like(scene(1), 200)
    shown = []
    for number in range(60):
        if number == pinned_at:
            stream.pin("key", picture, painted_elsewhere)
        stream.submit(Frame(picture, number, Fraction(1, 25), discontinuity=number == 0))
        shown.append(stream.result().pixels)
    for pixels in shown[-20:]:
        assert np.abs(pixels.astype(int) - 200).mean() < 5


def test_nobody_is_painted_for() -> None:
    painter = Warm(grain().paint)
    stream = Stream([(0.0, painter)], live=True, masks=False)
    hidden = np.zeros(scene(1).shape[:2], np.uint8)
    for number in range(20):
        stream.submit(Frame(scene(1), number, Fraction(1, 25), discontinuity=number == 0, mask=hidden))
        stream.result()
    assert not painter.begun


def test_a_live_painting_ends_early_where_something_has_no_paint() -> None:
    asked = []

    class Asked(Warm):
        def start_from(
            self, pixels: np.ndarray, begin: Callable[[np.ndarray], np.ndarray], hurried: Callable[[], bool] = never
        ) -> "Future[np.ndarray]":
            asked.append(hurried)
            return super().start_from(pixels, begin)

    _, stream = live([scene(1)] * 4, Asked(grain().paint))
    assert asked
    assert not any(hurried() for hurried in asked)
    stream._sequences[0].memory.forget()
    assert all(hurried() for hurried in asked)
    painted(pan(20), Asked(grain().paint))
    assert asked[-1] is never


def made_start(planar: bool) -> tuple[np.ndarray, WarmStart]:
    random = np.random.default_rng(4)
    fresh, *paints = (cv2.GaussianBlur(random.integers(0, 256, (96, 128, 3), np.uint8), (0, 0), 1.5) for _ in range(3))
    pixels = [to_planes(picture) if planar else picture for picture in (fresh, *paints)]
    shift = 2 + cv2.GaussianBlur(random.normal(0, 3, (24, 32, 2)).astype(np.float32), (0, 0), 4)
    source = np.zeros((24, 32, 3), np.uint8)
    over = np.linspace(0, 1, 32, dtype=np.float32)[None].repeat(24, 0)
    layers = [
        Layer(Key(0, source, done(pixels[1]), age=20.0), shift, over, over * 0.5),
        Layer(Key(1, source, done(pixels[2])), None, over, 0.5 - over * 0.5),
    ]
    start = warm_start(layers)
    assert start is not None
    return pixels[0], start


@pytest.mark.parametrize("planar", [False, True], ids=["RGB", "planes"])
def test_a_device_begins_alike(planar: bool) -> None:
    fresh, start = made_start(planar)
    expected = begun(fresh, start)
    found = DeviceOperations("cpu").begun(fresh, start).array()
    assert np.abs(expected.astype(int) - found).mean() < 0.5
    # Not since there is nothing of it.
    assert np.abs(expected.astype(int) - fresh).mean() > 3


def test_what_does_not_move_is_taken_as_it_is() -> None:
    fresh, start = made_start(False)
    still = start.layers[1]
    ones = np.ones_like(start.worn)
    only = WarmStart((type(still)(still.painting, None, ones),), start.worn)
    assert np.array_equal(begun(fresh, only), still.painting.result())
    none = WarmStart((type(still)(still.painting, None, 0 * ones),), start.worn)
    assert np.array_equal(begun(fresh, none), fresh)


def test_too_little_is_no_beginning() -> None:
    source, nothing = np.zeros((24, 32, 3), np.uint8), np.zeros((24, 32), np.float32)
    painting = done(np.zeros((96, 128, 3), np.uint8))
    shows = nothing.copy()
    shows[:, 0] = 1
    assert warm_start([Layer(Key(0, source, painting), None, shows, shows)]) is None
    shows[:, :4] = 1
    assert warm_start([Layer(Key(0, source, painting), None, shows, shows)]) is not None
    # So worn that nothing is left of it.
    assert warm_start([Layer(Key(0, source, painting, age=80.0), None, shows, shows)]) is None


def test_maps_on_a_device_say_what_those_on_the_processor_say() -> None:
    found = []
    for operations in (None, DeviceOperations("cpu")):
        painter = Warm(lambda pixels: pixels)
        stream = Stream([(0.0, painter)], operations=operations)
        starts = []
        memory = stream._sequences[0].memory
        for number, pixels in enumerate(pan(30)):
            stream.submit(Frame(pixels, number, Fraction(1, 25), discontinuity=number == 0))
            stream.result()
            starts.append(memory.warm_start())
        stream.close()
        found.append(starts)
    for one, other in zip(*found, strict=True):
        assert one is not None
        assert other is not None
        assert len(one.layers) == len(other.layers)
        assert np.abs(one.worn - other.worn).mean() < 0.01
        for a, b in zip(one.layers, other.layers, strict=True):
            assert np.abs(a.share - b.share).mean() < 0.01


def test_planes_are_begun_plane_by_plane() -> None:
    fresh, start = made_start(True)
    began = begun(fresh, start)
    assert all((one != other).any() for one, other in zip(planes_of(fresh), planes_of(began), strict=True))
