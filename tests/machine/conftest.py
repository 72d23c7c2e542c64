"""A stand-in for nvidia-smi: a shell script with what the real one prints."""

from collections.abc import Callable
from pathlib import Path

import pytest

from s2s.machine import gpus
from s2s.machine.gpus import GpuReader

NvidiaSmi = Callable[[str], Path]
QUERY = (
    "--query-gpu=index,uuid,utilization.gpu,memory.total,memory.used,memory.free,driver_version,"
    "name,gpu_serial,display_active,display_mode,temperature.gpu --format=csv,noheader,nounits"
)
UUID_0 = "GPU-101b1cf0-fdf7-b374-a62c-76b25134fcf2"
UUID_1 = "GPU-0200523e-f473-3a45-9b4a-fbbe0e41ccf8"
TWO_GPUS = f"""\
0, {UUID_0}, 37, 81559, 1024, 80535, 550.54.15, NVIDIA H100 PCIe, 1650123, Disabled, Enabled, 41
1, {UUID_1}, 0, 11441, 0, 11441, 550.54.15, Tesla K80, 0324717001, Disabled, Enabled, 29
"""


def printing(text: str) -> str:
    """Return a script that answers GPUtil's query, and no other."""
    return f"[ \"$*\" = '{QUERY}' ] || exit 2\ncat <<'END'\n{text}END"


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NvidiaSmi:
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
