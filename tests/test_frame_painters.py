"""A painter is anything with `paint(frame) -> picture`: a stream takes it, and makes it steady."""

import runpy
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_scenes import MIDDLE, landscape, noisy, to_planes, view
from media_files import make_video, read_video

from vidstyle.errors import InputError
from vidstyle.media.frame import Frame
from vidstyle.stream import Stream

EXAMPLE = Path(__file__).parents[1] / "examples" / "steady_filter.py"


class Negative:
    """Counts what it paints."""

    def __init__(self) -> None:
        self.painted = 0

    def paint(self, frame: np.ndarray) -> np.ndarray:
        """What was bright is dark."""
        assert frame.shape[2:] == (3,)
        self.painted += 1
        return 255 - frame


def shown(painter: object, frames: list[np.ndarray]) -> list[np.ndarray]:
    stream = Stream([(0.0, painter)])  # type: ignore[list-item]
    result = []
    for number, pixels in enumerate(frames):
        stream.submit(Frame(pixels, number, Fraction(1, 25)))
        result.append(stream.result().pixels)
    stream.close()
    return result


def test_anything_that_makes_a_picture_of_a_frame_is_a_painter() -> None:
    scenery, painter = landscape(), Negative()
    frames = [view(scenery, 40 + 2 * n) for n in range(8)]
    pictures = shown(painter, frames)
    assert 1 <= painter.painted < 8
    for picture, frame in zip(pictures, frames, strict=True):
        assert np.abs(picture[MIDDLE].astype(int) - (255 - frame)[MIDDLE]).mean() < 8


def test_it_paints_rgb_whatever_the_frames_are() -> None:
    frame = view(landscape(), 40)
    (picture,) = shown(Negative(), [to_planes(frame)])
    rgb = cv2.cvtColor(picture, cv2.COLOR_YUV2RGB_I420)
    assert np.abs(rgb[MIDDLE].astype(int) - (255 - frame)[MIDDLE]).mean() < 8


def test_a_painter_that_changes_the_size_is_told_so() -> None:
    class Half:
        def paint(self, frame: np.ndarray) -> np.ndarray:
            return frame[::2, ::2]

    with pytest.raises(InputError, match="a painter makes RGB"):
        shown(Half(), [view(landscape(), 40)])


def test_the_example_steadies_a_filter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    still = view(landscape(), 40)
    frames = [noisy(still, 1.5, n) for n in range(8)]
    film = make_video(tmp_path / "film.mkv", pictures=frames, times=range(8))
    monkeypatch.setattr(sys, "argv", ["steady_filter.py", str(film), str(tmp_path / "out.mkv")])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    pictures = [pixels for _, pixels in read_video(tmp_path / "out.mkv")]
    alone = [np.asarray(cv2.stylization(frame, sigma_s=60, sigma_r=0.45)).astype(int) for frame in frames]
    flicker = [np.abs(b.astype(int) - a).mean() for a, b in pairwise(pictures)]
    before = [np.abs(b - a).mean() for a, b in pairwise(alone)]
    assert np.mean(flicker) < 0.3 * np.mean(before)
