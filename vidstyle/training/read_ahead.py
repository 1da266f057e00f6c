"""Batches made ahead, while the network is busy with the one before."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

PREFETCHED_BATCHES = 4


def read_ahead(make: Callable[[int], T], steps: Iterable[int]) -> Iterator[T]:
    """`make(step)` for each of `steps`, a few of them ahead, in a thread."""
    remaining = iter(steps)
    with ThreadPoolExecutor(1) as pool:
        pending = [pool.submit(make, step) for step in itertools.islice(remaining, PREFETCHED_BATCHES)]
        while pending:
            ready = pending.pop(0)
            pending += [pool.submit(make, step) for step in itertools.islice(remaining, 1)]
            yield ready.result()
