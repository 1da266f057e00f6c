"""Eight numbers at a time come to what NumPy makes of them, and threads do not share their room."""

import threading
from typing import Any

import numpy as np

from vidstyle.compiled import compiled
from vidstyle.stream.lanes import all_eight, at_least_one, eight_at, put_eight, sum_of_eight
from vidstyle.stream.thread_room import ThreadRoom


@compiled()
def worked_out(numbers: np.ndarray, by: Any, out: np.ndarray) -> Any:
    here, there = eight_at(numbers, np.int64(1)), eight_at(numbers, np.int64(5))
    put_eight(out, np.int64(2), (here - there) * all_eight(by) / at_least_one(here) + there)
    return sum_of_eight(here)


def test_eight_numbers_are_worked_with_as_numpy_does() -> None:
    numbers = np.linspace(-3, 4, 16).astype(np.float32)
    out = np.zeros(12, np.float32)
    total = worked_out(numbers, np.float32(0.5), out)
    here, there = numbers[1:9], numbers[5:13]
    assert np.allclose(out[2:10], (here - there) * 0.5 / np.maximum(1, np.abs(here)) + there, atol=1e-6)
    assert not out[:2].any()
    assert not out[10:].any()
    assert abs(total - here.sum()) < 1e-5


def test_a_thread_keeps_its_room_to_itself() -> None:
    room = ThreadRoom()
    first, second = room.arrays((2, 3), (4,))
    first[:], second[:] = 1, 2
    others: list[np.ndarray] = []

    def ask() -> None:
        others.extend(room.arrays((2, 3), (4,)))
        others[0][:] = 3

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert (first == 1).all()
    assert (second == 2).all()
    # What asks for less has the same again.
    again, *_ = room.arrays((3, 2))
    assert np.shares_memory(again, first)
    assert not np.shares_memory(again, others[0])
    larger, _ = room.arrays((100,), (7, 7))
    assert larger.shape == (100,)
