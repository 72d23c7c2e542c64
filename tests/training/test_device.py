"""Names of devices, the process-wide precision setting of GPUs, and malloc's handling of memory."""

import ctypes
import platform
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from s2s.config import Precision
from s2s.data.corpus import Corpus
from s2s.errors import UserError
from s2s.training.device import _read_settings, list_device_names, matmul_precision, resolve_device
from tests.tiny import tiny_task

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")  # the settings exist without a GPU
SETTINGS = {
    Precision.FP32: ("ieee", "ieee"),
    Precision.TF32: ("tf32", "tf32"),
    Precision.BF16: ("tf32", "tf32"),
}


@pytest.fixture(autouse=True)
def _settings_unchanged() -> Iterator[None]:
    before = _read_settings()
    yield
    assert _read_settings() == before


@pytest.mark.parametrize(
    ("gpus", "devices"),
    [
        (0, {"auto": "cpu", "cpu": "cpu", "cuda": None, "cuda:0": None}),
        (2, {"auto": "cuda:0", "cuda": "cuda:0", "cuda:1": "cuda:1", "cpu": "cpu", "cuda:2": None}),
    ],
)
def test_devices_by_name(
    monkeypatch: pytest.MonkeyPatch, gpus: int, devices: dict[str, str | None]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert list_device_names() == [f"cuda:{number}" for number in range(gpus)] + ["cpu"]
    for name, device in devices.items():
        with pytest.raises(UserError, match=name) if device is None else nullcontext():
            assert str(resolve_device(name)) == device


def test_tf32_needs_a_gpu(tiny: Corpus) -> None:
    with pytest.raises(UserError, match="tf32"):
        tiny_task(tiny, precision="tf32")


@pytest.mark.parametrize("precision", Precision)
def test_precision_of_a_gpu_is_set_and_restored(precision: Precision) -> None:
    before = _read_settings()
    with matmul_precision(precision, CPU):
        assert _read_settings() == before
    with matmul_precision(precision, GPU), matmul_precision(precision, GPU):
        assert _read_settings() == SETTINGS[precision]
    with pytest.raises(ValueError, match="in a step"), matmul_precision(precision, GPU):
        raise ValueError("in a step")


def test_threads_take_turns_unless_they_need_the_same_precision() -> None:
    together = threading.Barrier(2, timeout=60)

    def step(precision: Precision) -> None:
        for _ in range(200):
            with matmul_precision(precision, GPU):
                assert _read_settings() == SETTINGS[precision]

    def meet(precision: Precision) -> None:
        with matmul_precision(precision, GPU):
            together.wait()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(step, [*Precision, *Precision], timeout=60))
        list(threads.map(meet, [Precision.TF32] * 2, timeout=60))


HEAP = """
import ctypes, psutil, torch
from s2s.training.device import raise_mmap_threshold, trim_heap
class Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
        "fordblks", "keepcost")]
mallinfo2 = ctypes.CDLL(None).mallinfo2
mallinfo2.restype = Mallinfo2
resident = psutil.Process().memory_info

def mapped_blocks():  # blocks that malloc returns to the system as soon as they are freed
    before = mallinfo2().hblks
    block = torch.empty(20 * 2**20, dtype=torch.uint8)
    return mallinfo2().hblks - before

first = mapped_blocks()
raise_mmap_threshold()
second = mapped_blocks()
before = resident().rss
blocks = [torch.ones(2**18) for _ in range(200)]  # 1 MiB each
del blocks[:-1]  # the last block has the highest address
fragmented = resident().rss - before
trim_heap()
print(first, second, fragmented // 2**20, (resident().rss - before) // 2**20)
"""


@pytest.mark.long
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc's malloc")
@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="needs glibc 2.33")
def test_freed_memory_is_reused_and_returned_on_request() -> None:
    root = Path(__file__).parents[2]
    output = subprocess.check_output([sys.executable, "-c", HEAP], cwd=root, text=True)
    first, second, fragmented, trimmed = map(int, output.split())
    assert (first, second) == (1, 0)
    assert trimmed < 20 < 180 < fragmented
