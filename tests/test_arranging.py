"""Colours of what a live viewer is shown."""

import numpy as np
import pytest
from media_files import psnr

from vidstyle.live.arranging import Colors
from vidstyle.media.frame import Color

HEIGHT, WIDTH = 96, 128


@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("full_range", [False, True])
def test_a_picture_that_is_shown_and_gone_has_the_colours_of_one_that_is_kept(matrix: int, full_range: bool) -> None:
    color = Color(matrix=matrix, full_range=full_range)
    across, down = np.meshgrid(np.linspace(0, 255, WIDTH), np.linspace(0, 255, HEIGHT))
    planes = Colors(color).planes(np.dstack((across, down, 255 - across)).astype(np.uint8))
    shown, kept = Colors(color, quick=True).rgb(planes), Colors(color).rgb(planes)
    assert psnr(shown, kept) > 40
    assert not np.array_equal(shown, kept)


@pytest.mark.parametrize("level", [0, 1, 128, 254, 255])
def test_black_grey_and_white_stay_so_where_they_are_shown(level: int) -> None:
    color = Color()
    planes = Colors(color).planes(np.full((HEIGHT, WIDTH, 3), level, np.uint8))
    shown = Colors(color, quick=True).rgb(planes)
    assert abs(shown.astype(int) - level).max() <= 1
