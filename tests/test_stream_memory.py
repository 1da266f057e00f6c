"""Paint that stays where it is, and goes where what it was painted on has gone."""

from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest
from made_scenes import (
    HEIGHT,
    MIDDLE,
    WIDTH,
    Painter,
    flat,
    grain,
    landscape,
    mean_change,
    noisy,
    painted,
    plain,
    scene,
    strokes,
    to_planes,
    tumbling,
    view,
    wall,
    with_disc,
)
from media_files import psnr

NOTHING_BUT_PAINT = 28
"""dB from a frame painted alone, for one that shows no other paint; it is made a little sharper."""


def change(first: np.ndarray, second: np.ndarray, moved: int = 0) -> float:
    """Mean difference of the second picture's middle from the first one's, shown `moved` pixels further left."""
    y, x = MIDDLE
    before = first[y, x.start + moved : WIDTH + x.stop + moved]
    return float(np.abs(second[MIDDLE].astype(int) - before).mean())


# --- what moves, and what stands still


@pytest.mark.parametrize("planes", [False, True])
def test_a_picture_that_stands_still_keeps_its_paint(planes: bool) -> None:
    still = view(landscape(), 40)
    frames = [to_planes(still) if planes else still] * 20
    painter = grain()
    held = painted(frames, painter)
    assert len(painter.seen) == 1
    assert all(np.array_equal(picture, held[0]) for picture in held[1:])
    assert np.abs(held[0].astype(int) - grain().paint(frames[0])).mean() < 8  # the key is a little sharper


@pytest.mark.parametrize("planes", [False, True])
def test_paint_moves_with_what_it_is_painted_on(planes: bool) -> None:
    scenery = landscape()
    frames = [view(scenery, 40 + 2 * n) for n in range(8)]
    if planes:
        frames = [to_planes(picture) for picture in frames]
    held, flickering = painted(frames, grain()), painted(frames, grain(), steady=False)
    for n in range(2, 8):
        pairs = [[p[:HEIGHT] for p in pictures[n - 1 : n + 1]] for pictures in (held, flickering)]
        assert change(*pairs[0], moved=2) < 0.35 * change(*pairs[1], moved=2)


def test_few_frames_are_painted() -> None:
    scenery = landscape()
    painter = grain()
    painted([view(scenery, 20 + n) for n in range(50)], painter)
    assert len(painter.seen) <= 16


def test_what_something_quick_has_passed_wears_its_paint_again() -> None:
    still = view(landscape(), 40)
    # From one side to the other within the fifth of a second for which nothing is painted anew.
    passing = [with_disc(still, 30 + 40 * n, 70, (230, 60, 40)) for n in range(5)]
    painter = grain()
    held = painted([still] * 8 + passing[1:], painter)
    path = (slice(45, 95), slice(45, 115))
    assert len(painter.seen) == 1
    assert psnr(held[-1][path], held[7][path]) > 35


@pytest.mark.parametrize("change_to", [(200, 40, 40), (0, 0, 0)])
def test_what_changes_is_painted_afresh(change_to: tuple[int, int, int]) -> None:
    still = view(landscape(), 40)
    changed = still.copy()
    changed[60:100, 80:120] = change_to
    held = painted([still] * 8 + [changed] * 16, grain())
    patch = (slice(66, 94), slice(86, 114))
    luma = np.array([0.299, 0.587, 0.114])
    for number, after in enumerate(held[8:]):
        color = after[patch].astype(int).mean((0, 1))
        # Painted within a third of a second; meanwhile it wears colours that the painting has for such luma.
        assert np.abs(color - change_to).max() < 25 or number < 8
        assert abs((color - change_to) @ luma) < 60
        # The rest stays, but for what the search for motion takes to belong to it.
        assert np.abs(after[:30].astype(int) - held[7][:30]).mean() < 2


def test_a_change_of_colour_alone_is_seen() -> None:
    grey = plain(110)
    blue = cv2.cvtColor(np.full((HEIGHT, WIDTH, 3), (110, 128, 200), np.uint8), cv2.COLOR_YCrCb2RGB)
    held = painted([grey] * 5 + [blue] * 5, grain())
    for after in held[5:]:
        assert np.abs(after.astype(int).mean((0, 1)) - blue.mean((0, 1))).max() < 12


@pytest.mark.parametrize("shape", [(16, 16), (33, 57), (47, 200), (145, 191)])
def test_pictures_of_any_size_can_be_held(shape: tuple[int, int]) -> None:
    frames = [np.ascontiguousarray(landscape()[: shape[0], n : n + shape[1]]) for n in range(3)]
    assert [picture.shape for picture in painted(frames, grain())] == [(*shape, 3)] * 3


def test_frames_of_another_size_start_afresh() -> None:
    frames = [view(landscape(), 40), view(landscape(), 40)[:100, :120].copy()]
    painter = Painter(strokes)
    held = painted([frames[0]] * 3 + [frames[1]] * 3, painter)
    assert [seen.shape for seen in painter.seen] == [frames[0].shape, frames[1].shape]
    assert psnr(held[3], strokes(frames[1])) > NOTHING_BUT_PAINT


def test_paint_does_not_wear_out() -> None:
    scenery = landscape()
    frames = [view(scenery, 40 + n // 2, 40 + n // 3) for n in range(90)]
    contrast = [float(cv2.Laplacian(picture[MIDDLE], cv2.CV_32F).std()) for picture in painted(frames, grain())]
    assert min(contrast[30:]) > 0.8 * contrast[0]


def test_what_was_painted_is_left_alone() -> None:
    paintings: list[tuple[np.ndarray, np.ndarray]] = []

    def paint(pixels: np.ndarray) -> np.ndarray:
        result = strokes(pixels)
        paintings.append((result, result.copy()))
        return result

    painted([view(landscape(), 40 + 2 * n) for n in range(12)], Painter(paint))
    assert len(paintings) > 1
    for kept, before in paintings:
        assert np.array_equal(kept, before)


# --- plain parts, and the noise of sensors


def walls(sigma: float) -> list[np.ndarray]:
    return [noisy(wall(), sigma, seed) for seed in range(24)]


def nights() -> list[np.ndarray]:
    dark = with_disc(with_disc(scene(3, (4, 14)), 30, 20, (70, 60, 40), 3), 150, 90, (50, 50, 60), 4)
    return [noisy(dark, 2.5, seed) for seed in range(24)]


def one_light(width: int = 320, height: int = 240) -> list[np.ndarray]:
    """Black without noise, and a light that moves along the bottom."""
    return [with_disc(plain(0, width, height), 20 + 10 * n, height - 40, (250, 240, 200)) for n in range(24)]


def tripod() -> list[np.ndarray]:
    """Texture that stands still, and one thing that moves along the bottom."""
    return [noisy(with_disc(scene(0), 20 + 5 * n, 126, (30, 40, 150)), 1.5, n) for n in range(24)]


EVERYWHERE, ABOVE = (slice(None),), (slice(None, 48),)


@pytest.mark.parametrize(
    ("frames", "part"),
    [
        (walls(1.5), EVERYWHERE),
        (walls(3.0), EVERYWHERE),
        (nights(), EVERYWHERE),
        (one_light(), (slice(None, 150),)),
        (one_light(192, 144), (slice(None, 50),)),
        (tripod(), ABOVE),
    ],
    ids=["wall 1.5", "wall 3", "night", "one light", "a small picture of it", "tripod"],
)
@pytest.mark.parametrize("planes", [False, True], ids=["RGB", "planes"])
def test_a_plain_part_is_as_calm_as_its_source(frames: list[np.ndarray], part: tuple[slice, ...], planes: bool) -> None:
    if planes:
        frames = [to_planes(picture) for picture in frames]
    held, alone = painted(frames, Painter(strokes), rate=15), [strokes(picture) for picture in frames]
    source, steady, by_frame = (mean_change(pictures[1:], part) for pictures in (frames, held, alone))
    assert steady <= by_frame + 0.001  # of a grey level
    assert steady <= source + 1


def test_noise_alone_costs_next_to_nothing() -> None:
    for frames in (walls(1.5), walls(3.0), nights()):
        painter = Painter(strokes)
        painted(frames, painter, rate=15)
        assert len(painter.seen) <= 2


def gradient_energy(picture: np.ndarray) -> float:
    grey = picture.astype(np.float32).mean(-1)
    return float((np.diff(grey, axis=0) ** 2).mean() + (np.diff(grey, axis=1) ** 2).mean())


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 200])
def test_ten_minutes_on_a_tripod_keep_colours_and_sharpness(seed: int) -> None:
    # One frame a second: as many paintings, one over the other, as in a real shot.
    rate, places = 1, 16
    picture = cv2.resize(landscape(4), (128, 96), interpolation=cv2.INTER_AREA)
    # Something goes to and fro along the bottom.
    xs = [round(64 + 38 * np.sin(2 * np.pi * n / places)) for n in range(places)]
    distinct = [noisy(with_disc(picture, x, 84, (20, 30, 160), 6), 1.5, seed + n) for n, x in enumerate(xs)]
    shown = painted((distinct[n % places] for n in range(600 * rate)), Painter(strokes), rate=rate)
    # The mean over some keys: each has the noise of its own frame.
    early, late = (
        [np.mean([measure(shown[n][:60]) for n in range(begin, begin + 60 * rate)], axis=0) for measure in MEASURES]
        for begin in (5 * rate, 540 * rate)
    )
    # Colours, and sharpness.
    for before, after in zip(early, late, strict=True):
        assert np.abs(after / before - 1).max() < 0.02


MEASURES: list[Callable[[np.ndarray], np.ndarray]] = [
    lambda picture: picture.mean((0, 1)),
    lambda picture: np.asarray(gradient_energy(picture)),
]


# --- cuts, flashes and fades


SHOTS = {
    "bright": [scene(seed) for seed in range(4)],
    "dark": [scene(seed, (2, 26)) for seed in range(4)],
    "hazy": [scene(seed, (100, 122)) for seed in range(4)],
    "flat": [plain(level) for level in (20, 60, 34, 48)],
    "night": [with_disc(scene(seed, (3, 34)), 40 + 30 * seed, 40, (90, 80, 60), 5) for seed in range(4)],
}


@pytest.mark.parametrize("shots", SHOTS.values(), ids=SHOTS)
@pytest.mark.parametrize("planes", [False, True], ids=["RGB", "planes"])
def test_no_paint_crosses_a_cut(shots: list[np.ndarray], planes: bool) -> None:
    frames = [noisy(shot, 1.0, 10 * which + n) for which, shot in enumerate(shots) for n in range(6)]
    if planes:
        frames = [to_planes(picture) for picture in frames]
    held = painted(frames, Painter(strokes))
    for first in range(0, len(frames), 6):
        assert psnr(held[first], strokes(frames[first])) > NOTHING_BUT_PAINT


def test_a_discontinuity_is_a_cut() -> None:
    still = view(landscape(), 40)
    painter = grain()
    painted([still] * 6, painter, fresh=frozenset({3}))
    assert len(painter.seen) == 2


def share_of(old: np.ndarray, shown: np.ndarray, new: np.ndarray) -> float:
    """How much of an old painting is in what is shown in place of a new one."""
    trace, apart = (picture.astype(float).ravel() - new.astype(float).ravel() for picture in (shown, old))
    return float(trace @ apart / (apart @ apart)) if apart.any() else 0.0


def flash() -> Iterator[tuple[np.ndarray, bool]]:
    """Frames, and whether the old shot has gone two frames ago."""
    for _ in range(6):
        yield scene(0), False
    yield plain(255), False
    yield plain(255), False
    for n in range(6):
        yield scene(1), n >= 0


def flash_within_a_shot() -> Iterator[tuple[np.ndarray, bool]]:
    for _ in range(6):
        yield scene(0), False
    yield plain(255), False
    for n in range(8):
        yield scene(0), n >= 2


def fade_to_black() -> Iterator[tuple[np.ndarray, bool]]:
    for n in range(16):
        yield (scene(0) * max(0.0, 1 - n / 15)).astype(np.uint8), False
    for n in range(6):
        yield plain(0), n >= 1


def fade_from_black() -> Iterator[tuple[np.ndarray, bool]]:
    yield from fade_to_black()
    for n in range(16):
        yield (scene(1) * (n / 15)).astype(np.uint8), False
    for n in range(6):
        yield scene(1), n >= 1


def cross_fade() -> Iterator[tuple[np.ndarray, bool]]:
    one, other = scene(0).astype(float), scene(1).astype(float)
    for _ in range(4):
        yield scene(0), False
    for n in range(13):
        yield (one + (other - one) * n / 12).astype(np.uint8), False
    for n in range(6):
        yield scene(1), n >= 1


@pytest.mark.parametrize("clip", [flash, flash_within_a_shot, fade_to_black, fade_from_black, cross_fade])
def test_paint_of_the_old_shot_is_gone_two_frames_after_its_last_trace(
    clip: Callable[[], Iterator[tuple[np.ndarray, bool]]],
) -> None:
    frames, gone = zip(*clip(), strict=True)
    held = painted(list(frames), Painter(strokes))
    for picture, shown, clear in zip(frames, held, gone, strict=True):
        if clear:
            assert psnr(shown, strokes(picture)) > NOTHING_BUT_PAINT
            assert abs(share_of(strokes(frames[0]), shown, strokes(picture))) < 0.05


# --- what comes into sight


@pytest.mark.parametrize("planes", [False, True], ids=["RGB", "planes"])
@pytest.mark.parametrize("step", [3, 12])
def test_what_comes_into_sight_is_neither_source_nor_hole(step: int, planes: bool) -> None:
    scenery = landscape()
    frames = [view(scenery, step * n) for n in range(180 // step)]
    color = (90, 210, 40) if not planes else 210
    if planes:
        frames = [to_planes(picture) for picture in frames]
    for shown in painted(frames, flat(color)):
        assert np.abs(shown.astype(int) - color).max() <= 3


def test_what_has_come_into_sight_is_painted_soon() -> None:
    scenery = landscape()
    frames = [view(scenery, min(60, 6 * n)) for n in range(25)]
    held = painted(frames, Painter(strokes))
    came = (slice(None), slice(-50, -4))
    assert psnr(held[-1][came], strokes(frames[-1])[came]) > 15
    # Not only in the colours of the painting, but as sharp.
    assert gradient_energy(held[-1][came]) > 0.8 * gradient_energy(strokes(frames[-1])[came])


@pytest.mark.parametrize(("count", "degrees", "step"), [(18, 30, 6), (12, 25, 10), (14, 40, 8)])
def test_what_leaps_and_turns_over_does_not_lose_its_strokes(count: int, degrees: float, step: int) -> None:
    frames, places = zip(*tumbling(count, degrees, step), strict=True)
    for n, (shown, here) in enumerate(zip(painted(frames, Painter(strokes)), places, strict=True)):
        assert gradient_energy(shown[here]) > 0.7 * gradient_energy(strokes(frames[n])[here]), n


def test_what_moves_as_the_camera_does_is_painted_no_more_often_for_it() -> None:
    # Glitter on water: nothing can be carried there, and nobody misses it.
    scenery, random = landscape(), np.random.default_rng(3)
    frames = [view(scenery, 20 + 2 * n) for n in range(40)]
    with_glitter = [frame.copy() for frame in frames]
    for frame in with_glitter:
        frame[60:90:3, 80:112:3] = random.integers(0, 256, (10, 11, 3), dtype=np.uint8)
    calm, restless = Painter(strokes), Painter(strokes)
    painted(frames, calm)
    painted(with_glitter, restless)
    assert len(restless.seen) <= len(calm.seen) + 4
