"""Keys carried both ways between frames that are painted: what shows where, and what is never carried."""

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
from made_scenes import MIDDLE, landscape, plain, view, with_disc

from vidstyle.keys.choosing import MOST_MOVED, MOVED, SHOT, chosen
from vidstyle.keys.drawing import Drawer, PaintedKey, blend, painted
from vidstyle.keys.scouting import scouted
from vidstyle.keys.stretches import LONGEST, Planner
from vidstyle.media.frame import Frame

RED, BLUE = (200, 40, 40), (40, 40, 200)
MOST_MIXED = 0.25


def frames_of(pictures: Sequence[np.ndarray]) -> Iterator[Frame]:
    """Pictures as frames, 25 a second."""
    for number, pixels in enumerate(pictures):
        yield Frame(pixels, number, Fraction(1, 25), discontinuity=number == 0)


def negative(pixels: np.ndarray) -> np.ndarray:
    """A painting that shows where everything is."""
    return 255 - pixels


def drawn(
    pictures: Sequence[np.ndarray],
    keys: dict[int, np.ndarray],
    fill: Callable[[np.ndarray], np.ndarray] | None = None,
) -> tuple[list[np.ndarray], list[int]]:
    """A film painted by its keys, and the frames that were painted for want of one."""
    filled: dict[int, np.ndarray] = {}

    def begin(number: int, pixels: np.ndarray) -> None:
        assert fill is not None
        filled[number] = fill(pixels)

    def painting(number: int) -> PaintedKey:
        return painted(keys[number] if number >= 0 else filled[number], None, shape[0])

    shape: list[tuple[int, int]] = [(1, 1)]
    drawer = Drawer(painting)
    result = []
    for plan in Planner(keys, begin if fill else None).plans(scouted(frames_of(pictures))):
        shape[0] = plan.uncovered.shape
        result.append(drawer.draw(plan, pictures[plan.index])[0].copy())
    return result, sorted(-1 - number for number in filled)


def test_a_key_that_is_moved_between_pixels_stays_as_sharp() -> None:
    random = np.random.default_rng(0)
    pixels = cv2.GaussianBlur(random.integers(0, 256, (96, 128, 3), dtype=np.uint8), (0, 0), 1.0)
    keys = painted(pixels, None, (24, 32)).coefficients[None]
    energy = []
    for shift in (0.0, 0.125):  # of positions: half a pixel
        shown = np.empty_like(pixels)
        shifts, weights = np.full((1, 24, 32, 2), shift, np.float32), np.ones((1, 24, 32), np.float32)
        blend(shown, keys, np.zeros(1, np.int64), pixels, shifts, weights, np.zeros((24, 32, 3), np.float32))
        energy.append(np.square(np.diff(shown[MIDDLE].astype(float), axis=1)).mean())
    assert 0.9 < energy[1] / energy[0] < 1.1


def test_a_key_that_is_not_moved_is_what_was_painted() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    keys = painted(pixels, None, (24, 32)).coefficients[None]
    shown = np.empty_like(pixels)
    still, weights = np.zeros((1, 24, 32, 2), np.float32), np.ones((1, 24, 32), np.float32)
    blend(shown, keys, np.zeros(1, np.int64), pixels, still, weights, np.zeros((24, 32, 3), np.float32))
    assert np.abs(shown.astype(int) - pixels).max() <= 1


def error(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference of their middles, grey levels."""
    return float(np.abs(one[MIDDLE].astype(int) - other[MIDDLE]).mean())


def pan(count: int, speed: int = 2) -> list[np.ndarray]:
    """A camera that moves to the right."""
    scenery = landscape(width=192 + speed * count + 80)
    return [view(scenery, 40 + speed * n) for n in range(count)]


def test_keys_are_carried_both_ways() -> None:
    pictures = pan(21)
    keys = {n: negative(pictures[n]) for n in (0, 20)}
    result, _ = drawn(pictures, keys)
    assert len(result) == len(pictures)
    for n in range(21):
        assert error(result[n], negative(pictures[n])) < 6, n


def test_a_key_is_carried_back_to_what_came_before_it() -> None:
    pictures = pan(12)
    result, _ = drawn(pictures, {11: negative(pictures[11])})
    assert error(result[2], negative(pictures[2])) < 8
    # What neither it nor anything else has seen is the frame itself, not paint from elsewhere.
    assert np.abs(result[0][:, :8].astype(int) - negative(pictures[0])[:, :8]).mean() > 20


def test_each_place_shows_the_key_that_has_seen_it() -> None:
    scenery = view(landscape(), 40)
    # A disc hides the middle in the first half of the film, and has gone in the second.
    pictures = [with_disc(scenery, 96 if n < 6 else 96 + 16 * (n - 5), 72, RED, 20) for n in range(12)]
    keys = {0: negative(pictures[0]), 11: negative(pictures[11])}
    result, _ = drawn(pictures, keys)
    behind = (slice(64, 80), slice(88, 104))
    for n in (8, 9, 10):
        assert np.abs(result[n][behind].astype(int) - negative(scenery)[behind]).mean() < 14, n


def test_keys_show_through_no_cut() -> None:
    one, other = view(landscape(1), 40), view(landscape(2), 40)
    red, blue = plain(RED), plain(BLUE)
    result, _ = drawn([one] * 5 + [other] * 5, {0: red, 9: blue})
    assert all(np.abs(picture.astype(int) - red).max() < 3 for picture in result[:5])
    assert all(np.abs(picture.astype(int) - blue).max() < 3 for picture in result[5:])


def test_what_no_key_has_seen_is_painted_by_something_else() -> None:
    one, other = view(landscape(1), 40), view(landscape(2), 40)
    result, filled = drawn([one] * 5 + [other] * 5, {0: plain(RED)}, lambda pixels: plain(BLUE))
    assert filled == [5]
    assert np.abs(result[4].astype(int) - RED).max() < 3
    assert np.abs(result[7].astype(int) - BLUE).max() < 3


def test_between_two_keys_that_differ_there_is_no_jump() -> None:
    still = view(landscape(), 40)
    result, _ = drawn([still] * 25, {0: plain(90), 24: plain(150)})
    levels = [float(picture.mean()) for picture in result]
    assert levels[0] < 92
    assert levels[-1] > 148
    assert all(-0.5 < after - before < 12 for before, after in pairwise(levels))


def test_in_the_middle_between_two_keys_places_show_one_of_them() -> None:
    """Laid over each other, two paintings blur into one."""
    still = view(landscape(), 40)
    for right in (24, 25):
        plans = list(Planner({0, right}, None).plans(scouted(frames_of([still] * (right + 1)))))
        mixed = [float(sum((layer.weight * (1 - layer.weight)).mean() for layer in plan.layers)) for plan in plans]
        # All of it is 0.5, were each place halfway.
        assert max(mixed) < MOST_MIXED, right
        assert sum(mixed) > 1, "nothing goes over slowly"


def test_the_plan_is_the_same_each_time_and_bounded() -> None:
    still = view(landscape(), 40)
    held = 0

    def counted() -> Iterator[Frame]:
        nonlocal held
        for frame in frames_of([still] * (2 * LONGEST + 10)):
            held += 1
            yield frame

    plans = Planner([0], None).plans(scouted(counted()))
    next(plans)
    for number, plan in enumerate(plans, 1):
        assert plan.index == number
        assert held - number <= LONGEST + 8


def test_the_first_frame_of_every_shot_is_worth_painting() -> None:
    one, other = view(landscape(1), 40), view(landscape(2), 40)
    found = list(chosen(scouted(frames_of([one] * 8 + [other] * 8))))
    assert [(choice.index, choice.why) for choice in found] == [(0, SHOT), (8, SHOT)]


def test_more_frames_are_worth_painting_where_more_comes_into_sight() -> None:
    slow, fast = (len(list(chosen(scouted(frames_of(pan(40, speed)))))) for speed in (1, 8))
    assert 2 <= slow < fast


def test_keys_lie_nearer_where_much_moves_if_they_cost_nobody_a_day() -> None:
    # To and fro, so that one key sees all of it.
    picture = landscape(1)
    swaying = [view(picture, 40 + round(12 * math.sin(number / 3))) for number in range(40)]
    few, more = (list(chosen(scouted(frames_of(swaying)), 0.6, most)) for most in (math.inf, MOST_MOVED))
    assert [choice.why for choice in few] == [SHOT]
    assert len(more) > 3
    assert {choice.why for choice in more[1:]} == {MOVED}


def test_every_frame_is_covered_by_the_keys_that_are_chosen() -> None:
    pictures = pan(40, 3)
    indexes = [choice.index for choice in chosen(scouted(frames_of(pictures)), 0.9)]
    assert indexes[0] == 0
    plans = list(Planner(indexes, None).plans(scouted(frames_of(pictures))))
    assert max(float(plan.uncovered.mean()) for plan in plans) < 0.1
