"""What the machine is doing right now: load, clocks, temperatures, who else is at work."""

import os
import time
from typing import Any

import psutil
import pynvml

from s2s.machine.gpus import gpu_handle, reported
from s2s.records import MachineState

_PROCESSOR_SENSORS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "cpu-thermal")
_SLOWED_BY = {
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


def machine_state(device: str, other_load_cores: float | None) -> MachineState:
    """`device`: `cpu` or `cuda:N`; `other_load_cores`: see `OthersMeter`. Takes a few milliseconds.

    A quantity that this machine or its driver does not report is None.
    """
    return MachineState(
        at=time.time(),
        load_average=psutil.getloadavg()[0],
        other_load_cores=other_load_cores,
        processor_mhz=_processor_mhz(),
        processor_celsius=_processor_celsius(),
        **(_gpu(device) if device.startswith("cuda") else {}),
    )


def _processor_mhz() -> float | None:
    try:
        frequency = psutil.cpu_freq()
    except (OSError, NotImplementedError):  # some systems have the file and refuse to read it
        return None
    return frequency.current or None if frequency else None


def _processor_celsius() -> float | None:
    try:
        sensors = psutil.sensors_temperatures() if hasattr(psutil, "sensors_temperatures") else {}
    except OSError:
        return None
    found = [each.current for name in _PROCESSOR_SENSORS for each in sensors.get(name, [])]
    return max(found, default=None)


def _gpu(device: str) -> dict[str, Any]:
    """The GPU's fields of a `MachineState`; none where NVML does not know the device."""
    gpu = gpu_handle(device)
    if gpu is None:
        return {}
    milliwatts = reported(pynvml.nvmlDeviceGetPowerUsage, gpu)
    # Its newer name, ...ClocksEventReasons, is not known to older drivers.
    reasons = reported(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons, gpu)
    return {
        "gpu_sm_mhz": reported(pynvml.nvmlDeviceGetClockInfo, gpu, pynvml.NVML_CLOCK_SM),
        "gpu_memory_mhz": reported(pynvml.nvmlDeviceGetClockInfo, gpu, pynvml.NVML_CLOCK_MEM),
        "gpu_celsius": reported(pynvml.nvmlDeviceGetTemperature, gpu, pynvml.NVML_TEMPERATURE_GPU),
        "gpu_watts": None if milliwatts is None else milliwatts / 1000,
        "gpu_throttle_reasons": None
        if reasons is None
        else tuple(name for name, bits in _SLOWED_BY.items() if reasons & bits),
        "gpu_other_processes": _other_processes(gpu),
    }


def _other_processes(gpu: Any) -> tuple[tuple[int, int | None], ...] | None:
    """Process ids and bytes of the programs that compute on `gpu`, this one left out.

    In a container the driver may count processes as the host does, so that this one is not found
    under its own id; then one that does not exist here is taken for it.
    """
    processes = reported(pynvml.nvmlDeviceGetComputeRunningProcesses, gpu)
    if processes is None:
        return None
    others = [(each.pid, each.usedGpuMemory) for each in processes if each.pid != os.getpid()]
    if len(others) == len(processes):
        unknown = [each for each in others if not psutil.pid_exists(each[0])]
        others = [each for each in others if each not in unknown[:1]]
    return tuple(others)
