"""Freed memory: kept from step to step, handed back when asked. Each in a process of its own."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's malloc alone")

STEPS = """
import resource, sys, torch
from s2s.training.heap import hand_back, keep_what_is_freed
if sys.argv[1] == "kept":
    keep_what_is_freed()
def step():
    return [torch.ones(2**21) for _ in range(4)]  # 4 x 8 MiB
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 10)
"""
PIECES = """
import psutil, torch
from s2s.training.heap import hand_back, keep_what_is_freed
keep_what_is_freed()
resident = psutil.Process().memory_info
before = resident().rss
blocks = [torch.ones(2**18) for _ in range(200)]  # 1 MiB each
del blocks[:-1]  # the last one lies above all the others
left = resident().rss - before
hand_back()
print(left // 2**20, (resident().rss - before) // 2**20)
"""


def printed(code: str, *arguments: str) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [int(number) for number in done.stdout.split()]


def test_steps_that_reuse_memory_meet_no_fresh_pages() -> None:
    (fresh,), (reused,) = printed(STEPS, "as it is"), printed(STEPS, "kept")
    assert fresh > 1000  # pages of 4 KiB a step
    assert reused < 10


def test_what_is_free_between_pieces_in_use_goes_back() -> None:
    left, after = printed(PIECES)
    assert left > 180
    assert after < 20
