"""One sequence: styles in time, looks, whoever paints, and what is painted again."""

import threading
from concurrent.futures import Future
from fractions import Fraction

import numpy as np
import pytest
from made_scenes import (
    Painter,
    Slow,
    Waiting,
    done,
    flat,
    frames_of,
    grain,
    landscape,
    painted,
    plain,
    run,
    scene,
    strokes,
    to_planes,
    view,
)
from media_files import psnr

from vidstyle.media.frame import Frame
from vidstyle.stream import Look, Stream
from vidstyle.stream import stream as stream_module


def panning(count: int, step: int = 3) -> list[np.ndarray]:
    picture = landscape()
    return [view(picture, step * n) for n in range(count)]


# --- the same input, the same output


def test_the_same_frames_give_the_same_pixels_twice() -> None:
    frames = [*panning(20), *[scene(1)] * 3, *panning(10)[::-1]]
    first, second = painted(frames, grain()), painted(frames, grain())
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize("steady", [False, True])
@pytest.mark.parametrize("seconds", [(0.0,), (0.02,), (0.0, 0.03, 0.01)], ids=str)
def test_how_fast_the_painter_is_does_not_show(seconds: tuple[float, ...], steady: bool) -> None:
    frames = panning(16, 5)
    painter, slow = Painter(strokes), Slow(strokes, seconds)
    expected, shown = painted(frames, painter, steady=steady), painted(frames, slow, steady=steady)
    assert len(slow.seen) == len(painter.seen)
    assert all(np.array_equal(one, other) for one, other in zip(expected, shown, strict=True))


@pytest.mark.parametrize("look_ahead", [1, 2, 5])
def test_how_many_frames_are_on_the_way_does_not_show(look_ahead: int) -> None:
    frames = panning(16, 5)
    expected, shown = painted(frames, grain()), painted(frames, grain(), look_ahead=look_ahead)
    assert all(np.array_equal(one, other) for one, other in zip(expected, shown, strict=True))


@pytest.mark.parametrize("strength", [0.0, 0.6, 1.0])
def test_a_frame_may_be_finished_when_the_next_one_has_been_drawn(strength: float) -> None:
    frames = [*panning(6, 5), *[scene(1)] * 2]
    look = Look(strength)
    expected = run(Stream([(0.0, Painter(strokes))], look, stroke_size=2.0), frames_of(frames))
    stream = Stream([(0.0, Painter(strokes))], look, stroke_size=2.0)
    shown, last = [], None
    for frame in frames_of(frames):
        stream.submit(frame)
        drawn = stream.drawn()
        if last is not None:
            shown.append(last())
        last = drawn
    assert last is not None
    shown.append(last())
    stream.close()
    assert [frame.pts for frame in shown] == list(range(len(frames)))
    assert all(np.array_equal(one, other.pixels) for one, other in zip(expected, shown, strict=True))


def test_frames_keep_their_times_and_are_left_alone() -> None:
    stream = Stream([(0.0, Painter(strokes))], look_ahead=3)
    source = panning(1)[0]
    before = source.copy()
    for pts in (3, 5, 9):
        stream.submit(Frame(source, pts, Fraction(1, 7), duration=pts))
    for pts in (3, 5, 9):
        shown = stream.result()
        assert (shown.pts, shown.time_base, shown.duration) == (pts, Fraction(1, 7), pts)
        assert shown.pixels.shape == source.shape
    stream.close()
    assert np.array_equal(source, before)


def test_times_that_make_no_sense_are_no_reason_to_stop() -> None:
    stream = Stream([(0.0, Painter(strokes))])
    frames = [Frame(pixels, pts, Fraction(1, 25)) for pixels, pts in zip(panning(5), (7, 7, 3, 10**9, 8), strict=True)]
    assert len(run(stream, frames)) == 5


# --- each frame by itself


@pytest.mark.parametrize("planes", [False, True], ids=["RGB", "planes"])
def test_frame_by_frame_each_shows_its_own_painting(planes: bool) -> None:
    frames = [to_planes(picture) if planes else picture for picture in panning(5)]
    for picture, shown in zip(frames, painted(frames, Painter(strokes), steady=False), strict=True):
        assert np.array_equal(shown, strokes(picture))


@pytest.mark.parametrize("look_ahead", [1, 8])
def test_a_frame_that_shows_nothing_new_is_not_painted_again(look_ahead: int) -> None:
    painter = Painter(lambda pixels: 255 - pixels)
    pictures = [plain(level, 32, 32) for level in (10, 10, 10, 20, 10, 10, 30)]
    shown = painted(pictures, painter, steady=False, look_ahead=look_ahead)
    assert [int(picture[0, 0, 0]) for picture in shown] == [245, 245, 245, 235, 245, 245, 225]
    assert len(painter.seen) == 4


def test_a_discontinuity_is_painted_anew() -> None:
    painter = Painter(strokes)
    painted([plain(10)] * 4, painter, steady=False, fresh=frozenset({2}))
    assert len(painter.seen) == 2


def test_one_pixel_is_something_new() -> None:
    other = plain(10)
    other[31, 31, 2] += 1
    painter = Painter(strokes)
    painted([plain(10), other], painter, steady=False)
    assert len(painter.seen) == 2


# --- looks


@pytest.mark.parametrize("steady", [False, True])
@pytest.mark.parametrize("size", [(64, 48), (1280, 720)], ids=str)
def test_strength_0_is_the_source_bit_for_bit_and_nothing_is_painted(size: tuple[int, int], steady: bool) -> None:
    painter = grain()
    frames = [landscape(n, *size) for n in range(3)]
    for source, shown in zip(frames, painted(frames, painter, steady=steady, look=Look(strength=0)), strict=True):
        assert np.array_equal(source, shown)
    assert not painter.seen


@pytest.mark.parametrize("planes", [False, True], ids=["RGB", "planes"])
def test_strength_blends(planes: bool) -> None:
    frames = [to_planes(picture) if planes else picture for picture in panning(3)]
    whole = painted(frames, Painter(strokes))
    for share in (0.25, 0.7):
        for source, paint, shown in zip(
            frames, whole, painted(frames, Painter(strokes), look=Look(share)), strict=True
        ):
            assert np.abs(shown - ((1 - share) * source + share * paint.astype(float))).max() <= 1


@pytest.mark.parametrize(("strength", "later"), [(0.0, 1.0), (1.0, 0.0)])
def test_strength_may_change_while_frames_wait(strength: float, later: float) -> None:
    stream = Stream([(0.0, flat(200))], Look(strength), look_ahead=4)
    frames = frames_of([plain(10)] * 6)
    shown = []
    for number, frame in enumerate(frames):
        stream.submit(frame)
        if number == 3:
            stream.look = Look(later)
            shown = [stream.result().pixels.mean()]
    shown += [stream.result().pixels.mean() for _ in range(5)]
    stream.close()
    assert set(shown) <= {10.0, 200.0}
    assert shown[-1] == (200.0 if later else 10.0)


def test_keeping_colours_keeps_the_chroma_of_planes() -> None:
    frames = [to_planes(picture) for picture in panning(3)]
    height = len(frames[0]) * 2 // 3
    whole = painted(frames, Painter(strokes))
    for source, paint, kept in zip(
        frames, whole, painted(frames, Painter(strokes), look=Look(keep_colors=True)), strict=True
    ):
        assert np.array_equal(kept[:height], paint[:height])
        assert np.array_equal(kept[height:], source[height:])


def test_a_look_acts_at_once_and_only_from_then_on() -> None:
    stream = Stream([(0.0, flat(200))])
    levels = []
    for frame in frames_of([plain(100)] * 6):
        stream.look = [Look(), Look(0.5), Look(0), Look(0.5), Look(), Look(0.25)][frame.pts]
        stream.submit(frame)
        levels.append(int(stream.result().pixels[0, 0, 0]))
    stream.close()
    assert levels == [200, 150, 100, 150, 200, 125]


# --- styles of certain times


@pytest.mark.parametrize("steady", [False, True])
def test_one_style_fades_into_the_next_in_time(steady: bool) -> None:
    painters = [flat(level) for level in (0, 100, 200)]
    stream = Stream([*zip((1.0, 2.0, 4.0), painters, strict=True)], steady=steady)
    levels = []
    # The first frame of a file need not be at zero.
    for n in range(50, 60):
        stream.submit(Frame(plain(9), n, Fraction(1, 2)))
        levels.append(int(stream.result().pixels[0, 0, 0]))
        # None paints before it is needed.
        assert [bool(painter.seen) for painter in painters] == [True, n >= 53, n >= 55]
    assert levels == [0, 0, 0, 50, 100, 125, 150, 175, 200, 200]
    stream.close()


def test_motion_is_looked_for_once_a_frame_during_a_fade(monkeypatch: pytest.MonkeyPatch) -> None:
    searches = []
    find = stream_module.find_motion
    monkeypatch.setattr(stream_module, "find_motion", lambda *pair: searches.append(pair) or find(*pair))
    stream = Stream([(0.0, Painter(strokes)), (1.0, grain())])
    run(stream, frames_of(panning(8)))
    assert len(searches) == 7


# --- failures


def failing_at(number: int) -> Painter:
    class FailingOnce(Painter):
        def start(self, pixels: np.ndarray) -> "Future[np.ndarray]":
            self.seen.append(pixels)
            if len(self.seen) - 1 != number:
                return done(self.paint(pixels))
            painting: Future[np.ndarray] = Future()
            painting.set_exception(ValueError("out of paint"))
            return painting

    return FailingOnce(strokes)


@pytest.mark.parametrize("steady", [False, True])
def test_after_a_painting_that_failed_the_next_frame_is_painted_afresh(steady: bool) -> None:
    painter = failing_at(1)
    stream = Stream([(0.0, painter)], steady=steady)
    frames = frames_of([scene(0), scene(1), scene(1)])
    stream.submit(frames[0])
    stream.result()
    stream.submit(frames[1])
    with pytest.raises(ValueError, match="out of paint"):
        stream.result()
    stream.submit(frames[2])
    assert psnr(stream.result().pixels, strokes(frames[2].pixels)) > 28
    assert len(painter.seen) == 3
    stream.close()


# --- live: the clock decides what is painted, and nothing waits


def live_levels(stream: Stream, count: int, first: int = 0, level: int = 9) -> list[int]:
    levels = []
    for n in range(first, first + count):
        stream.submit(Frame(plain(level), n, Fraction(1, 25)))
        levels.append(int(stream.result().pixels[72, 96, 0]))
    return levels


def test_live_shows_every_frame_while_one_is_being_painted() -> None:
    painter = Waiting(strokes)
    stream = Stream([(0.0, painter)], live=True)
    frames = frames_of(panning(12, 4))
    for frame in frames:
        stream.submit(frame)
        shown = stream.result()
        assert shown.pts == frame.pts
        assert len(painter.open) <= 1
    # The newest frame is painted whenever the painter is free, and carried along to where it has come since.
    painter.finish()
    assert len(painter.seen) == 2
    stream.submit(frames[-1])
    assert psnr(stream.result().pixels, strokes(frames[-1].pixels)) > 14
    stream.close()


def test_live_never_shows_the_camera_itself_nor_a_hole() -> None:
    color = (90, 210, 40)
    painter = Waiting(lambda pixels: np.broadcast_to(np.uint8(color), pixels.shape).copy())
    stream = Stream([(0.0, painter)], live=True)
    # A cut among them: nothing has been painted of what comes then, and it fades in once something has.
    for frame in frames_of([*panning(8, 12), *[scene(1)] * 14, *panning(6, 20)]):
        stream.submit(frame)
        assert np.abs(stream.result().pixels.astype(int) - color).max() <= 3
        if frame.pts % 5 == 4:
            painter.finish()
    stream.close()


def test_live_goes_over_to_another_style_when_it_is_painted() -> None:
    first, second = flat(40), Waiting(lambda pixels: np.full_like(pixels, 240))
    second.seen.append(plain(0))  # not even its first painting comes at once
    stream = Stream([(0.0, first)], live=True)
    assert live_levels(stream, 3) == [40] * 3
    stream.change(second)
    assert live_levels(stream, 3, 3) == [40] * 3
    second.finish()
    levels = live_levels(stream, 10, 6)
    assert levels == sorted(levels)
    assert 40 < levels[1] < 240 == levels[-1]
    assert stream.painters == [second]
    stream.close()


def test_live_frame_by_frame_waits_for_each_painting() -> None:
    stream = Stream([(0.0, Slow(lambda pixels: 255 - pixels, (0.01,)))], live=True, steady=False)
    assert live_levels(stream, 3, level=9) == [246] * 3
    stream.close()


def test_closing_leaves_no_thread() -> None:
    before = threading.active_count()
    painted(panning(4), Painter(strokes))
    for thread in threading.enumerate():
        if thread.name.startswith("vidstyle-motion"):
            thread.join(5)
    assert threading.active_count() <= before
