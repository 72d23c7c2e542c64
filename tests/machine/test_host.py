"""What the System page is told of this machine."""

import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import psutil
import pytest

import s2s
from s2s.machine import gpus as devices
from s2s.machine import host as system
from s2s.machine.gpus import GpuReader, GpuReading
from s2s.machine.host import system_info

X86 = """\
processor\t: 0
vendor_id\t: AuthenticAMD
model name\t: AMD EPYC 9B14
flags\t\t: fpu vme avx512f {flags}
bugs\t\t: sysret_ss_attrs
power management:

processor\t: 1
model name\t: the second core
flags\t\t: fpu
"""
ARM = """\
processor\t: 0
BogoMIPS\t: 50.00
Features\t: fp asimd i8mm bf16
CPU implementer\t: 0x41
"""


def test_the_figures_are_this_machine_s() -> None:
    info = system_info()
    assert info["logical_cores"] == os.cpu_count()
    assert info["usable_cores"] == len(os.sched_getaffinity(0))
    assert info["memory_total_bytes"] == psutil.virtual_memory().total
    assert 0 < info["memory_available_bytes"] < info["memory_total_bytes"]
    assert len(info["load_average"]) == 3
    assert info["python"] == ".".join(map(str, sys.version_info[:3]))
    assert info["processor"]
    assert sys.platform in info["platform"].lower()


def test_versions_come_from_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "PACKAGES", (*system.PACKAGES, "no-such-package-of-s2s"))
    assert system_info()["versions"] == {
        "s2s": s2s.__version__,
        "torch": metadata.version("torch"),
        "streamlit": metadata.version("streamlit"),
        "plotly": metadata.version("plotly"),
        "numpy": metadata.version("numpy"),
        "pandas": metadata.version("pandas"),
        "no-such-package-of-s2s": None,
    }


@pytest.mark.parametrize(
    ("cpuinfo", "processor", "bf16"),
    [
        (X86.format(flags="avx512_bf16"), "AMD EPYC 9B14", True),
        (X86.format(flags="amx_tile amx_bf16"), "AMD EPYC 9B14", True),
        (X86.format(flags="avx512_vnni"), "AMD EPYC 9B14", False),
        (ARM, "chip", True),
        (ARM.replace(" bf16", ""), "chip", False),
        ("cpu\t: POWER9\n", "chip", None),
        (None, "chip", None),
    ],
)
def test_processor_and_its_bf16_instructions(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cpuinfo: str | None,
    processor: str,
    bf16: bool | None,
) -> None:
    file = tmp_path / "cpuinfo"
    if cpuinfo is not None:
        file.write_text(cpuinfo)
    monkeypatch.setattr(system, "CPUINFO", file)
    monkeypatch.setattr(platform, "processor", lambda: "chip")
    info = system_info()
    assert (info["processor"], info["bf16_instructions"]) == (processor, bf16)


def test_the_disk_is_that_of_a_home_not_made_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []
    disk_usage = shutil.disk_usage

    def note(path: Path) -> object:
        asked.append(path)
        return disk_usage(path)

    monkeypatch.setenv("S2S_HOME", str(tmp_path / "not" / "yet"))
    monkeypatch.setattr(shutil, "disk_usage", note)
    info = system_info()
    assert asked == [tmp_path]
    assert info["disk_total_bytes"] == disk_usage(tmp_path).total
    assert 0 < info["disk_free_bytes"] < info["disk_total_bytes"]
    assert not (tmp_path / "not").exists()


def test_of_the_environment_only_the_thread_variables_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("OMP_WAIT_POLICY", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("GOMP_SPINCOUNT", "30000")
    monkeypatch.setenv("API_TOKEN", "correct horse battery staple")
    info = system_info()
    assert info["thread_variables"] == {
        "OMP_NUM_THREADS": "3",
        "OMP_WAIT_POLICY": None,
        "GOMP_SPINCOUNT": "30000",
        "MKL_NUM_THREADS": None,
    }
    assert "correct horse" not in json.dumps(info)


def test_without_a_gpu_there_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(devices, "_reader", GpuReader())
    info = system_info()
    assert info["gpus"] == []
    assert info["gpu_reason"].startswith("nvidia-smi was not found")


def test_gpus_survive_json(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = GpuReading(0, "Tesla K80", None, "GPU-1", 0.5, 0.25, 8, 2, 6, None, None, 29.0, "470")
    monkeypatch.setattr(system, "read_gpus", lambda: [gpu])
    info = system_info()
    assert json.loads(json.dumps(info)) == info
    assert info["gpus"] == [asdict(gpu)]
    assert info["gpu_reason"] == ""


def test_neither_torch_nor_streamlit_is_imported() -> None:
    program = (
        "import sys\n"
        "from s2s.machine.host import system_info\n"
        "system_info()\n"
        "print(sorted({'torch', 'streamlit'} & set(sys.modules)))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert (ran.stdout, ran.stderr) == ("[]\n", "")
