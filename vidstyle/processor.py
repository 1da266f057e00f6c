"""What the processor has."""

import contextlib
import os
import sys
import threading

NICENESS = 7
"""Of threads that take what others leave."""
BEHIND = 5
"""Further steps of priority, of what gives way to work that gives way itself."""

ONEDNN_WITHOUT_BFLOAT16 = ("sse41", "avx", "avx2", "avx2_vnni", "avx2_vnni_2", "avx512_core", "avx512_core_vnni")
"""What holds oneDNN to instructions of which none multiply bfloat16, in either case."""
ATEN_WITHOUT_BFLOAT16 = ("default", "avx2")
"""The same of torch, which takes capitals for nonsense."""
HOLDING = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY")
"""Variables that say so; oneDNN multiplies for OpenVINO and torch alike."""

OPENCV_AVX512 = 13
"""OpenCV's CPU_AVX_512F, which its Python has no name for."""


def is_held_below_bfloat16() -> bool:
    """Whether libraries have been told to leave alone what this processor multiplies bfloat16 with, if it has any.

    They do not heed it when they say what the processor has; then OpenVINO compiles nothing in bfloat16, and torch
    takes forty times as long for it as for float32.
    """
    *onednn, aten = (os.environ.get(name, "") for name in HOLDING)
    return aten in ATEN_WITHOUT_BFLOAT16 or any(name.lower() in ONEDNN_WITHOUT_BFLOAT16 for name in onednn)


def prefers_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 matrices in hardware (AVX-512 BF16 or AMX), and may."""
    if is_held_below_bfloat16():
        return False
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
