"""Paint that stays where it is."""

from collections import deque
from collections.abc import Iterator
from fractions import Fraction

import cv2
import numpy as np
import pytest
from vidstyle.engines.memory import Memory, find_motion, small_picture
from vidstyle.engines.steady import SteadyEngine

from vidstyle.engines import Engine
from vidstyle.media.frame import Frame

pytestmark = pytest.mark.slow

HEIGHT, WIDTH = 144, 192
MIDDLE = (slice(24, -24), slice(24, -24))


def landscape(seed: int = 0) -> np.ndarray:
    """RGB of soft blobs, larger than a frame."""
    random = np.random.default_rng(seed)
    picture = np.zeros((HEIGHT * 2, WIDTH * 2, 3), np.float32)
    for octave in (3, 4, 5):
        coarse = random.random((HEIGHT * 2 >> octave, WIDTH * 2 >> octave, 3), np.float32)
        picture += cv2.resize(coarse, (WIDTH * 2, HEIGHT * 2), interpolation=cv2.INTER_CUBIC)
    return (np.clip(picture / 3, 0, 1) * 255).astype(np.uint8)


def view(picture: np.ndarray, x: int, y: int = 40) -> np.ndarray:
    return np.ascontiguousarray(picture[y : y + HEIGHT, x : x + WIDTH])


def to_planes(rgb: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420))


class Flickering(Engine):
    """Adds other grain to every frame: paint that nothing in the picture calls for."""

    name, device, depth = "flickering", "cpu", 2

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque()
        self._random = np.random.default_rng(1)
        self.closed = False

    def submit(self, frame: Frame) -> None:
        self._frames.append(frame)

    def result(self) -> Frame:
        frame = self._frames.popleft()
        # As coarse as strokes.
        grain = cv2.GaussianBlur(self._random.normal(0, 110, frame.pixels.shape), (0, 0), 1.2)
        painted = (frame.pixels + grain).clip(0, 255).astype(np.uint8)
        return Frame(painted, frame.pts, frame.time_base, frame.duration)

    def close(self) -> None:
        self.closed = True


def paint(frames: list[np.ndarray], *, steady: bool = True, fresh: frozenset[int] = frozenset()) -> list[np.ndarray]:
    """`frames` through a flickering engine; those in `fresh` have nothing to do with the one before."""
    engine: Engine = SteadyEngine(Flickering()) if steady else Flickering()

    def painted() -> Iterator[np.ndarray]:
        for number, pixels in enumerate(frames):
            engine.submit(Frame(pixels, number, Fraction(1, 25), 1, discontinuity=number == 0 or number in fresh))
            result = engine.result()
            assert result.pts == number
            yield result.pixels

    return list(painted())


def change(first: np.ndarray, second: np.ndarray, moved: int = 0) -> float:
    """Mean difference of the second picture's middle from the first one's, shown `moved` pixels further left."""
    y, x = MIDDLE
    before = first[y, x.start + moved : WIDTH + x.stop + moved]
    return float(np.abs(second[MIDDLE].astype(int) - before).mean())


@pytest.mark.parametrize("planes", [False, True])
def test_a_picture_that_stands_still_keeps_its_paint(planes: bool) -> None:
    still = view(landscape(), 40)
    frames = [to_planes(still) if planes else still] * 20
    held, flickering = paint(frames), paint(frames, steady=False)
    assert np.abs(held[1].astype(int) - held[0]).mean() < 8  # the key is a little sharper
    assert all(np.array_equal(picture, held[1]) for picture in held[2:])
    assert np.abs(flickering[2].astype(int) - flickering[1]).mean() > 20


def test_paint_moves_with_what_it_is_painted_on() -> None:
    scene = landscape()
    frames = [view(scene, 40 + 2 * n) for n in range(8)]
    held, flickering = paint(frames), paint(frames, steady=False)
    for n in range(2, 8):
        assert change(held[n - 1], held[n], moved=2) < 0.35 * change(flickering[n - 1], flickering[n], moved=2)


def test_what_comes_into_sight_is_painted_afresh() -> None:
    scene = landscape()
    frames = [view(scene, 40 + 4 * n) for n in range(6)]
    held, flickering = paint(frames), paint(frames, steady=False)
    # The right border has come in with this frame,
    assert np.abs(held[5][:, -4:].astype(int) - flickering[5][:, -4:]).mean() < 3
    # and what is left of it since the first: no key has it, and it is blended with what was there before.
    came = slice(-12, -8)
    assert np.abs(held[5][:, came].astype(int) - flickering[5][:, came]).mean() > 5
    before = slice(-8, -4)
    calm, wild = (np.abs(frames[5][:, came].astype(int) - frames[4][:, before]).mean() for frames in (held, flickering))
    assert calm < 0.5 * wild


@pytest.mark.parametrize("change_to", [(200, 40, 40), (0, 0, 0)])
def test_what_changes_is_painted_afresh(change_to: tuple[int, int, int]) -> None:
    still = view(landscape(), 40)
    changed = still.copy()
    changed[60:100, 80:120] = change_to
    held = paint([still, still, changed])
    patch = (slice(66, 94), slice(86, 114))
    assert np.abs(held[2][patch].astype(int).mean((0, 1)) - change_to).max() < 25
    # The rest stays, but for what the search for motion takes to belong to it.
    assert np.abs(held[2][:30].astype(int) - held[1][:30]).mean() < 2


def test_a_change_of_colour_alone_is_seen() -> None:
    grey = np.full((HEIGHT, WIDTH, 3), 110, np.uint8)
    blue = cv2.cvtColor(np.full((HEIGHT, WIDTH, 3), (110, 128, 200), np.uint8), cv2.COLOR_YCrCb2RGB)
    held = paint([grey, grey, blue])
    assert np.abs(held[2].astype(int).mean((0, 1)) - blue.mean((0, 1))).max() < 12


@pytest.mark.parametrize("marked", [False, True])
def test_a_cut_starts_afresh(marked: bool) -> None:
    one, other = view(landscape(0), 40) // 2, 128 + view(landscape(1), 40) // 2
    held = paint([one, one, other], fresh=frozenset({2}) if marked else frozenset())
    flickering = paint([one, one, other], steady=False)
    assert np.array_equal(held[2], flickering[2])


def test_frames_of_another_size_start_afresh() -> None:
    frames = [view(landscape(), 40), view(landscape(), 40)[:100, :120].copy()]
    assert np.array_equal(paint(frames)[1], paint(frames, steady=False)[1])


@pytest.mark.parametrize("shape", [(16, 16), (33, 57), (47, 200), (145, 191)])
def test_pictures_of_any_size_can_be_held(shape: tuple[int, int]) -> None:
    frames = [np.ascontiguousarray(landscape()[: shape[0], n : n + shape[1]]) for n in range(3)]
    assert [picture.shape for picture in paint(frames)] == [(*shape, 3)] * 3


def test_paint_does_not_wear_out() -> None:
    scene = landscape()
    frames = [view(scene, 40 + n // 2, 40 + n // 3) for n in range(90)]
    contrast = [float(cv2.Laplacian(picture[MIDDLE], cv2.CV_32F).std()) for picture in paint(frames)]
    assert min(contrast[30:]) > 0.8 * contrast[0]


def test_what_was_painted_is_left_alone() -> None:
    still = view(landscape(), 40)
    small = small_picture(still)
    painted = still.copy()
    memory = Memory()
    first = memory.remember(painted, small, None)
    memory.remember(255 - painted, small, find_motion(small, small))
    assert first is painted
    assert np.array_equal(painted, still)


def test_motion_says_where_things_were() -> None:
    scene = landscape()
    motion = find_motion(small_picture(view(scene, 40)), small_picture(view(scene, 46)))
    assert motion is not None
    # Six pixels are one and a half positions, and the view has moved to the right.
    inner = motion.flow[6:-6, 6:-6]
    assert inner[..., 0].mean() == pytest.approx(1.5, abs=0.1)
    assert inner[..., 1].mean() == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("pixels", [1, 5, 7])
def test_motion_is_exact_to_half_a_hundredth_of_a_position(pixels: int) -> None:
    scene = landscape()
    motion = find_motion(small_picture(view(scene, 40)), small_picture(view(scene, 40 + pixels)))
    assert motion is not None
    error = motion.flow[6:-6, 6:-6] - (pixels / 4, 0)
    assert np.sqrt((error**2).mean()) < 0.006


def test_after_a_frame_that_failed_the_next_is_painted_afresh() -> None:
    class FailingOnce(Flickering):
        def result(self) -> Frame:
            painted = super().result()
            if painted.pts == 1:
                raise ValueError("frame 1")
            return painted

    engine = SteadyEngine(FailingOnce())
    still = view(landscape(), 40)
    results = []
    for number in range(3):
        engine.submit(Frame(still, number, Fraction(1, 25), discontinuity=number == 0))
        if number == 1:
            with pytest.raises(ValueError, match="frame 1"):
                engine.result()
        else:
            results.append(engine.result().pixels)
    assert np.abs(results[1].astype(int) - results[0]).mean() > 15


def test_closing_closes_what_paints() -> None:
    engine = Flickering()
    SteadyEngine(engine).close()
    assert engine.closed
