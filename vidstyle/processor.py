"""What the processor has."""

import contextlib
import os
import sys
import threading

NICENESS = 7
"""Of threads that take what others leave."""
BEHIND = 5
"""Further steps of priority, of what gives way to work that gives way itself."""

OPENCV_AVX512 = 13
"""OpenCV's CPU_AVX_512F, which its Python has no name for."""


def prefers_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 matrices in hardware (AVX-512 BF16 or AMX)."""
    import torch

    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def has_avx512() -> bool:
    """Whether this processor and its system have AVX-512."""
    import cv2

    return cv2.checkHardwareSupport(OPENCV_AVX512)


def usable_cores(*, spare: bool = False) -> int:
    """Processor cores that this process may use; half of them if it is to spare the others."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // 2) if spare else cores


def give_way(further: int = 0) -> None:
    """The calling thread, and those that it starts, take what time the other threads leave, where that can be said.

    On Linux every thread has a priority of its own, which those that it starts inherit.

    further: by how much it gives way to others that give way.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, max(NICENESS + further, os.getpriority(os.PRIO_PROCESS, thread)))
