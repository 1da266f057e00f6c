"""One engine for all who have frames to paint."""

import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from vidstyle.engines import Engine
from vidstyle.engines.painting_queue import PaintingQueue
from vidstyle.media.frame import Frame


class Inverter(Engine):
    """Insists on what is promised to engines; `gate` holds results back, `fails` names the levels that do not work."""

    name, device = "inverter", "cpu"

    def __init__(self, depth: int = 1, fails: tuple[int, ...] = ()) -> None:
        self.depth, self._fails = depth, fails
        self._in_flight: deque[Frame] = deque()
        self.most, self.closed = 0, 0
        self.gate = threading.Event()
        self.gate.set()

    def submit(self, frame: Frame) -> None:
        assert len(self._in_flight) < self.depth
        assert {f.pixels.shape for f in self._in_flight} <= {frame.pixels.shape}
        if frame.pixels.flat[0] == 255:
            raise ValueError("refused")
        self._in_flight.append(frame)
        self.most = max(self.most, len(self._in_flight))

    def result(self) -> Frame:
        assert self.gate.wait(20)
        frame = self._in_flight.popleft()
        if frame.pixels.flat[0] in self._fails:
            raise ValueError(f"failed at {frame.pixels.flat[0]}")
        return Frame(255 - frame.pixels, frame.pts, frame.time_base)

    def close(self) -> None:
        self.closed += 1


def flat(level: int, side: int = 16) -> np.ndarray:
    return np.full((side, side, 3), level, np.uint8)


def level(painting: "Future[np.ndarray]") -> int:
    return int(painting.result(20)[0, 0, 0])


@pytest.mark.parametrize("depth", [1, 3])
def test_each_future_is_the_painting_of_its_own_frame(depth: int) -> None:
    queue = PaintingQueue(lambda: Inverter(depth))
    paintings = [queue.start(flat(n)) for n in range(40)]
    assert [level(painting) for painting in paintings] == [255 - n for n in range(40)]
    queue.close()


def test_the_engine_is_made_when_it_is_needed_and_once() -> None:
    made: list[Inverter] = []

    def make() -> Engine:
        made.append(Inverter())
        return made[-1]

    queue = PaintingQueue(make)
    assert not made
    assert queue.is_free()
    level(queue.start(flat(1)))
    assert queue.engine is made[0]
    level(queue.start(flat(1)))
    assert len(made) == 1
    queue.close()
    assert made[0].closed == 1


def test_as_many_are_in_flight_as_the_engine_can_have_and_the_next_one_waits() -> None:
    engine = Inverter(3)
    engine.gate.clear()
    queue = PaintingQueue(lambda: engine)
    paintings = [queue.start(flat(n)) for n in range(3)]
    assert not queue.is_free()
    with ThreadPoolExecutor(1) as other:
        fourth = other.submit(queue.start, flat(3))
        assert not fourth.done()
        engine.gate.set()
        assert [level(painting) for painting in [*paintings, fourth.result(20)]] == [255, 254, 253, 252]
    assert engine.most == 3
    assert queue.is_free()
    queue.close()


def test_frames_in_flight_share_their_size() -> None:
    queue = PaintingQueue(lambda: Inverter(3))
    sides = (16, 16, 24, 32, 32, 16) * 4
    paintings = [queue.start(flat(n, side)) for n, side in enumerate(sides)]
    assert [painting.result(20).shape[0] for painting in paintings] == [*sides]
    queue.close()


def test_many_may_paint_with_one_engine() -> None:
    queue = PaintingQueue(lambda: Inverter(2))

    def painted(begin: int) -> list[int]:
        return [level(queue.start(flat(begin + n, 16 + 8 * (n % 2)))) for n in range(20)]

    with ThreadPoolExecutor(4) as painters:
        results = list(painters.map(painted, range(0, 80, 20)))
    assert results == [[255 - begin - n for n in range(20)] for begin in range(0, 80, 20)]
    queue.close()


def test_a_failure_comes_with_its_own_painting_and_the_queue_goes_on() -> None:
    queue = PaintingQueue(lambda: Inverter(2, fails=(1,)))
    first, second, third = (queue.start(flat(n)) for n in range(3))
    assert level(first) == 255
    with pytest.raises(ValueError, match="failed at 1"):
        second.result(20)
    assert level(third) == 253
    queue.close()


def test_a_frame_that_is_refused_leaves_nothing_behind() -> None:
    queue = PaintingQueue(Inverter)
    with pytest.raises(ValueError, match="refused"):
        queue.start(flat(255))
    assert queue.is_free()
    assert level(queue.start(flat(5))) == 250
    queue.close()


def test_an_engine_that_cannot_be_made_is_tried_again() -> None:
    tries = []

    def make() -> Engine:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("no room")
        return Inverter()

    queue = PaintingQueue(make)
    with pytest.raises(ValueError, match="no room"):
        queue.start(flat(1))
    assert level(queue.start(flat(1))) == 254
    queue.close()


def test_a_queue_that_is_closed_paints_what_is_in_flight_and_no_more() -> None:
    engine = Inverter(2)
    queue = PaintingQueue(lambda: engine)
    painting = queue.start(flat(1))
    queue.close()
    assert level(painting) == 254
    assert engine.closed == 1
    with pytest.raises(RuntimeError, match="has been closed"):
        queue.start(flat(1))


def test_closing_does_not_wait_for_an_engine_that_hangs() -> None:
    engine = Inverter(1)
    engine.gate.clear()
    queue = PaintingQueue(lambda: engine)
    queue.start(flat(1))
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(queue.start, flat(2))
        queue.close()
        with pytest.raises(RuntimeError, match="has been closed"):
            waiting.result(20)
    assert not engine.closed, "something is still in there"
    engine.gate.set()


def test_closing_what_was_never_used_makes_no_engine() -> None:
    made = []
    PaintingQueue(lambda: made.append(1) or Inverter()).close()
    assert not made
