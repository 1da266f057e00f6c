"""Strokes belong to the picture, whatever its size; and what is painted small is as sharp as the frame."""

import cv2
import numpy as np
import pytest
from made_scenes import Painter, flat, frames_of, landscape, painted, plain, run, strokes, to_planes

from vidstyle.media.frame import SMALLEST_SIDE
from vidstyle.perception.metrics import grid_score
from vidstyle.stream import Stream
from vidstyle.stream.lifting import LEAST_ROWS, lifted, painted_size
from vidstyle.stream.planes import resized

SIZES = {
    "16:9": (1920, 1080),
    "9:16": (1080, 1920),
    "21:9": (2560, 1080),
    "4:3": (1600, 1200),
    "1:1": (1080, 1080),
    "4K": (3840, 2160),
    "odd": (1283, 721),
}


# --- the size that is painted


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_strokes_are_as_large_against_the_frame_at_every_size(size: tuple[int, int]) -> None:
    width, height = painted_size(size)
    assert min(width, height) == 360
    assert width % 4 == height % 4 == 0
    assert width / height == pytest.approx(size[0] / size[1], rel=0.006)


@pytest.mark.parametrize("size", [(640, 360), (360, 640), (64, 48), (640, 16), (33, 17), (426, 240), (641, 361)])
def test_small_frames_are_painted_as_they_are(size: tuple[int, int]) -> None:
    assert painted_size(size) == size


@pytest.mark.parametrize("size", [*SIZES.values(), (640, 360), (64, 48), (640, 16), (16, 16), (33, 17), (16384, 16)])
@pytest.mark.parametrize("stroke_size", [0.125, 0.5, 2.0, 8.0])
def test_every_size_of_stroke_gives_sizes_that_can_be_painted(size: tuple[int, int], stroke_size: float) -> None:
    width, height = painted_size(size, stroke_size)
    assert min(width, height) >= SMALLEST_SIDE
    assert (width, height) == size or width % 4 == height % 4 == 0
    if stroke_size > 1:
        assert width <= size[0]
        assert height <= size[1]
        assert min(width, height) >= min(LEAST_ROWS, *size)


def test_twice_the_stroke_is_half_the_size() -> None:
    assert painted_size((1920, 1080), 2.0) == (320, 180)
    assert painted_size((1920, 1080), 0.5) == (1280, 720)
    assert painted_size((640, 360), 2.0) == (320, 180)
    assert painted_size((640, 360), 0.5) == (1280, 720)


@pytest.mark.parametrize("size", [(1280, 720), (721, 403), (1283, 721), (640, 16), (96, 210)])
@pytest.mark.parametrize("stroke_size", [0.5, 1.0, 3.0])
def test_frames_come_back_in_their_own_size(size: tuple[int, int], stroke_size: float) -> None:
    painter = Painter(strokes)
    stream = Stream([(0.0, painter)], stroke_size=stroke_size)

    pictures = [landscape(0, *size)] * 2
    assert [shown.shape for shown in run(stream, frames_of(pictures))] == [(size[1], size[0], 3)] * 2
    width, height = painted_size(size, stroke_size)
    assert {seen.shape for seen in painter.seen} == {(height, width, 3)}


def test_the_size_of_strokes_can_change_in_the_middle() -> None:
    painter = Painter(strokes)
    stream = Stream([(0.0, painter)])

    for frame in frames_of([landscape(0, 640, 360)] * 3):
        stream.stroke_size = [1.0, 2.0, 1.0][frame.pts]
        stream.submit(frame)
        assert stream.result().pixels.shape == (360, 640, 3)
    assert [seen.shape[:2] for seen in painter.seen] == [(360, 640), (180, 320), (360, 640)]
    stream.close()


# --- lifted to the frame


def finest(picture: np.ndarray) -> np.ndarray:
    """The gradient in the finest octave of luma, (H, W)."""
    luma = picture.astype(np.float32) if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(float)
    detail = luma - cv2.GaussianBlur(luma, (0, 0), 1.0)
    return np.asarray(detail**2)


def drawing(width: int = 1280, height: int = 720) -> np.ndarray:
    """Edges in all directions, letters, and plain parts."""
    picture = np.full((height, width, 3), (200, 190, 170), np.uint8)
    random = np.random.default_rng(0)
    for _ in range(60):
        x, y = (int(random.integers(0, side)) for side in (width, height))
        color = [int(c) for c in random.integers(0, 256, 3)]
        cv2.circle(picture, (x, y), int(random.integers(10, 70)), color, -1, cv2.LINE_AA)
    cv2.putText(picture, "letters", (80, 400), cv2.FONT_HERSHEY_DUPLEX, 6, (20, 20, 30), 9, cv2.LINE_AA)
    return picture


def soft_paint(small: np.ndarray) -> np.ndarray:
    """A painting that follows its source, in other colours."""
    return np.asarray(255 - cv2.GaussianBlur(small, (0, 0), 0.6)) if small.ndim == 3 else small


@pytest.mark.parametrize("planes", [False, True], ids=["RGB", "planes"])
def test_edges_are_as_sharp_as_the_source(planes: bool) -> None:
    source = drawing()
    pixels = to_planes(source) if planes else source
    small = resized(pixels, painted_size((1280, 720)))
    result = lifted(small, small, pixels)
    luma, own = (picture[:720] for picture in (result, pixels))
    edges = finest(own) > 20
    assert finest(luma)[edges].sum() > 0.8 * finest(own)[edges].sum()
    # Enlarging alone is not enough.
    plainly = resized(small, (1280, 720))[:720]
    assert finest(plainly)[edges].sum() < 0.5 * finest(own)[edges].sum()


@pytest.mark.parametrize("planes", [False, True], ids=["RGB", "planes"])
def test_a_step_has_no_halo(planes: bool) -> None:
    source = plain(60, 1280, 720)
    source[:, 650:] = 190
    pixels = to_planes(source) if planes else source
    small = resized(pixels, painted_size((1280, 720)))
    result = lifted(small, small, pixels)[:720]
    own = pixels[:720]
    assert np.abs(result.astype(int) - own)[:, :640].max() <= 4
    assert np.abs(result.astype(int) - own)[:, 660:].max() <= 4
    assert result.min() >= own.min() - 6
    assert result.max() <= own.max() + 6


def test_plain_paint_stays_plain() -> None:
    source = plain(120, 1280, 720)
    small = resized(source, painted_size((1280, 720)))
    assert np.ptp(lifted(np.full_like(small, 77), small, source)) <= 1


def test_there_is_no_grid() -> None:
    source = drawing(1920, 1080)
    (shown,) = painted([source], Painter(strokes))
    assert grid_score(shown) < max(12, grid_score(source) + 1)


def test_the_painting_gives_the_colours() -> None:
    (shown,) = painted([drawing()], flat((40, 90, 200)))
    # As much of the source's contrast as a painting has that follows nothing.
    assert np.abs(cv2.blur(shown, (61, 61)).astype(int) - (40, 90, 200)).mean() < 12
