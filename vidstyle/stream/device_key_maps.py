"""Maps of keys on any device that torch knows, term by term as vidstyle.stream.key_maps has them.

With each frame its motion goes up, and a few numbers come down that decide whether it is painted; that is all a frame
waits for.  What there is to compute has the same shapes each time, so that a GPU can be told of it once, as graphs,
and reads from other tensors than it writes to, so that it can be done any number of times.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor

from vidstyle.media.device_pixels import for_current_stream, ready_event
from vidstyle.stream.device_map_steps import MapSteps, Step
from vidstyle.stream.key_maps import MOST_NUMBER, STALE_LEVELS, Carried, Key, Layer
from vidstyle.stream.memory import MOST_KEYS
from vidstyle.stream.motion import Motion

SLOTS = MOST_KEYS + 2
"""Keys that there is room for at first: those that show, the newest, and one that was let go of a moment ago."""


class DeviceView:
    """What is shown of a frame, by maps that stay on the device; see vidstyle.stream.key_maps.View.

    Args:
        layers: the keys, the oldest first, which lies on top.
        begins: whether nothing of the last output may show.
        maps: (MAPS, h, w) float32, written by the current stream; see vidstyle.stream.device_map_steps.
        settle: waits for what the device has found out about this view, and calls `settled`.
    """

    def __init__(self, layers: tuple[Key, ...], maps: Tensor, settle: Callable[[], None], *, begins: bool) -> None:
        self.layers, self.begins = layers, begins
        self.shape = tuple(maps.shape[1:])
        self._maps, self._ready = maps, ready_event(maps)
        self._settle = settle
        self._changes: bool | None = True if begins else None

    @property
    def changes(self) -> bool:
        """Whether anything is to be drawn anew."""
        if self._changes is None:
            self._settle()
        assert self._changes is not None
        return self._changes

    def settled(self, *, changes: bool) -> None:
        """It is known."""
        self._changes = changes

    def maps(self) -> Tensor:
        """The maps, for work on the stream that is current."""
        return for_current_stream(self._maps, self._ready)


class DeviceKeyMaps:
    """Maps as tensors; see vidstyle.stream.key_maps.CarriesKeys.

    Args:
        device: where they are.
        here: for work on the device, on a stream of its own: what is decided must not wait for what is drawn.
        record: makes one launch of a step with fixed tensors, such as vidstyle.engines.cuda_graph.recorded.
    """

    def __init__(
        self,
        device: torch.device,
        here: Callable[[], AbstractContextManager[object]],
        record: Callable[[Step], Step] = lambda step: step,
    ) -> None:
        self._device, self._here, self._record = device, here, record
        self._steps: MapSteps | None = None
        self._start_afresh()

    def forget(self) -> None:
        if self._open is not None:
            # To draw what has not changed does no harm, and nobody waits for the device.
            self._open.settled(changes=True)
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._slots: dict[int, int] = {}
        self._resting: set[int] = set()
        self._shares: dict[int, float] = {}
        self._open: DeviceView | None = None
        self._begun = False
        self._sent: Motion | None = None

    def begin(self, key: Key) -> None:
        with self._here():
            steps = self._steps_for(key.source)
            taken = self._resting.union(self._slots.values())
            free = [slot for slot in range(steps.slots) if slot not in taken]
            if not free:
                self._steps = steps = steps.with_room()
                free = [len(taken)]
            self._slots[key.number], self._shares[key.number] = free[0], 1.0
            steps.begin(free[0], _planar(key.source).to(self._device))

    def place(self, key: Key, motion: Motion) -> None:
        self.begin(key)
        with self._here():
            self._carry(motion, None, [self._slots[key.number]])

    def drop(self, key: Key) -> None:
        # What it showed is still to be drawn over.
        self._resting.add(self._slots.pop(key.number))
        del self._shares[key.number]

    def carry(self, motion: Motion, cares: np.ndarray | None, *, judges: bool) -> Carried:
        with self._here():
            judges &= self._begun
            uncovered, lost, staleness = self._carry(
                motion, cares, [self._slots[number] for number in sorted(self._slots)], judges=judges
            )
        lost = lost if self._slots and self._begun else 0.0
        return Carried(uncovered if self._slots else 1.0, lost, judges and staleness > STALE_LEVELS)

    def share(self, key: Key) -> float:
        return self._shares[key.number]

    def least(self, keys: Sequence[Key]) -> Key:
        with self._here():
            steps = self._arranged(keys)
            shows: list[float] = steps.layered()[1].sum((1, 2))[: len(keys) - 1].tolist()
        return keys[shows.index(min(shows))]

    def layers(self, keys: Sequence[Key]) -> list[Layer]:
        """By maps on the processor."""
        with self._here():
            found = self._arranged(keys).layered()
            over, visible, _, shift = (tensor[: len(keys)].cpu().numpy() for tensor in found)
        ways = np.ascontiguousarray(shift.transpose(0, 2, 3, 1))
        parts = zip(keys, ways, over, visible, strict=True)
        return [Layer(key, way if way.any() else None, covers, shows) for key, way, covers, shows in parts]

    def view(self, keys: Sequence[Key], motion: Motion | None, now: np.ndarray, cares: np.ndarray | None) -> DeviceView:
        begins = motion is None or not self._begun
        self._settle()
        with self._here():
            steps = self._arranged(keys, now)
            if motion is None:
                steps.send_frame(np.zeros((*now.shape[:2], 2), np.float32), now, cares)
            elif self._sent is not motion:
                self._send(steps, motion, cares)
            if begins:
                steps.show_first()
            else:
                steps.show()
            view = DeviceView(tuple(keys), steps.result.clone(), self._settle, begins=begins)
        self._open = None if begins else view
        self._begun = True
        self._sent = None
        self._resting.clear()
        return view

    def _carry(
        self, motion: Motion, cares: np.ndarray | None, slots: Sequence[int], *, judges: bool = False
    ) -> tuple[float, float, float]:
        """Carry what is in some slots; see vidstyle.stream.key_maps.Carried, the last by how much it is stale."""
        steps = self._steps_for(motion.now)
        self._send(steps, motion, cares, slots)
        steps.carry()
        if judges:
            steps.judge()
        self._read(steps)
        return steps.uncovered, steps.lost, steps.staleness

    def _send(self, steps: MapSteps, motion: Motion, cares: np.ndarray | None, slots: Sequence[int] = ()) -> None:
        camera, levels = motion.of_the_camera, motion.alike_levels
        steps.send_frame(
            motion.flow, motion.now, cares, still=motion.still, levels=levels, camera=camera, carried=slots
        )
        self._sent = motion

    def _settle(self) -> None:
        """Find out about the last view what is not known yet."""
        if self._open is not None and self._steps is not None:
            with self._here():
                self._read(self._steps)

    def _read(self, steps: MapSteps) -> None:
        """Wait for all numbers."""
        steps.read()
        self._shares = {number: steps.share(slot) for number, slot in self._slots.items()}
        if self._open is not None:
            self._open.settled(changes=steps.changes)
            self._open = None

    def _arranged(self, keys: Sequence[Key], now: np.ndarray | None = None) -> MapSteps:
        """The steps, told which keys lie over which."""
        steps = self._steps if now is None else self._steps_for(now)
        assert steps is not None
        newest = len(keys) - 1
        steps.send_order(
            [self._slots[key.number] for key in keys],
            [key.number % MOST_NUMBER for key in keys],
            [key.gone if place < newest else 0.0 for place, key in enumerate(keys)],
        )
        return steps

    def _steps_for(self, picture: np.ndarray) -> MapSteps:
        height, width = picture.shape[:2]
        if self._steps is None or self._steps.shape != (height, width):
            assert not self._slots
            self._steps = MapSteps(SLOTS, (height, width), self._device, self._record)
        return self._steps


def _planar(picture: np.ndarray) -> Tensor:
    """(h, w, C) uint8 as (C, h, w) float32."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)).astype(np.float32))


__all__ = ["DeviceKeyMaps", "DeviceView"]
