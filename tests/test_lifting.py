"""Strokes belong to the picture, whatever its size; and what is painted small is as sharp as the frame."""

import cv2
import numpy as np
import pytest
from made_scenes import Painter, flat, frames_of, landscape, painted, plain, run, strokes, to_planes

from vidstyle.media.frame import SMALLEST_SIDE
from vidstyle.perception.metrics import grid_score
from vidstyle.stream import Stream
from vidstyle.stream.lifting import FINEST, LEAST_ROWS, lifted, made_up, painted_size
from vidstyle.stream.lifting_loops import lift_plane
from vidstyle.stream.planes import picture_size, resized

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


SHAPES = [(192, 108), (108, 192), (252, 108), (144, 108), (108, 108), (640, 16), (16, 640), (101, 57)]


@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("stroke_size", [0.125, 0.5, 1.0, 2.0, 8.0])
@pytest.mark.parametrize("planes", [False, True], ids=["RGB", "planes"])
def test_every_shape_is_painted_with_every_size_of_stroke(
    size: tuple[int, int], stroke_size: float, planes: bool
) -> None:
    if planes and any(side % 2 for side in size):
        pytest.skip("planes have even sides")
    picture = landscape(0, *size)
    pixels = to_planes(picture) if planes else picture
    painter = Painter(lambda pixels: 255 - pixels)
    (shown,) = run(Stream([(0.0, painter)], stroke_size=stroke_size), frames_of([pixels]))
    assert shown.shape == pixels.shape
    (seen,) = painter.seen
    assert picture_size(seen) == painted_size(size, stroke_size)
    # What is painted is the whole picture, and shown where it belongs.
    away = np.abs(shown[: size[1]].astype(int) - (255 - pixels[: size[1]].astype(int))).mean()
    assert away < (6 if stroke_size <= 1 else 40)


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


@pytest.mark.parametrize("size", [(640, 360), (643, 361)])
@pytest.mark.parametrize("planes", [False, True], ids=["RGB", "planes"])
def test_one_pass_draws_the_spline_and_the_share_of_the_source(size: tuple[int, int], planes: bool) -> None:
    random = np.random.default_rng(0)
    bare, gain = random.uniform(-60, 200, (90, 160)).astype(np.float32), random.random((90, 160), np.float32)
    luma = random.integers(0, 256, size[::-1]).astype(np.uint8)
    out = np.empty(size[::-1], np.uint8) if planes else np.empty((*size[::-1], 3), np.uint8)[..., 1]
    lift_plane(out, bare, gain, luma, luma, 0.0, 0.0)
    # The definition of a cubic B-spline, in one dimension after the other.
    spline = np.array(bare, float)
    for side in (0, 1):
        low, high = spline.shape[side], out.shape[side]
        away = np.abs((np.arange(high)[:, None] + 0.5) * low / high - 0.5 - np.arange(-3, low + 3))
        weights = np.where(away < 1, 2 / 3 - away**2 + away**3 / 2, np.clip(2 - away, 0, None) ** 3 / 6)
        padded = np.pad(spline, [(3, 3) if axis == side else (0, 0) for axis in (0, 1)], mode="edge")
        spline = np.moveaxis(np.tensordot(weights, padded, (1, side)), 0, side)
    wanted = np.clip(spline + cv2.resize(gain, size, interpolation=cv2.INTER_LINEAR) * luma, 0, 255)
    assert np.abs(out - wanted).max() <= 1
    assert np.abs(out - wanted).mean() < 0.3


@pytest.mark.parametrize("planes", [False, True], ids=["RGB", "planes"])
def test_seen_from_afar_a_lifted_painting_is_the_painting(planes: bool) -> None:
    source = plain(120, 1920, 1080)
    painting = strokes(resized(landscape(0, 1920, 1080), (640, 360)))
    pixels, painting = (to_planes(one) if planes else one for one in (source, painting))
    result = resized(lifted(painting, resized(pixels, (640, 360)), pixels), (640, 360))
    ours, theirs = (one[:360].astype(float) for one in (result, painting))
    assert np.abs(ours - theirs).mean() < 0.1 * theirs.std()
    assert finest(result[:360]).sum() > 0.8 * finest(painting[:360]).sum()


@pytest.mark.parametrize("planes", [False, True], ids=["RGB", "planes"])
@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (1600, 1200)], ids=str)
def test_what_is_laid_over_a_painting_is_not_seen_from_afar(size: tuple[int, int], planes: bool) -> None:
    source = drawing(*size)
    pixels = to_planes(source) if planes else source
    small = resized(pixels, painted_size(size))
    result = lifted(np.full_like(small, 128), small, pixels)
    luma, afar = result[: size[1]], resized(result, painted_size(size))[:360]
    # Outlines are there, of which a painting of one colour has none.
    edges = finest(pixels[: size[1]]) > 20
    assert finest(luma)[edges].sum() > 0.65 * finest(pixels[: size[1]])[edges].sum()
    assert finest(afar).mean() < 0.04 * finest(small[:360]).mean()
    assert np.abs(afar.astype(int) - 128).mean() < 1


@pytest.mark.parametrize("planes", [False, True], ids=["RGB", "planes"])
def test_grain_is_not_laid_over_a_painting(planes: bool) -> None:
    source = plain(120, 1280, 720).astype(float) + np.random.default_rng(0).normal(0, 1.5, (720, 1280, 1))
    source = np.rint(source).clip(0, 255).astype(np.uint8)
    # A thin line, a pixel of the painting and so most easily taken for what it has to show itself.
    source[:, 640:642] = 160
    pixels = to_planes(source) if planes else source
    small = resized(pixels, painted_size((1280, 720)))
    result = lifted(np.full_like(small, 128), small, pixels)[:720]
    assert result[:, :600].std() < 0.65
    assert result[:, 640:642].mean() > result[:, 600:620].mean() + 3


def test_pictures_and_planes_are_lifted_alike() -> None:
    source = drawing()
    small = resized(source, painted_size((1280, 720)))
    painting = np.repeat(soft_paint(small)[..., 1:2], 3, -1)
    grey = np.repeat(cv2.cvtColor(source, cv2.COLOR_RGB2GRAY)[..., None], 3, -1)
    result = lifted(painting, resized(grey, painted_size((1280, 720))), grey)
    assert np.ptp(result.astype(int), axis=-1).max() <= 1


def test_broad_strokes_have_fewer_thin_lines_over_them() -> None:
    # A white wall with thin dark lines, of which a painting has nothing.
    source = np.full((360, 480), 200, np.uint8)
    source[::12] = 120
    source = np.repeat(source[..., None], 3, 2)

    def lines(stroke_size: float) -> float:
        small = cv2.resize(source, painted_size((480, 360), stroke_size), interpolation=cv2.INTER_AREA)
        return float(lifted(np.full_like(small, 128), small, source)[..., 1].astype(float).std())

    assert made_up(640, 360) == made_up(360, 640) == made_up(1280, 720) == FINEST
    assert made_up(320, 180) == pytest.approx(FINEST / 2)
    assert lines(4) < 0.85 * lines(2) < 0.85 * 0.99 * lines(1.3)
