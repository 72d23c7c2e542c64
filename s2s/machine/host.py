"""What this machine is: processor, memory, disk, versions, GPUs."""

import os
import platform
import re
import shutil
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

import s2s
from s2s.machine.gpus import gpu_reason, read_gpus
from s2s.paths import home

CPUINFO = Path("/proc/cpuinfo")
PACKAGES = ("torch", "streamlit", "plotly", "numpy", "pandas")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "MKL_NUM_THREADS")


def system_info() -> dict[str, Any]:
    """The machine as it is now, ready for JSON; sizes in bytes. None: not known.

    Imports neither torch nor streamlit. Asks `nvidia-smi`, so it can take 5 s.
    """
    cpuinfo = _cpuinfo()
    memory = psutil.virtual_memory()
    disk = shutil.disk_usage(_nearest_existing(home()))
    gpus = read_gpus()
    return {
        "platform": platform.platform(),
        "processor": cpuinfo.get("model name") or platform.processor() or platform.machine(),
        "physical_cores": psutil.cpu_count(logical=False),
        "logical_cores": psutil.cpu_count(),
        "usable_cores": _usable_cores(),
        "bf16_instructions": _has_bf16(cpuinfo),
        "load_average": list(psutil.getloadavg()),  # over 1, 5 and 15 minutes
        "memory_total_bytes": memory.total,
        "memory_available_bytes": memory.available,
        "disk_total_bytes": disk.total,
        "disk_free_bytes": disk.free,
        "python": platform.python_version(),
        "versions": {"s2s": s2s.__version__} | {name: _version(name) for name in PACKAGES},
        "thread_variables": {name: os.environ.get(name) for name in THREAD_VARIABLES},
        "gpus": [asdict(gpu) for gpu in gpus],
        "gpu_reason": "" if gpus else gpu_reason(),
    }


def _cpuinfo() -> dict[str, str]:
    """The fields of the first processor; none on a system without `/proc`."""
    try:
        first = CPUINFO.read_text(encoding="utf-8").partition("\n\n")[0]
    except OSError:
        return {}
    return dict(re.findall(r"^([^\t:]+)\t*: (.*)$", first, re.MULTILINE))


def _has_bf16(cpuinfo: dict[str, str]) -> bool | None:
    flags = cpuinfo.get("flags") or cpuinfo.get("Features")  # x86, Arm
    if flags is None:
        return None
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags.split())


def _usable_cores() -> int | None:
    """Cores that this process may run on; only Linux says."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _nearest_existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())
