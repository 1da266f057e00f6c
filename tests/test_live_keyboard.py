"""What the keys of the keyboard do, and what is made of a painting on its way to the window."""

import threading
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from media_files import quartered_picture
from waiting import PATIENCE

from vidstyle.live.arranging import Colors, mirrored, split
from vidstyle.live.keyboard import HELP, LiveState
from vidstyle.media.captions import captioned
from vidstyle.media.frame import Color
from vidstyle.media.window import key_name
from vidstyle.stream.planes import planes_of


@pytest.fixture
def state() -> LiveState:
    return LiveState(["a", "b", "c"], "a")


def press(state: LiveState, keys: str) -> LiveState:
    for key in keys.split():
        state.press(key)
    return state


def test_left_and_right_go_round_the_styles(state: LiveState) -> None:
    seen = [press(state, key).style for key in ("right", "right", "right", "left")]
    assert seen == ["b", "c", "a", "c"]
    assert state.neighbours() == ["b", "a"]


def test_up_and_down_change_the_strength_within_its_bounds(state: LiveState) -> None:
    assert press(state, "up").strength == 1
    assert press(state, "down down down").strength == 0.7
    assert press(state, "down " * 20).strength == 0
    assert press(state, "up").strength == 0.1


def test_brackets_change_the_size_of_strokes_within_its_bounds(state: LiveState) -> None:
    assert press(state, "] ]").stroke_size == 2
    assert press(state, "[ [ [ [").stroke_size == pytest.approx(0.5, abs=0.01)
    assert press(state, "] " * 30).stroke_size == 8
    assert press(state, "[ " * 60).stroke_size == 0.125


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("c", "keep_colors"),
        ("s", "split"),
        ("m", "mirror"),
        ("f", "full_screen"),
        ("r", "recording"),
        ("space", "frozen"),
        ("i", "figures"),
        ("h", "help"),
    ],
)
def test_switches_go_on_and_off(key: str, name: str, state: LiveState) -> None:
    assert [getattr(press(state, key), name) for _ in range(2)] == [True, False]


def test_other_keys_do_what_the_help_says_or_nothing(state: LiveState) -> None:
    assert press(state, "p p").pictures == 2
    assert not press(state, "x").done
    assert press(state, "q").done
    told = {key.strip() for line in HELP for key in line.split("\t")[0].split(",")}
    assert told == set(state.keyboard_keys)


class Meanwhile:
    """Something that another thread does while this one is at something else, if it is let."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=act)

    def begin(self) -> None:
        """Leave it the time that it would take; it is begun once."""
        if self._thread.ident is None:
            self._thread.start()
            self._thread.join(0.2)

    def finish(self) -> None:
        self._thread.join(PATIENCE)


def test_keys_that_two_threads_press_at_once_are_both_pressed(state: LiveState) -> None:
    meanwhile = Meanwhile(lambda: state.press("down"))

    class Strength(float):
        def __add__(self, step: float) -> float:
            meanwhile.begin()
            return float(self) + step

    state.strength = Strength(0.5)
    state.press("up")
    meanwhile.finish()
    assert state.strength == 0.5


def test_a_style_may_be_learnt_while_another_thread_chooses_one(state: LiveState) -> None:
    meanwhile = Meanwhile(lambda: state.add_style("learnt"))

    class Styles(list[str]):
        def index(self, style: str, *_: Any) -> int:
            meanwhile.begin()
            return super().index(style)

    state.styles = Styles("abc")
    assert press(state, "left").style in {"c", "learnt"}
    meanwhile.finish()
    assert state.style == "learnt"
    assert state.neighbours() == ["c", "a"]


def test_keys_have_the_same_names_on_every_platform() -> None:
    # X11, Windows, macOS.
    for codes in ((65361, 65362, 65363, 65364), (0x250000, 0x260000, 0x270000, 0x280000), (63234, 63232, 63235, 63233)):
        assert [key_name(code) for code in codes] == ["left", "up", "right", "down"]
    assert [key_name(code) for code in (-1, ord("q"), ord("Q"), 27, 32, 0x100000 | ord("s"))] == [
        None, "q", "q", "q", "space", "s",
    ]  # fmt: skip


# --- mirror and split view


@pytest.mark.parametrize("planes", [False, True])
def test_a_split_view_has_the_source_on_the_left_and_a_line(planes: bool) -> None:
    source = quartered_picture(64, 48)
    painting = np.full((48, 64, 3), 100, np.uint8)
    if planes:
        source, painting = (np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)) for rgb in (source, painting))
    before = painting.copy()
    both = split(source, painting)
    assert (painting == before).all()
    for shown, left, right in zip(*(planes_of(pixels) for pixels in (both, source, painting)), strict=True):
        middle = left.shape[1] // 2
        assert (shown[:, : middle - 1] == left[:, : middle - 1]).all()
        assert (shown[:, middle + 1 :] == right[:, middle + 1 :]).all()
    assert (planes_of(both)[0][:, 31:33] == 255).all()


def test_planes_are_mirrored_each_by_itself() -> None:
    picture = quartered_picture(64, 48)
    planes = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420))
    shown = cv2.cvtColor(mirrored(planes), cv2.COLOR_YUV2RGB_I420)
    assert np.abs(shown.astype(int) - mirrored(picture)).max() < 12
    assert (mirrored(mirrored(planes)) == planes).all()


def test_planes_of_any_matrix_become_the_colours_that_they_stand_for() -> None:
    picture = quartered_picture(64, 48)
    for color in (Color(1), Color(6), Color(6, full_range=True)):
        colors = Colors(color)
        assert np.abs(colors.rgb(colors.planes(picture)).astype(int) - picture)[4:20, 4:28].max() < 6


@pytest.mark.parametrize("height", [180, 360, 1080])
def test_text_stands_on_a_shade_and_all_of_it_is_seen(height: int) -> None:
    pink = np.full((height, height * 16 // 9, 3), (255, 0, 255), np.uint8)
    shown = captioned(pink, ["30.0 fps   delay 20 ms   dropped 1", *HELP])
    changed = (shown != pink).any(axis=-1)
    bottom, right = (int(side.max()) + 1 for side in np.nonzero(changed))
    assert bottom < height
    assert right < pink.shape[1] * 2 / 3
    # Nothing dark sticks out of the shade, which is a strip behind each line.
    ends = changed.sum(axis=1)[:bottom]
    assert (ends == [np.flatnonzero(row).max() + 1 for row in changed[:bottom]]).all()
    # Letters touch no edge of it, and grow with the picture.
    letters = shown[..., 1] > 90
    assert letters[:, 0].sum() == letters[0].sum() == letters[bottom - 1 :].sum() == letters[:, right - 1 :].sum() == 0
    assert letters.any(axis=1).sum() > height / 4
