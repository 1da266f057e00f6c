"""Where everything in a frame was in the one before, and where there is a cut."""

import numpy as np
import pytest
from made_scenes import HEIGHT, WIDTH, landscape, noisy, plain, scene, to_planes, view, wall, with_disc

from vidstyle.stream.motion import Motion, find_motion, small_picture


def motion_between(before: np.ndarray, now: np.ndarray) -> Motion:
    motion = find_motion(small_picture(before), small_picture(now))
    assert motion is not None, "taken for a cut"
    return motion


def is_cut(before: np.ndarray, now: np.ndarray) -> bool:
    return find_motion(small_picture(before), small_picture(now)) is None


def test_motion_says_where_things_were() -> None:
    picture = landscape()
    # Six pixels are one and a half positions, and the view has moved to the right.
    inner = motion_between(view(picture, 40), view(picture, 46)).flow[6:-6, 6:-6]
    assert inner[..., 0].mean() == pytest.approx(1.5, abs=0.1)
    assert inner[..., 1].mean() == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("pixels", [1, 5, 7])
def test_motion_is_exact_to_two_hundredths_of_a_position(pixels: int) -> None:
    picture = landscape()
    motion = motion_between(view(picture, 40), view(picture, 40 + pixels))
    error = motion.flow[6:-6, 6:-6] - (pixels / 4, 0)
    assert np.sqrt((error**2).mean()) < 0.02


def test_planes_and_rgb_move_alike() -> None:
    one, other = view(landscape(), 40), view(landscape(), 44)
    in_rgb = motion_between(one, other).flow
    in_planes = motion_between(to_planes(one), to_planes(other)).flow
    assert in_rgb.shape == in_planes.shape == (HEIGHT // 4, WIDTH // 4, 2)
    assert np.abs(in_rgb - in_planes)[6:-6, 6:-6].mean() < 0.05


def test_a_picture_is_looked_at_in_some_200_positions_along_its_longer_side() -> None:
    for width, height, expected in ((640, 360, (160, 90)), (3840, 2160, (203, 114)), (101, 51, (26, 13))):
        assert small_picture(plain(9, width, height)).shape == (2 * expected[1], 2 * expected[0], 3)


@pytest.mark.parametrize("sigma", [1.5, 3.0])
@pytest.mark.parametrize("picture", [wall(), scene(0), plain(9)], ids=["wall", "texture", "night"])
def test_noise_does_not_move(picture: np.ndarray, sigma: float) -> None:
    for seed in range(0, 10, 2):
        assert motion_between(noisy(picture, sigma, seed), noisy(picture, sigma, seed + 1)).still


def test_what_moves_in_front_of_a_wall_does_not_take_it_along() -> None:
    frames = [with_disc(wall(320, 240), 60 + 3 * n, 100, (40, 60, 160)) for n in range(2)]
    before, now = (noisy(picture, 1.5, seed) for seed, picture in enumerate(frames))
    motion = motion_between(before, now)
    assert not motion.still
    assert motion.flow[25, 15, 0] == pytest.approx(-0.75, abs=0.2)
    # Some fifty pixels from it, away from the border, nothing.
    assert not motion.flow[:, 15 + 14 :].any()
    assert not motion.flow[25 + 14 :].any()


@pytest.mark.parametrize("levels", [(0, 255), (0, 12), (0, 8), (2, 26), (100, 118)], ids=str)
def test_a_cut_is_one_in_the_dark_as_in_the_light(levels: tuple[int, int]) -> None:
    for seed in range(0, 10, 2):
        assert is_cut(scene(seed, levels), scene(seed + 1, levels))


def test_a_cut_between_flat_shots_is_seen() -> None:
    assert is_cut(plain(90), plain(110))
    assert is_cut(plain(0), plain(12))
    assert not is_cut(plain(90), plain(91))


def test_a_flicker_of_the_light_is_no_cut() -> None:
    assert not is_cut(scene(0), (scene(0) * 0.97).astype(np.uint8))


@pytest.mark.parametrize("levels", [(0, 255), (4, 24)], ids=str)
@pytest.mark.parametrize("step", [(2, 0), (12, 5), (-20, 9)], ids=str)
def test_a_camera_that_pans_does_not_cut(levels: tuple[int, int], step: tuple[int, int]) -> None:
    low, high = levels
    picture = (low + landscape() / 255 * (high - low)).astype(np.uint8)
    assert not is_cut(view(picture, 60, 60), view(picture, 60 + step[0], 60 + step[1]))


@pytest.mark.parametrize("shape", [(16, 16), (33, 57), (47, 200)])
def test_pictures_too_small_to_search_are_cuts(shape: tuple[int, int]) -> None:
    picture = np.ascontiguousarray(landscape()[: shape[0], : shape[1]])
    assert find_motion(small_picture(picture), small_picture(picture)) is None or min(shape) >= 47
