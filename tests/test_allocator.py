"""What malloc is told, in a process of its own: it is told once and for all."""

import subprocess
import sys

import pytest

# Ten blocks of a megabyte, freed: they are given back, or kept for the next ten.
KEEPS = """
import ctypes
from vidstyle.allocator import keep_freed_memory
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
if {told}:
    keep_freed_memory()
before = resident()
blocks = [libc.malloc(1 << 20) for _ in range(10)]
for block in blocks:
    ctypes.memset(block, 1, 1 << 20)
for block in blocks:
    libc.free(block)
print((resident() - before) >> 20)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is Linux's")
def test_freed_memory_is_kept_where_it_is_wanted_again() -> None:
    kept = {
        told: int(
            subprocess.run([sys.executable, "-c", KEEPS.format(told=told)], capture_output=True, check=True).stdout
        )
        for told in (True, False)
    }
    assert kept[False] <= 2
    assert kept[True] >= 9
