"""A cluster of workers that sleep, on a clock of its own: the driver's scheduling, without anything painted."""

import heapq
import itertools
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from vidstyle.farm.cuts import Bounds
from vidstyle.farm.painting_segments import Survey
from vidstyle.restyling import Summary


class SimulatedCluster:
    """Stands for the module `ray`, as far as the driver uses it.

    Args:
        workers: how many there is room for.
        overhead: seconds that every call takes besides its work.
        driver: seconds that the driver is busy with each result.
        lengths: of videos by their names, seconds of work; each is painted in segments of `segment` seconds.
        segment: seconds of work.
        look: share of a video's work that it takes to find its segments.
    """

    def __init__(
        self,
        workers: int,
        lengths: dict[str, float],
        *,
        overhead: float = 0.02,
        driver: float = 0.002,
        segment: float = 30.0,
        look: float = 0.05,
    ) -> None:
        self.workers, self.lengths = workers, lengths
        self.overhead, self.driver, self.segment, self.look = overhead, driver, segment, look
        self.clock = self.busy = 0.0
        self.exceptions = SimpleNamespace(RayActorError=_LostError, RayError=_LostError)
        self._calls: list[tuple[float, int]] = []
        self._results: dict[int, Any] = {}
        self._numbers = itertools.count()

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": {"CPU": self.workers}}]

    def remote(self, **_: Any) -> Any:
        return lambda _actor: SimpleNamespace(remote=lambda _cores: _Worker(self))

    def wait(self, references: Sequence[int], **_: Any) -> tuple[list[int], list[int]]:
        finished, reference = heapq.heappop(self._calls)
        self.clock = max(self.clock, finished) + self.driver
        return [reference], []

    def get(self, reference: int) -> Any:
        return self._results.pop(reference)

    def kill(self, _: Any) -> None:
        pass

    def call(self, step: str, video: Any, *arguments: Any) -> int:
        """Begin a step; it is finished when the clock says so."""
        seconds = self.lengths[video.source]
        work, result = self._step(step, seconds, arguments)
        self.busy += work
        reference = next(self._numbers)
        heapq.heappush(self._calls, (self.clock + work + self.overhead, reference))
        self._results[reference] = result
        return reference

    def _step(self, step: str, seconds: float, arguments: tuple[Any, ...]) -> tuple[float, Any]:
        if step == "look":
            count = max(1, round(seconds / self.segment))
            bounds = [Bounds(n, n, n + 1, n, 100) for n in range(count)] if count > 1 else []
            return self.look * seconds, Survey(100 * count, bounds)
        if step == "paint_segment":
            return seconds / max(1, round(seconds / self.segment)), 100
        done = Summary(100, 1.0, 100.0, 16, 16, "cpu", "torch_cpu", "noise")
        return (seconds if step == "paint_whole" else 0.01 * seconds), done


class _Worker:
    """Sleeps as long as a call takes."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self.do = SimpleNamespace(remote=cluster.call)


class _LostError(Exception):
    """Nobody is lost here."""
