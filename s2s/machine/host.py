"""The machine's hardware and software, its state before and after a run, and other load."""

import os
import platform
import re
import shutil
import time
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
import pynvml

import s2s
from s2s.machine.gpus import (
    get_gpu_error,
    get_nvml_handle,
    query_nvml,
    read_gpus,
    read_throttle_reasons,
)
from s2s.paths import home
from s2s.records import MachineState

CPUINFO = Path("/proc/cpuinfo")
PACKAGES = ("torch", "streamlit", "plotly", "numpy", "pandas")
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "MKL_NUM_THREADS")
_PROCESSOR_SENSORS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "cpu-thermal")
_BUSY_TIMES = ("user", "nice", "system", "irq", "softirq", "steal")
_MIN_METER_SECONDS = 0.1  # CPU times have a resolution of 0.01 s


def read_system_info() -> dict[str, Any]:
    """Describe the machine in values that JSON can hold; an unknown value is `None`.

    The call runs `nvidia-smi`, so it can take 5 s.
    """
    cpuinfo = _read_cpuinfo()
    flags = cpuinfo.get("flags", cpuinfo.get("Features"))  # the field's name on x86 and on Arm
    has_bf16 = None if flags is None else bool(re.search(r"\b(avx512_|amx_)?bf16\b", flags))
    memory = psutil.virtual_memory()
    folder = next(folder for folder in (home(), *home().parents) if folder.exists())
    disk = shutil.disk_usage(folder)
    gpus = read_gpus()
    return {
        "platform": platform.platform(),
        "processor": cpuinfo.get("model name") or platform.processor() or platform.machine(),
        "physical_cores": psutil.cpu_count(logical=False),
        "logical_cores": psutil.cpu_count(),
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "bf16_instructions": has_bf16,
        "load_average": list(psutil.getloadavg()),  # over 1, 5 and 15 minutes
        "memory_total_bytes": memory.total,
        "memory_available_bytes": memory.available,
        "disk_total_bytes": disk.total,
        "disk_free_bytes": disk.free,
        "python": platform.python_version(),
        "versions": {"s2s": s2s.__version__} | {name: _get_version(name) for name in PACKAGES},
        "thread_variables": {name: os.environ.get(name) for name in _THREAD_VARIABLES},
        "gpus": [asdict(gpu) for gpu in gpus],
        "gpu_error": "" if gpus else get_gpu_error(),
    }


def _read_cpuinfo() -> dict[str, str]:
    """Return the fields of the first core in `/proc/cpuinfo`, or no fields without `/proc`."""
    try:
        first = CPUINFO.read_text(encoding="utf-8").partition("\n\n")[0]
    except OSError:
        return {}
    return dict(re.findall(r"^([^\t:]+)\t*: (.*)$", first, re.MULTILINE))


def _get_version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def read_machine_state(device: str, other_load_cores: float | None) -> MachineState:
    """Read the machine's state in a few milliseconds, all but the given `other_load_cores`."""
    return MachineState(
        at=time.time(),
        load_average=psutil.getloadavg()[0],
        other_load_cores=other_load_cores,
        processor_mhz=_read_processor_mhz(),
        processor_celsius=_read_processor_celsius(),
        **(_read_gpu_state(device) if device.startswith("cuda") else {}),
    )


def _read_processor_mhz() -> float | None:
    try:
        frequency = psutil.cpu_freq()
    except (OSError, NotImplementedError):
        return None
    return frequency.current or None if frequency else None


def _read_processor_celsius() -> float | None:
    try:
        sensors = psutil.sensors_temperatures() if hasattr(psutil, "sensors_temperatures") else {}
    except OSError:
        return None
    temperatures = [each.current for name in _PROCESSOR_SENSORS for each in sensors.get(name, [])]
    return max(temperatures, default=None)


def _read_gpu_state(device: str) -> dict[str, Any]:
    """Return the fields of a MachineState that describe the GPU, or no fields without NVML."""
    gpu = get_nvml_handle(device)
    if gpu is None:
        return {}
    milliwatts = query_nvml(pynvml.nvmlDeviceGetPowerUsage, gpu)
    celsius = query_nvml(pynvml.nvmlDeviceGetTemperature, gpu, pynvml.NVML_TEMPERATURE_GPU)
    return {
        "gpu_sm_mhz": query_nvml(pynvml.nvmlDeviceGetClockInfo, gpu, pynvml.NVML_CLOCK_SM),
        "gpu_memory_mhz": query_nvml(pynvml.nvmlDeviceGetClockInfo, gpu, pynvml.NVML_CLOCK_MEM),
        "gpu_celsius": celsius,
        "gpu_watts": None if milliwatts is None else milliwatts / 1000,
        "gpu_throttle_reasons": read_throttle_reasons(gpu),
        "gpu_other_processes": _read_other_processes(gpu),
    }


def _read_other_processes(gpu: Any) -> tuple[tuple[int, int | None], ...] | None:
    """Return the process id and memory in bytes of each other process that uses `gpu`."""
    processes = query_nvml(pynvml.nvmlDeviceGetComputeRunningProcesses, gpu)
    if processes is None:
        return None
    others = [(each.pid, each.usedGpuMemory) for each in processes if each.pid != os.getpid()]
    if len(others) == len(processes):
        # In a container the driver may report the host's process ids. Assume that the first id
        # that does not exist in the container is this process.
        own = next((each for each in others if not psutil.pid_exists(each[0])), None)
        others = [each for each in others if each != own]
    return tuple(others)


class OtherLoadMeter:
    """Measures the load from other programs on the CPU cores that this process may use."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._before = self._read_times()

    def read(self) -> float | None:
        """Return the mean number of cores that other programs kept busy since the last reading.

        Time that the hypervisor gave to other virtual machines counts too. If the last reading is
        less than 0.1 s old, return `None`, and the next call still measures from that reading.
        """
        before, now = self._before, self._read_times()
        wall, busy, own = (end - start for start, end in zip(before, now, strict=True))
        if wall < _MIN_METER_SECONDS:
            return None
        self._before = now
        return max(0.0, busy - own) / wall  # rounding can make the difference slightly negative

    def _read_times(self) -> tuple[float, float, float]:
        """Return wall time, CPU time of all programs, and CPU time of this process, in seconds."""
        times = psutil.cpu_times(percpu=True)
        if hasattr(self._process, "cpu_affinity"):  # not on macOS
            usable = self._process.cpu_affinity()
            times = [times[core] for core in usable if core < len(times)]
        own = self._process.cpu_times()
        busy = sum(getattr(core, name, 0.0) for core in times for name in _BUSY_TIMES)
        return time.monotonic(), busy, own.user + own.system
