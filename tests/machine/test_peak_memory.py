"""Peaks of this process's memory, and their absence."""

import sys
from pathlib import Path

import pytest
import torch

from s2s.machine import peak_memory
from s2s.machine.peak_memory import PeakMemory

MEBIBYTE = 2**20


def tensor(mebibytes: int) -> torch.Tensor:
    return torch.ones(mebibytes * MEBIBYTE // 4)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_a_peak_that_is_gone_and_what_is_kept() -> None:
    memory = PeakMemory(torch.device("cpu"))
    with memory.watch():
        kept = tensor(64)
        passing = tensor(128)
        del passing
    first = memory.bytes
    assert 180 * MEBIBYTE < first < 260 * MEBIBYTE
    others = tensor(256)
    with memory.watch():
        more = tensor(64)
    # 64 kept and 64 more: no new peak, and nothing of what others took.
    assert memory.bytes == first
    with memory.watch():
        again = tensor(128)
    assert 240 * MEBIBYTE < memory.bytes < 320 * MEBIBYTE
    del kept, others, more, again


def test_where_it_is_not_told_there_is_a_gap(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(peak_memory, "_CLEAR", tmp_path / "no" / "such")
    memory = PeakMemory(torch.device("cpu"))
    with memory.watch():
        pass
    assert memory.bytes is None
