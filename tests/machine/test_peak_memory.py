"""Peaks of this process's memory."""

import sys
from pathlib import Path

import pytest
import torch

from s2s.machine import peak_memory
from s2s.machine.peak_memory import PeakMemory

MIB = 2**20


def tensor(mebibytes: int) -> torch.Tensor:
    return torch.ones(mebibytes * MIB // 4)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports the peak of a section")
def test_a_peak_includes_freed_memory_and_excludes_unwatched_memory() -> None:
    memory = PeakMemory(torch.device("cpu"))
    with memory.watch():
        tensors = [tensor(64)]
        tensor(128)
    first = memory.peak_bytes
    assert 180 * MIB < first < 260 * MIB
    unwatched = tensor(256)
    with memory.watch():
        tensors.append(tensor(64))
    assert memory.peak_bytes == first
    with memory.watch():
        tensors.append(tensor(128))
    assert 240 * MIB < memory.peak_bytes < 320 * MIB
    del tensors, unwatched


def test_the_peak_is_none_where_it_cannot_be_reset(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(peak_memory, "_CLEAR_REFS", tmp_path / "no" / "such")
    memory = PeakMemory(torch.device("cpu"))
    with memory.watch():
        pass
    assert memory.peak_bytes is None
