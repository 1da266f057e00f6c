"""Webcams that share a painter: whose frame is painted, and that it delays nobody's."""

from collections import Counter
from concurrent.futures import Future
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from live_steps import FPS, Clock, Painter, inverted
from made_scenes import landscape

pytest.importorskip("gradio", reason="gradio is not installed")

from vidstyle.demo.painting_turns import ASKING_SECONDS, PaintingTurns, SharedPainter
from vidstyle.demo.webcams import PAINTINGS_ON_GPU
from vidstyle.media.frame import Frame
from vidstyle.stream import Stream

RANDOM = np.random.default_rng(0)


def noise() -> np.ndarray:
    """Something else each time, so that each frame would like to be painted."""
    return RANDOM.integers(0, 256, (96, 128, 3), np.uint8)


def shared(clock: Clock, costs: dict[str, float]) -> tuple[PaintingTurns[str], dict[str, Stream], Counter[str]]:
    """A stream for everyone, whose paintings take so many seconds by the clock, and how often each was painted."""
    turns: PaintingTurns[str] = PaintingTurns(clock)
    count: Counter[str] = Counter()

    def counted(who: str) -> SharedPainter[str]:
        def paint(pixels: np.ndarray) -> np.ndarray:
            count[who] += 1
            return inverted(pixels)

        turns.join(who)
        return SharedPainter(Painter(paint, clock, costs[who]), turns, who)

    return turns, {who: Stream([(0.0, counted(who))], live=True) for who in costs}, count


def show(streams: dict[str, Stream], clock: Clock, seconds: float) -> int:
    """Frames of everyone in turn, at the rate of a camera; how many were shown."""
    shown, begin = 0, clock.now
    for number in range(round(seconds * FPS)):
        clock.advance(begin + number / FPS)
        for stream in streams.values():
            stream.submit(Frame(noise(), round(1000 * clock.now), Fraction(1, 1000)))
            shown += stream.result().pixels.size > 0
    clock.advance(begin + seconds)
    return shown


@pytest.mark.slow
def test_two_streams_share_one_painter_fairly_and_every_frame_is_shown() -> None:
    clock = Clock()
    _, streams, count = shared(clock, {"ann": 0.1, "bob": 0.1})
    assert show(streams, clock, 6) == 2 * 6 * FPS
    assert abs(count["ann"] - count["bob"]) <= 1
    assert count.total() > 6 / 0.1 / 2


@pytest.mark.slow
def test_who_costs_more_is_painted_less_often_and_told_so() -> None:
    clock = Clock()
    turns, streams, count = shared(clock, {"ann": 0.04, "heavy": 0.4})
    show(streams, clock, 12)
    assert count["ann"] > 3 * count["heavy"] > 0
    assert "painted less often" in turns.notice("heavy")
    assert turns.notice("ann") == ""


def test_nobody_is_told_that_a_style_is_slow_while_its_network_is_being_compiled() -> None:
    clock = Clock()
    turns, is_compiled = PaintingTurns[str](clock), False
    for who, seconds in (("ann", 0.1), ("bob", 0.5)):
        turns.join(who)
        for _ in range(20):
            painting: Future[None] = Future()
            turns.begun(who, painting, lambda who=who: is_compiled or who == "ann")  # type: ignore[misc]
            clock.advance(clock.now + seconds)
            painting.set_result(None)
    assert turns.notice("bob") == ""
    is_compiled = True
    for _ in range(20):
        painting = Future()
        turns.begun("bob", painting, lambda: is_compiled)
        clock.advance(clock.now + 0.5)
        painting.set_result(None)
    assert "takes 5 times as long" in turns.notice("bob")


def test_there_is_one_painting_at_a_time_whatever_the_styles() -> None:
    clock = Clock()
    turns, streams, _ = shared(clock, {"ann": 1.0, "bob": 1.0})
    show(streams, clock, 0.1)
    assert not turns.may_paint("bob")
    clock.advance(1.05)
    assert turns.may_paint("bob")


def test_who_asks_no_more_or_is_gone_holds_nobody_up() -> None:
    clock = Clock()
    turns: PaintingTurns[str] = PaintingTurns(clock)
    for who in ("ann", "bob"):
        turns.join(who)
    assert turns.may_paint("ann")
    assert not turns.may_paint("bob"), "ann was first"
    clock.advance(ASKING_SECONDS * 0.9)
    assert not turns.may_paint("bob")
    clock.advance(ASKING_SECONDS * 1.1)
    assert turns.may_paint("bob")
    assert not turns.may_paint("ann")
    turns.leave("bob")
    assert turns.may_paint("ann")


# --- twenty webcams and a GPU, which is a clock that goes on


class Card:
    """Paints one frame after the other, each in so many seconds by the clock, and takes as many as wait for it.

    Attributes:
        paintings: so far.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock, self._seconds = clock, seconds
        self._until = 0.0
        self.paintings = 0

    def start(self, pixels: Any) -> "Future[Any]":
        painting: Future[Any] = Future()
        self._until = max(self._until, self._clock.now) + self._seconds
        self.paintings += 1
        self._clock.after(self._until - self._clock.now, lambda: painting.set_result(inverted(pixels)))
        return painting

    def is_free(self) -> bool:
        return True


@pytest.mark.slow
def test_twenty_webcams_share_one_engine_that_has_little_to_do() -> None:
    viewers, seconds, cost = 20, 0.5, 0.001
    clock = Clock()
    card, turns = Card(clock, cost), PaintingTurns[int](clock, at_once=PAINTINGS_ON_GPU)
    pictures = [landscape(seed, 320, 240) // 2 for seed in range(viewers)]
    streams = []
    for who in range(viewers):
        turns.join(who)
        streams.append(Stream([(0.0, SharedPainter(card, turns, who))], live=True))
    first: dict[int, float] = {}
    for number in range(round(seconds * FPS)):
        for who, stream in enumerate(streams):
            # Their cameras do not take their pictures at the same moment.
            clock.advance((number + who / viewers) / FPS)
            frame = np.ascontiguousarray(pictures[who][40:136, number : number + 128])
            stream.submit(Frame(frame, round(1000 * clock.now), Fraction(1, 1000)))
            shown = stream.result().pixels
            # Everyone's own picture, painted, whoever else is.
            off = np.abs(shown.astype(int) - (255 - frame.astype(int)))[8:-8, 8:-8].mean()
            if off < 12:
                first.setdefault(who, clock.now)
            assert who not in first or off < 40, "what is new wears colours until it is painted"
    for stream in streams:
        stream.close()
    each = [stream.paintings / seconds for stream in streams]
    assert card.paintings == sum(stream.paintings for stream in streams)
    assert card.paintings * cost < 0.5 * seconds, card.paintings
    # Painted with one of the next frames, and from then on as soon as there is something new.
    assert len(first) == viewers
    assert max(first.values()) < 4 / FPS, sorted(first.values())
    assert min(each) >= 2, each
