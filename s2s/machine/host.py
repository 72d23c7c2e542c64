"""Description and current state of the machine: processor, memory, disk, versions, GPUs."""

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
from s2s.machine.gpus import gpu_error, nvml_handle, query_nvml, read_gpus
from s2s.paths import home
from s2s.records import MachineState

CPUINFO = Path("/proc/cpuinfo")
PACKAGES = ("torch", "streamlit", "plotly", "numpy", "pandas")
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "MKL_NUM_THREADS")
_PROCESSOR_SENSORS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "cpu-thermal")
_THROTTLE_REASONS = {
    "power cap": pynvml.nvmlClocksEventReasonSwPowerCap,
    "hardware slowdown": pynvml.nvmlClocksEventReasonHwSlowdown,
    "heat": pynvml.nvmlClocksEventReasonSwThermalSlowdown
    | pynvml.nvmlClocksEventReasonHwThermalSlowdown,
    "power brake": pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown,
    "application clocks": pynvml.nvmlClocksEventReasonApplicationsClocksSetting,
    "sync boost": pynvml.nvmlClocksEventReasonSyncBoost,
    "display clocks": pynvml.nvmlClocksEventReasonDisplayClockSetting,
    "idle": pynvml.nvmlClocksEventReasonGpuIdle,
}


def read_system_info() -> dict[str, Any]:
    """Return a description of the machine, ready for JSON; sizes in bytes, None: unknown.

    Runs `nvidia-smi`, so it can take 5 s.
    """
    cpuinfo = _read_cpuinfo()
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
        "bf16_instructions": _has_bf16(cpuinfo),
        "load_average": list(psutil.getloadavg()),  # over 1, 5 and 15 minutes
        "memory_total_bytes": memory.total,
        "memory_available_bytes": memory.available,
        "disk_total_bytes": disk.total,
        "disk_free_bytes": disk.free,
        "python": platform.python_version(),
        "versions": {"s2s": s2s.__version__} | {name: _version(name) for name in PACKAGES},
        "thread_variables": {name: os.environ.get(name) for name in _THREAD_VARIABLES},
        "gpus": [asdict(gpu) for gpu in gpus],
        "gpu_error": "" if gpus else gpu_error(),
    }


def _read_cpuinfo() -> dict[str, str]:
    """Return the fields of the first core; empty on a system without `/proc`."""
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


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def read_machine_state(device: str, other_load_cores: float | None) -> MachineState:
    """Read load, clocks, temperatures and GPU processes; takes a few milliseconds.

    Args:
        device: `cpu` or `cuda:N`.
        other_load_cores: See `OtherLoadMeter`.
    """
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
    """Return the GPU's fields of a MachineState; empty if NVML does not know the device."""
    gpu = nvml_handle(device)
    if gpu is None:
        return {}
    milliwatts = query_nvml(pynvml.nvmlDeviceGetPowerUsage, gpu)
    # Older drivers do not know the newer name, ...ClocksEventReasons.
    reasons = query_nvml(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons, gpu)
    celsius = query_nvml(pynvml.nvmlDeviceGetTemperature, gpu, pynvml.NVML_TEMPERATURE_GPU)
    return {
        "gpu_sm_mhz": query_nvml(pynvml.nvmlDeviceGetClockInfo, gpu, pynvml.NVML_CLOCK_SM),
        "gpu_memory_mhz": query_nvml(pynvml.nvmlDeviceGetClockInfo, gpu, pynvml.NVML_CLOCK_MEM),
        "gpu_celsius": celsius,
        "gpu_watts": None if milliwatts is None else milliwatts / 1000,
        "gpu_throttle_reasons": None
        if reasons is None
        else tuple(name for name, bits in _THROTTLE_REASONS.items() if reasons & bits),
        "gpu_other_processes": _read_other_processes(gpu),
    }


def _read_other_processes(gpu: Any) -> tuple[tuple[int, int | None], ...] | None:
    """Return process ids and bytes of the other programs that compute on `gpu`."""
    processes = query_nvml(pynvml.nvmlDeviceGetComputeRunningProcesses, gpu)
    if processes is None:
        return None
    others = [(each.pid, each.usedGpuMemory) for each in processes if each.pid != os.getpid()]
    if len(others) == len(processes):
        # In a container the driver may report process ids of the host: the first one that does
        # not exist in the container is then this process.
        unknown = next((each for each in others if not psutil.pid_exists(each[0])), None)
        others = [each for each in others if each != unknown]
    return tuple(others)
