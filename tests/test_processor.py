"""What the processor has, and who comes first on it."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from vidstyle.processor import HOLDING, NICENESS, give_way, has_avx512, prefers_bfloat16


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


@pytest.mark.parametrize(
    ("variable", "value", "may"),
    [
        ("ONEDNN_MAX_CPU_ISA", "AVX2", False),
        ("ONEDNN_MAX_CPU_ISA", "avx512_core_vnni", False),
        ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16", True),
        ("ONEDNN_MAX_CPU_ISA", "DEFAULT", True),
        ("DNNL_MAX_CPU_ISA", "AVX2_VNNI_2", False),
        ("DNNL_MAX_CPU_ISA", "AVX512_CORE_AMX", True),
        ("ATEN_CPU_CAPABILITY", "avx2", False),
        ("ATEN_CPU_CAPABILITY", "default", False),
        ("ATEN_CPU_CAPABILITY", "avx512", True),
        ("ATEN_CPU_CAPABILITY", "AVX2", True),
        ("ATEN_CPU_CAPABILITY", "", True),
    ],
)
def test_bfloat16_is_not_preferred_where_libraries_are_held_to_instructions_without_it(
    variable: str, value: str, may: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    for name in HOLDING:
        monkeypatch.delenv(name, raising=False)
    assert prefers_bfloat16()
    monkeypatch.setenv(variable, value)
    assert prefers_bfloat16() == may
