"""How well many workers are used, and that the driver holds nothing of what it has done: workers that sleep."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simulated_cluster import SimulatedCluster

from vidstyle.batch.plan import BatchPlan, Task
from vidstyle.farm import driver
from vidstyle.farm.driver import Farm
from vidstyle.restyle_options import Options


def efficiency(workers: int, work: float, segment: float, overhead: float) -> float:
    """The share of all workers' time in which they paint, by the model of docs/farm.md.

    Every call costs its overhead, and at the end the last segments are waited for, on average half of one by everybody:
    T(n) = W (1 + o / s) / n + s / 2, and the efficiency is W / (n T).

    Args:
        workers: n.
        work: W, seconds that all of it takes one worker.
        segment: s, seconds that a segment takes one worker.
        overhead: o, seconds of a call besides its work.
    """
    seconds = work * (1 + overhead / segment) / workers + segment / 2
    return work / (workers * seconds)


class EmptyFolder:
    """Stands for a SegmentFolder in which nothing has been painted, and writes nothing."""

    def __init__(self, _video: Any, _request: Any, segments: list[Any]) -> None:
        self.missing = list(segments)

    def remove(self) -> None:
        pass

    def close(self) -> None:
        pass


def farm_of(monkeypatch: pytest.MonkeyPatch, cluster: SimulatedCluster) -> Farm:
    tasks = [
        Task(Path(name), Path("/out") / Path(name).name, ((0.0, "noise"),), "noise", False, Options())
        for name in cluster.lengths
    ]
    monkeypatch.setattr(driver, "request_of", lambda *_, **__: {})
    monkeypatch.setattr(driver, "write_record", lambda *_: None)
    monkeypatch.setattr(driver, "SegmentFolder", EmptyFolder)
    farm = Farm(BatchPlan(tasks, []), cores=1)
    farm._ray = cluster
    return farm


@pytest.mark.parametrize("workers", [4, 16, 64, 256])
def test_workers_of_a_thousand_videos_have_little_to_wait_for(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    random = np.random.default_rng(0)
    lengths = {f"/in/{n:04}.mp4": float(seconds) for n, seconds in enumerate(random.lognormal(4, 0.8, 1000))}
    cluster = SimulatedCluster(workers, lengths)
    outcomes = list(farm_of(monkeypatch, cluster).run())
    assert [outcome.status for outcome in outcomes] == ["done"] * 1000
    used = cluster.busy / (workers * cluster.clock)
    assert used > 0.9
    assert used == pytest.approx(efficiency(workers, cluster.busy, cluster.segment, 0.02), abs=0.05)


def test_the_driver_does_not_grow_with_what_is_queued(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    cluster = SimulatedCluster(4, {f"/in/{n:04}.mp4": 100.0 for n in range(200)})
    tracemalloc.start()
    sizes = [tracemalloc.get_traced_memory()[0] for _ in farm_of(monkeypatch, cluster).run()]
    tracemalloc.stop()
    assert len(sizes) == 200
    assert sizes[-1] < sizes[20] + 200_000
