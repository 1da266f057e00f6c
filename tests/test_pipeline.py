"""Source, engine and sink in three threads: order, bounds, failures, stopping."""

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
import pytest
from waiting import PATIENCE, at_leisure, wait_for

from vidstyle import pipeline
from vidstyle.media.frame import Frame

Step = Callable[[Frame], None]


def nothing(_frame: Frame) -> None:
    pass


def frames(count: int, step: Step = nothing) -> Iterator[Frame]:
    """Frames that carry their number as pts."""
    for number in range(count):
        frame = Frame(np.full((16, 16, 3), number % 256, np.uint8), number, Fraction(1, 25))
        step(frame)
        yield frame


class Copier:
    """Hands frames on as they are, and insists on what the pipeline promises to whoever paints."""

    def __init__(self, depth: int = 1, step: Step = nothing) -> None:
        self.depth, self._step = depth, step
        self._in_flight: deque[Frame] = deque()

    def submit(self, frame: Frame) -> None:
        assert len(self._in_flight) < self.depth
        self._in_flight.append(frame)

    def result(self) -> Frame:
        frame = self._in_flight.popleft()
        self._step(frame)
        return frame


class Collector:
    """A sink that keeps what it is given."""

    def __init__(self, step: Step = nothing) -> None:
        self.frames: list[Frame] = []
        self._step = step

    def write(self, frame: Frame) -> None:
        self._step(frame)
        self.frames.append(frame)


def fail_at(number: int, error: BaseException) -> Step:
    def step(frame: Frame) -> None:
        if frame.pts == number:
            raise error

    return step


OTHERS: set[threading.Thread] = set()


@pytest.fixture(autouse=True)
def others() -> Iterator[None]:
    """Threads of engines that tests elsewhere have let go of, and which Python has not yet."""
    OTHERS.update(threading.enumerate())
    yield
    OTHERS.clear()


def pipeline_threads() -> list[str]:
    threads = set(threading.enumerate()) - OTHERS
    return [thread.name for thread in threads if thread.name.startswith("vidstyle-")]


@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 40])
def test_every_frame_arrives_in_order(depth: int, count: int) -> None:
    sink = Collector()
    done = pipeline.run(frames(count), Copier(depth), sink)
    assert [frame.pts for frame in sink.frames] == list(range(count))
    assert done.frames == count
    assert not pipeline_threads()


@pytest.mark.parametrize("stage", ["source", "engine", "sink", "finish"])
def test_a_failure_in_any_thread_reaches_the_caller_with_its_own_traceback(stage: str) -> None:
    error = ValueError(f"the {stage} broke")
    fail = fail_at(5, error)

    def finish() -> None:
        if stage == "finish":
            fail(Frame(np.zeros((16, 16, 3), np.uint8), 5, Fraction(1)))

    source = frames(1000 if stage != "finish" else 10, fail if stage == "source" else nothing)
    engine = Copier(2, fail if stage == "engine" else nothing)
    sink = Collector(fail if stage == "sink" else nothing)
    with pytest.raises(ValueError, match=f"the {stage} broke") as caught:
        pipeline.run(source, engine, sink, finish=finish)
    assert caught.value is error
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "step"
    assert len(sink.frames) <= 10
    assert not pipeline_threads()


def test_the_first_of_several_failures_is_the_one_that_counts() -> None:
    broken = threading.Event()

    def source_step(frame: Frame) -> None:
        if frame.pts == 3:
            broken.set()
            raise ValueError("first")

    def sink_step(_frame: Frame) -> None:
        broken.wait(PATIENCE)
        time.sleep(0.05)
        raise ValueError("second")

    with pytest.raises(ValueError, match="first"):
        pipeline.run(frames(9, source_step), Copier(), Collector(sink_step))


def test_a_slow_sink_holds_the_source_back() -> None:
    depth = 3
    read = 0
    ahead: list[int] = []

    def count(_frame: Frame) -> None:
        nonlocal read
        read += 1

    def write(frame: Frame) -> None:
        time.sleep(0.01)
        ahead.append(read - frame.pts)

    pipeline.run(frames(40, count), Copier(depth), Collector(write))
    # Two queues, the frames in flight, and one frame in the hand of each thread.
    assert depth < max(ahead) <= 2 * pipeline.QUEUED_FRAMES + depth + 3


def test_finishing_follows_the_last_frame_in_the_thread_that_encodes() -> None:
    sink = Collector()
    seen: list[tuple[int, str]] = []
    pipeline.run(
        frames(10), Copier(), sink, finish=lambda: seen.append((len(sink.frames), threading.current_thread().name))
    )
    assert seen == [(10, "vidstyle-encode")]


@pytest.mark.parametrize("stage", ["source", "engine", "sink", "finish"])
def test_an_interrupted_run_stops_within_a_second_whatever_its_threads_do(stage: str) -> None:
    blocked, release = threading.Event(), threading.Event()

    def block(_frame: Frame | None = None) -> None:
        blocked.set()
        release.wait(PATIENCE)

    steps = {name: block if name == stage else nothing for name in ("source", "engine", "sink")}
    interrupted = 0.0

    def interrupt(_progress: pipeline.Progress) -> None:
        nonlocal interrupted
        if blocked.is_set():
            interrupted = time.monotonic()
            raise KeyboardInterrupt

    source, engine, sink = frames(50, steps["source"]), Copier(2, steps["engine"]), Collector(steps["sink"])
    with pytest.raises(KeyboardInterrupt):
        pipeline.run(source, engine, sink, interrupt, block if stage == "finish" else lambda: None)
    assert time.monotonic() - interrupted < at_leisure(0.9)
    release.set()
    # Once it is released, a thread that was left to itself ends rather than goes on.
    wait_for(lambda: not pipeline_threads())
    assert len(sink.frames) <= (50 if stage == "finish" else 1)


def test_an_interruption_after_the_end_comes_too_late() -> None:
    sink = Collector()

    def interrupt(progress: pipeline.Progress) -> None:
        if finished.is_set():
            raise KeyboardInterrupt

    finished = threading.Event()

    def finish() -> None:
        time.sleep(0.15)
        finished.set()

    done = pipeline.run(frames(3), Copier(), sink, interrupt, finish)
    assert done.frames == len(sink.frames) == 3


def test_progress_counts_frames_and_where_the_time_goes() -> None:
    seen: list[int] = []

    def write(_frame: Frame) -> None:
        time.sleep(0.03)

    done = pipeline.run(frames(10), Copier(), Collector(write), lambda p: seen.append(p.frames))
    assert seen == sorted(seen)
    assert 0 < seen[0] < 10
    assert seen[-1] == 10
    assert 0.3 <= done.busy["encode"] <= done.seconds
    assert done.busy["decode"] < 0.1
    assert done.fps == pytest.approx(10 / done.seconds)


def test_a_stopped_channel_wakes_whoever_waits() -> None:
    full: pipeline.Channel[int] = pipeline.Channel(1)
    full.put(1)
    empty: pipeline.Channel[int] = pipeline.Channel(1)
    woken: list[str] = []

    def wait(name: str, call: Callable[[], object]) -> threading.Thread:
        def body() -> None:
            with pytest.raises(pipeline.Stopped):
                call()
            woken.append(name)

        thread = threading.Thread(target=body)
        thread.start()
        return thread

    waiting = [wait("put", lambda: full.put(2)), wait("get", empty.get)]
    time.sleep(0.05)
    assert not woken
    full.stop()
    empty.stop()
    for thread in waiting:
        thread.join(PATIENCE)
    assert sorted(woken) == ["get", "put"]


def test_a_live_channel_drops_its_oldest_item_for_the_newest() -> None:
    channel: pipeline.Channel[int] = pipeline.Channel(2, newest=True)
    for number in range(5):
        channel.put(number)
    channel.end()
    assert [channel.get(), channel.get(), channel.get()] == [3, 4, None]
    assert channel.dropped == 3


def test_a_channel_can_be_asked_for_a_while() -> None:
    channel: pipeline.Channel[int] = pipeline.Channel(1)
    with pytest.raises(TimeoutError):
        channel.get(0.01)
    channel.put(1)
    assert channel.get(0.01) == 1


def test_fewer_large_frames_are_on_the_way() -> None:
    ahead = [pipeline.look_ahead(size, planes=True) for size in ((64, 36), (1920, 1080), (3840, 2160), (7680, 4320))]
    assert ahead == [8, 8, 3, 3]
    assert pipeline.look_ahead((1920, 1080), planes=False) == 6
