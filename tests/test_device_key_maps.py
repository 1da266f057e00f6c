"""Maps of keys as tensors decide what those as arrays decide, frame by frame; the device is torch's CPU."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest
from made_scenes import landscape, noisy, scene, tumbling, view, with_disc

from vidstyle.stream.device_key_maps import SLOTS, DeviceKeyMaps
from vidstyle.stream.device_map_steps import CHANGED, FADING, HELD, OVER, SHIFT_X, SHIFT_Y
from vidstyle.stream.device_operations import DeviceOperations
from vidstyle.stream.key_maps import Key
from vidstyle.stream.memory import MOST_KEYS, MUCH_LOST, Memory
from vidstyle.stream.motion import FINER, Motion, find_motion, small_picture

pytestmark = pytest.mark.usefixtures("one_thread")
SECONDS = 1 / 25


def done() -> "Future[Any]":
    result: Future[Any] = Future()
    result.set_result(None)
    return result


class Both:
    """A memory with maps of either kind, frame after frame, which have to say the same."""

    def __init__(self, device: str = "cpu") -> None:
        maps = DeviceOperations(device).key_maps()
        assert isinstance(maps, DeviceKeyMaps)
        self.maps = maps
        self.memories = Memory(), Memory(maps)
        self.small: np.ndarray | None = None
        self.layers: list[int] = []
        self.asked: list[bool] = []
        self.stale, self.most_lost = 0, 0.0

    def go_on(self, frame: np.ndarray, cares: np.ndarray | None = None) -> Motion | None:
        small = small_picture(frame)
        motion = find_motion(self.small, small) if self.small is not None else None
        self.small = small
        for memory in self.memories:
            memory.cares = cares
            if motion is None:
                memory.forget()
            else:
                memory.carry(motion, SECONDS)
        one, other = self.memories
        assert one._uncovered == pytest.approx(other._uncovered, abs=1e-4)
        assert one._lost == pytest.approx(other._lost, abs=2e-3)
        assert (one.wants_painting, one.gains_from_painting) == (other.wants_painting, other.gains_from_painting)
        assert one._stale == other._stale
        self.stale += one._stale
        self.most_lost = max(self.most_lost, one._lost)
        self.asked.append(one.wants_painting)
        return motion

    def add(self) -> None:
        assert self.small is not None
        for memory in self.memories:
            memory.add(self.small, done())

    def show(self, motion: Motion | None, usable: Callable[[Key], bool] = lambda _: True) -> None:
        assert self.small is not None
        one, other = (memory.view(motion, self.small, usable) for memory in self.memories)
        keys = [layer.key.number for layer in one.layers]
        assert keys == [key.number for key in other.layers]
        assert one.begins == other.begins
        assert bool(one.changed.any()) == other.changes
        self.layers.append(len(keys))
        maps = other.maps().cpu().numpy()
        for place, layer in enumerate(one.layers):
            assert np.abs(layer.over - maps[OVER][place]).max() < 0.02
            shift = np.zeros((*layer.over.shape, 2)) if layer.shift is None else layer.shift
            assert np.abs(shift[..., 0] - maps[SHIFT_X][place]).max() < 1e-2
            assert np.abs(shift[..., 1] - maps[SHIFT_Y][place]).max() < 1e-2
        for expected, found in ((one.held, maps[HELD]), (one.fading, maps[FADING]), (one.changed, maps[CHANGED])):
            assert (np.abs(expected - found) > 0.01).mean() < 0.005

    def run(self, frames: Sequence[np.ndarray], cares: np.ndarray | None = None) -> None:
        for frame in frames:
            motion = self.go_on(frame, cares)
            if self.asked[-1]:
                self.add()
            self.show(motion)


def pan(count: int, step: int = 3) -> list[np.ndarray]:
    picture = landscape()
    return [view(picture, step * n) for n in range(count)]


def test_a_pan_is_painted_alike_with_no_more_keys_than_show() -> None:
    both = Both()
    both.run(pan(40, 4))
    assert 5 < sum(both.asked) < 20
    # One more was there when the one that showed least was let go of.
    assert max(both.layers) == MOST_KEYS


def test_what_a_mask_hides_is_not_painted_for() -> None:
    behind = scene(3)
    frames = [noisy(with_disc(behind, 20 + 7 * n, 70, (200, 40, 40), 14), 2, n) for n in range(16)]
    height, width = (side // FINER for side in small_picture(frames[0]).shape[:2])
    cares = np.zeros((height, width), np.float32)
    cares[height // 2 :] = 1
    hidden, whole = Both(), Both()
    hidden.run(frames, cares)
    whole.run(frames)
    assert sum(hidden.asked) <= sum(whole.asked)


def test_a_picture_that_fades_is_stale_in_the_same_frame() -> None:
    still = scene(1)
    shade = np.linspace(0, 1, still.shape[1])[:, None]
    frames = [np.clip(still + 0.5 * min(n, 16) * shade, 0, 255).astype(np.uint8) for n in range(20)]
    for masked in (False, True):
        cares = np.zeros([side // FINER for side in small_picture(still).shape[:2]], np.float32)
        cares[:, ::2] = 1
        both = Both()
        both.run(frames, cares if masked else None)
        assert both.stale > 0


@pytest.mark.parametrize(("degrees", "step"), [(17, 5), (40, 8)])
def test_what_leaps_is_missed_alike(degrees: float, step: int) -> None:
    both = Both()
    both.run([frame for frame, _ in tumbling(14, degrees, step)])
    assert both.most_lost > MUCH_LOST


def test_keys_that_wait_for_their_paintings_find_room() -> None:
    both = Both()
    lag = 2 * SLOTS
    for number, frame in enumerate(pan(lag + 6, 1)):
        motion = both.go_on(frame)
        both.add()
        both.show(motion, lambda key, now=number: key.number <= now - lag)
    assert both.maps._steps is not None
    assert both.maps._steps.slots > lag
    assert both.layers[lag - 1] == 0
    assert both.layers[-1] == MOST_KEYS


def test_what_is_pinned_is_placed_alike_and_stays_on_top() -> None:
    frames = pan(16)
    own = small_picture(frames[7])
    both = Both()
    for number, frame in enumerate(frames):
        motion = both.go_on(frame)
        if number == 5:
            there = find_motion(own, small_picture(frame))
            assert there is not None
            pinned = [memory.pin(own, done(), there) for memory in both.memories]
            shares = [memory.share(key) for memory, key in zip(both.memories, pinned, strict=True)]
            assert shares[0] == pytest.approx(shares[1], abs=1e-3)
            assert shares[0] > 0.5
        if both.asked[-1]:
            both.add()
        both.show(motion)
        if number >= 5:
            assert all(memory.keys[0] is key for memory, key in zip(both.memories, pinned, strict=True))
    for memory, key in zip(both.memories, pinned, strict=True):
        assert key.age == 0
        memory.drop(key)
    both.run(frames[-1:])


def test_a_cut_begins_anew_and_what_was_planned_before_it_is_still_known() -> None:
    both = Both()
    both.run([*pan(5), *[scene(5)] * 5])
    assert both.asked[5]
    memory, small = both.memories[1], both.small
    assert small is not None
    motion = both.go_on(scene(5))
    planned = memory.view(motion, small)
    # A cut comes before anybody has asked what is to be drawn.
    memory.forget()
    assert planned.changes


@pytest.mark.gpu
def test_a_gpu_carries_keys_alike() -> None:
    for frames in (pan(24), [scene(1)] * 6):
        both = Both("cuda:0")
        both.run(frames)
        assert both.layers[-1] >= 1
