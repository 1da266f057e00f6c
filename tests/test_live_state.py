"""What the keys do, the size that keeps up, and what is made of source and painting."""

import numpy as np
import pytest
from media_files import quartered_picture

from vidstyle.live_brush import composed
from vidstyle.live_state import HELP, HOPELESS_FRAMES, STEPS, UNSTEADY_FRAMES, KeepUp, LiveState
from vidstyle.media.live_sinks import captioned, key_name

INTERVAL = 1 / 30


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
    assert told == set(state._actions)


def test_keys_have_the_same_names_on_every_platform() -> None:
    # X11, Windows, macOS.
    for codes in ((65361, 65362, 65363, 65364), (0x250000, 0x260000, 0x270000, 0x280000), (63234, 63232, 63235, 63233)):
        assert [key_name(code) for code in codes] == ["left", "up", "right", "down"]
    assert [key_name(code) for code in (-1, ord("q"), ord("Q"), 27, 32, 0x100000 | ord("s"))] == [
        None, "q", "q", "q", "space", "s",
    ]  # fmt: skip


# --- keeping up


def paint(keep_up: KeepUp, seconds_at_full_size: float, frames: int, start: float = 0.0) -> list[int]:
    """The widths that frames are painted at, where the time follows the number of pixels."""
    widths = []
    for number in range(frames):
        widths.append(keep_up.size[0])
        share = keep_up.size[0] * keep_up.size[1] / (640 * 360)
        keep_up.painted(seconds_at_full_size * share, INTERVAL, start + number * INTERVAL)
    return widths


def test_what_is_fast_enough_keeps_its_full_size() -> None:
    assert set(paint(KeepUp(640, 360), 0.9 * INTERVAL, 300)) == {640}


def test_the_size_is_lowered_until_painting_keeps_up_and_stays_there() -> None:
    widths = paint(KeepUp(640, 360), 2 * INTERVAL, 900)
    last = widths[-1]
    assert widths[20:] == [last] * 880
    assert (last / 640) ** 2 * 2 < 0.95
    # Not smaller than need be.
    assert (last / 640) ** 2 * 2 > 0.95 * 0.8 * 0.7


def test_what_takes_many_times_too_long_is_given_up_after_a_few_frames() -> None:
    widths = paint(KeepUp(640, 360), 6 * INTERVAL, 40)
    assert widths.count(640) == UNSTEADY_FRAMES + HOPELESS_FRAMES
    assert len(set(widths)) == 2, "at once to a size that keeps up"


def test_a_few_slow_frames_among_fast_ones_change_nothing() -> None:
    keep_up = KeepUp(640, 360)
    for number in range(60):
        keep_up.painted((1.5 if number % 10 in {3, 4} else 0.5) * INTERVAL, INTERVAL, number * INTERVAL)
        assert keep_up.size == (640, 360)


def test_the_size_is_raised_again_when_there_is_room() -> None:
    keep_up = KeepUp(640, 360)
    paint(keep_up, 3 * INTERVAL, 60)
    assert keep_up.size[0] < 400
    assert paint(keep_up, 0.3 * INTERVAL, 900, start=2.0)[-1] == 640


def test_raising_in_vain_is_tried_less_and_less_often() -> None:
    keep_up = KeepUp(640, 360)
    changes = []
    for number in range(6000):
        size = keep_up.size
        # A small size promises more than a large one keeps.
        seconds = 1.5 * INTERVAL if size[0] > 500 else 0.2 * INTERVAL
        keep_up.painted(seconds, INTERVAL, number * INTERVAL)
        if keep_up.size > size:
            changes.append(number * INTERVAL)
    waits = np.diff(changes)
    # Once every two seconds would be a hundred times.
    assert 3 <= len(changes) < 20
    assert max(waits) > 8 * waits[0]


def test_there_is_a_smallest_size_and_a_fixed_one() -> None:
    assert set(paint(KeepUp(640, 360, enabled=False), 9.0, 100)) == {640}
    assert paint(KeepUp(640, 360), 9.0, 300)[-1] == 640 * STEPS[-1]
    keep_up = KeepUp(160, 120)
    paint(keep_up, 9.0, 300)
    assert min(keep_up.size) >= 64


# --- source and painting


def test_strength_colours_and_split_view(state: LiveState) -> None:
    source = quartered_picture(64, 48)
    painted = np.full((24, 32, 3), 200, np.uint8)
    assert composed(source, painted, state).tolist() == np.full((48, 64, 3), 200).tolist()
    assert composed(source, None, state) is source
    state.strength = 0.5
    half = composed(source, painted, state)
    assert np.abs(half.astype(float) - (source.astype(float) + 200) / 2).max() <= 1
    state.strength, state.split = 1.0, True
    both = composed(source, painted, state)
    assert (both[:, :31] == source[:, :31]).all()
    assert (both[:, 33:] == 200).all()


def test_colours_kept_take_the_luminance_of_the_painting(state: LiveState) -> None:
    source = np.full((48, 64, 3), (120, 90, 60), np.uint8)
    painted = np.full((48, 64, 3), 130, np.uint8)
    state.keep_colors = True
    kept = composed(source, painted, state)[0, 0].astype(float)
    assert kept @ (0.2126, 0.7152, 0.0722) == pytest.approx(130, abs=1)
    assert (kept - kept[1]).tolist() == [30, 0, -30]


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
