"""OpenCV works on one thread while there are streams on few cores, and as before once there are none."""

import gc
from collections.abc import Iterator

import cv2
import pytest

from vidstyle.stream import opencv_threads
from vidstyle.stream.opencv_threads import FEW, OpenCvThreads
from vidstyle.stream.stream import Stream


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    yield
    cv2.setNumThreads(before)


@pytest.mark.parametrize(("cores", "threads"), [(FEW, 1), (FEW + 1, 2)])
def test_on_few_cores_there_is_one_thread_until_the_last_lets_go(
    monkeypatch: pytest.MonkeyPatch, cores: int, threads: int
) -> None:
    monkeypatch.setattr(opencv_threads, "usable_cores", lambda: cores)
    held = OpenCvThreads()
    held.hold()
    held.hold()
    assert cv2.getNumThreads() == threads
    held.let_go()
    assert cv2.getNumThreads() == threads
    held.let_go()
    assert cv2.getNumThreads() == 2


def test_what_somebody_else_has_asked_for_meanwhile_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opencv_threads, "usable_cores", lambda: 2)
    held = OpenCvThreads()
    held.hold()
    cv2.setNumThreads(3)
    held.let_go()
    assert cv2.getNumThreads() == 3
    monkeypatch.setattr(opencv_threads, "usable_cores", lambda: FEW + 1)
    held.hold()
    cv2.setNumThreads(2)
    held.let_go()
    assert cv2.getNumThreads() == 2


def test_a_stream_holds_them_until_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opencv_threads, "usable_cores", lambda: 2)
    # Whatever other tests have left open.
    monkeypatch.setattr("vidstyle.stream.stream.opencv_threads", OpenCvThreads())
    stream = Stream([(0.0, object())])  # type: ignore[list-item]
    assert cv2.getNumThreads() == 1
    stream.close()
    stream.close()
    assert cv2.getNumThreads() == 2
    # Of one that nobody closes as well.
    stream = Stream([(0.0, object())])  # type: ignore[list-item]
    assert cv2.getNumThreads() == 1
    del stream
    gc.collect()
    assert cv2.getNumThreads() == 2
