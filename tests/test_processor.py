"""What the processor has, and who comes first on it."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from vidstyle.processor import NICENESS, give_way, has_avx512


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priorities of their own")
def test_a_thread_gives_way_together_with_those_that_it_starts_and_no_others() -> None:
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def nicenesses() -> list[int]:
        inner: list[int] = []

        def look() -> None:
            inner.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        look()
        return inner

    with ThreadPoolExecutor(1, initializer=give_way) as worker:
        assert worker.submit(nicenesses).result() == [max(own, NICENESS)] * 2
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == own


def test_avx512_is_known() -> None:
    assert has_avx512() == bool(torch.cpu.get_capabilities().get("avx512_f", False))
