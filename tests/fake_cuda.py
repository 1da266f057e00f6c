"""CUDA's streams, events and graphs on the processor, for tests of what an engine does with them.

Kernels run at once, so these fakes cannot show a missing wait; but a graph records what is computed and computes that
again, from and into the very same memory, as a real one does: whatever else a function did has no effect on a replay.
"""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class FakeDevice:
    """What happens on the device, and how it fails.

    Attributes:
        failure: raised by whatever waits for the device or records for it, if not None.
        refuses_graphs: raised when a recording ends, if not None.
        replays: graphs that have been launched.
    """

    def __init__(self) -> None:
        self.failure: RuntimeError | None = None
        self.refuses_graphs: RuntimeError | None = None
        self.recorded = self.replays = 0

    def check(self) -> None:
        if self.failure is not None:
            raise self.failure


class _Recorder(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.steps: list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]] = []

    def __torch_dispatch__(self, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.steps.append((func, args, kwargs or {}, result))
        return result

    def replay(self) -> None:
        for func, args, kwargs, kept in self.steps:
            again = func(*args, **kwargs)
            for old, new in zip(tree_leaves(kept), tree_leaves(again), strict=True):
                if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)


def install(monkeypatch: pytest.MonkeyPatch) -> FakeDevice:
    """Put the fakes in the place of torch.cuda's; the device is called `cpu`."""
    device = FakeDevice()

    class Stream:
        def __init__(self, *_: object) -> None: ...

        def wait_event(self, event: "Event") -> None:
            assert event.at is not None, "waits for what has never been recorded"

    class Event:
        def __init__(self, *, enable_timing: bool = False) -> None:
            self.timed, self.at = enable_timing, None

        def record(self, *_: object) -> None:
            self.at = time.perf_counter()

        def synchronize(self) -> None:
            device.check()

        def elapsed_time(self, end: "Event") -> float:
            assert self.timed
            assert end.timed
            return 1000 * (end.at - self.at)

    class CUDAGraph:
        recorder: _Recorder | None = None

        def replay(self) -> None:
            device.check()
            assert self.recorder is not None
            self.recorder.replay()
            device.replays += 1

    @contextlib.contextmanager
    def graph(recorded: CUDAGraph, **_: object) -> Iterator[None]:
        recorded.recorder = _Recorder()
        with recorded.recorder:
            yield
        if device.refuses_graphs is not None:
            raise device.refuses_graphs
        device.recorded += 1

    @contextlib.contextmanager
    def stream(_: Stream) -> Iterator[None]:
        device.check()
        yield

    monkeypatch.setattr("torch.cuda.Stream", Stream)
    monkeypatch.setattr("torch.cuda.Event", Event)
    monkeypatch.setattr("torch.cuda.CUDAGraph", CUDAGraph)
    monkeypatch.setattr("torch.cuda.graph", graph)
    monkeypatch.setattr("torch.cuda.stream", stream)
    monkeypatch.setattr("torch.cuda.synchronize", lambda _=None: device.check())
    return device
