"""Fixtures of the machine's tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from s2s.machine import gpus
from s2s.machine.gpus import GpuReader


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Install a shell script as `nvidia-smi`; each start appends a line to the returned file."""
    folder = tmp_path / "bin"
    folder.mkdir()
    starts = tmp_path / "starts"
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    monkeypatch.setattr(gpus, "_reader", GpuReader())

    def install(body: str) -> Path:
        script = folder / "nvidia-smi"
        script.write_text(f"#!/bin/sh\necho started >> {starts}\n{body}\n")
        script.chmod(0o755)
        return starts

    return install
