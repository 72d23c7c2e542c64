"""Freed memory: kept from step to step, handed back when asked. Each in a process of its own."""

import ctypes
import platform
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's malloc alone")

LARGE_BLOCK = """
import ctypes, sys, torch
from s2s.training.device import raise_mmap_threshold
class Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
        "fordblks", "keepcost")]
mallinfo2 = ctypes.CDLL(None).mallinfo2
mallinfo2.restype = Mallinfo2
if sys.argv[1] == "kept":
    raise_mmap_threshold()
before = mallinfo2().hblks
block = torch.empty(20 * 2**20, dtype=torch.uint8)
print(mallinfo2().hblks - before)  # blocks that go back to the system as soon as they are freed
"""
PIECES = """
import psutil, torch
from s2s.training.device import trim_heap, raise_mmap_threshold
raise_mmap_threshold()
resident = psutil.Process().memory_info
before = resident().rss
blocks = [torch.ones(2**18) for _ in range(200)]  # 1 MiB each
del blocks[:-1]  # the last one lies above all the others
left = resident().rss - before
trim_heap()
print(left // 2**20, (resident().rss - before) // 2**20)
"""


def printed(code: str, *arguments: str) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [int(number) for number in done.stdout.split()]


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="glibc before 2.33")
def test_a_large_block_is_kept_when_it_is_freed() -> None:
    assert printed(LARGE_BLOCK, "as it is") == [1]
    assert printed(LARGE_BLOCK, "kept") == [0]


def test_what_is_free_between_pieces_in_use_goes_back() -> None:
    left, after = printed(PIECES)
    assert left > 180
    assert after < 20
