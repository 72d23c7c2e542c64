"""The machine's description, state and load; sensors, counters and NVML are stand-ins."""

import json
import os
import platform
import shutil
import sys
import time
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pynvml
import pytest

import s2s
from s2s.machine import host
from s2s.machine.gpus import GpuReading
from s2s.machine.host import OtherLoadMeter, read_machine_state, read_system_info
from s2s.records import MachineState

X86 = "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu {}\n"
ARM = "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd {}\n"


def test_the_values_are_those_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = GpuReading(0, "Tesla K80", None, "GPU-1", 0.5, 0.25, 8, 2, 6, None, None, 29.0, "470")
    monkeypatch.setattr(host, "read_gpus", lambda: [gpu])
    monkeypatch.setattr(host, "PACKAGES", ("torch", "no-such-package-of-s2s"))
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    # The disk is that of a home that does not exist yet.
    monkeypatch.setenv("S2S_HOME", str(tmp_path / "not" / "yet"))
    usages = {tmp_path: SimpleNamespace(total=9, free=7)}
    monkeypatch.setattr(shutil, "disk_usage", usages.__getitem__)
    info = read_system_info()
    assert json.loads(json.dumps(info)) == info
    assert info["logical_cores"] == os.cpu_count()
    assert info["usable_cores"] == len(os.sched_getaffinity(0))
    assert info["memory_total_bytes"] == psutil.virtual_memory().total
    assert 0 < info["memory_available_bytes"] < info["memory_total_bytes"]
    assert len(info["load_average"]) == 3
    assert info["python"] == ".".join(map(str, sys.version_info[:3]))
    assert sys.platform in info["platform"].lower()
    versions = {"torch": metadata.version("torch"), "no-such-package-of-s2s": None}
    assert info["versions"] == {"s2s": s2s.__version__} | versions
    assert info["thread_variables"]["OMP_NUM_THREADS"] == "3"
    assert info["thread_variables"]["MKL_NUM_THREADS"] is None
    assert (info["gpus"], info["gpu_error"]) == ([asdict(gpu)], "")
    assert (info["disk_total_bytes"], info["disk_free_bytes"]) == (9, 7)
    assert not (tmp_path / "not").exists()


def test_processor_and_its_bf16_instructions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpuinfo"
    monkeypatch.setattr(host, "CPUINFO", file)
    monkeypatch.setattr(platform, "processor", lambda: "chip")
    info = read_system_info()
    assert (info["processor"], info["bf16_instructions"]) == ("chip", None)
    for cpuinfo, expected in {
        X86.format("avx512_bf16"): ("AMD EPYC", True),
        X86.format("amx_tile amx_bf16"): ("AMD EPYC", True),
        X86.format("avx512_vnni"): ("AMD EPYC", False),
        ARM.format("bf16"): ("chip", True),
        ARM.format(""): ("chip", False),
        "cpu\t: POWER9\n": ("chip", None),
    }.items():
        file.write_text(cpuinfo)
        info = read_system_info()
        assert (info["processor"], info["bf16_instructions"]) == expected


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that reports everything, and runs this process and another one."""
    monkeypatch.setattr(host, "get_nvml_handle", {"cuda:1": "handle"}.get)
    clocks = {("handle", pynvml.NVML_CLOCK_SM): 1980, ("handle", pynvml.NVML_CLOCK_MEM): 2619}
    reasons = (
        pynvml.nvmlClocksThrottleReasonSwPowerCap | pynvml.nvmlClocksThrottleReasonHwThermalSlowdown
    )
    processes = [
        SimpleNamespace(pid=os.getpid(), usedGpuMemory=2**30),
        SimpleNamespace(pid=os.getppid(), usedGpuMemory=None),
    ]
    for name, answer in {
        "nvmlDeviceGetClockInfo": lambda *asked: clocks[asked],
        "nvmlDeviceGetTemperature": lambda *_: 41,
        "nvmlDeviceGetPowerUsage": lambda _: 350_500,
        "nvmlDeviceGetCurrentClocksThrottleReasons": lambda _: reasons,
        "nvmlDeviceGetComputeRunningProcesses": lambda _: processes,
    }.items():
        monkeypatch.setattr(pynvml, name, answer)


@pytest.mark.usefixtures("gpu")
def test_the_state_of_processor_and_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    temperatures = {
        "coretemp": [SimpleNamespace(current=51.0), SimpleNamespace(current=63.0)],
        "nvme": [SimpleNamespace(current=90.0)],
    }
    monkeypatch.setattr(psutil, "getloadavg", lambda: (1.5, 1.0, 0.5))
    monkeypatch.setattr(psutil, "cpu_freq", lambda: SimpleNamespace(current=2600.5))
    monkeypatch.setattr(psutil, "sensors_temperatures", lambda: temperatures, raising=False)
    before = time.time()
    state = read_machine_state("cpu", 0.25)
    assert before <= state.at <= time.time()
    assert state == MachineState(state.at, 1.5, 0.25, 2600.5, 63.0)
    state = read_machine_state("cuda:1", 0.25)
    assert state == MachineState(
        state.at, 1.5, 0.25, 2600.5, 63.0,
        gpu_sm_mhz=1980, gpu_memory_mhz=2619, gpu_celsius=41, gpu_watts=350.5,
        gpu_throttle_reasons=("power cap", "heat"), gpu_other_processes=((os.getppid(), None),),
    )  # fmt: skip
    unknown = read_machine_state("cuda:7", None)
    assert unknown.gpu_sm_mhz is unknown.gpu_other_processes is unknown.other_load_cores is None


def fail(*_: object) -> None:
    raise OSError("permission denied")


def fail_nvml(*_: object) -> None:
    raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)


@pytest.mark.usefixtures("gpu")
def test_values_that_are_not_reported_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for clock in (lambda: None, lambda: SimpleNamespace(current=0.0), fail):
        monkeypatch.setattr(psutil, "cpu_freq", clock)
        monkeypatch.setattr(psutil, "sensors_temperatures", fail, raising=False)
        state = read_machine_state("cpu", None)
        assert state.processor_mhz is state.processor_celsius is None
    for function, fields in {
        "nvmlDeviceGetClockInfo": {"gpu_sm_mhz", "gpu_memory_mhz"},
        "nvmlDeviceGetTemperature": {"gpu_celsius"},
        "nvmlDeviceGetPowerUsage": {"gpu_watts"},
        "nvmlDeviceGetCurrentClocksThrottleReasons": {"gpu_throttle_reasons"},
        "nvmlDeviceGetComputeRunningProcesses": {"gpu_other_processes"},
    }.items():
        with monkeypatch.context() as patch:
            patch.setattr(pynvml, function, fail_nvml)
            values = vars(read_machine_state("cuda:1", None))
        assert {key for key, value in values.items() if "gpu_" in key and value is None} == fields


@pytest.mark.usefixtures("gpu")
def test_in_a_container_an_unknown_process_id_is_taken_for_this_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def others(*pids: int) -> object:
        processes = [SimpleNamespace(pid=pid, usedGpuMemory=5) for pid in pids]
        monkeypatch.setattr(pynvml, "nvmlDeviceGetComputeRunningProcesses", lambda _: processes)
        return read_machine_state("cuda:1", None).gpu_other_processes

    unknown = 2**22 + 5  # above every process id
    assert others() == others(unknown) == ()
    assert others(unknown, os.getppid()) == ((os.getppid(), 5),)
    assert others(unknown, unknown + 1) == ((unknown + 1, 5),)
    assert others(unknown, os.getpid()) == ((unknown, 5),)


# Load by other programs


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Two cores, whose counters and clock a test advances."""
    fake = SimpleNamespace(now=100.0, usable=[0, 1], own=SimpleNamespace(user=5.0, system=1.0))
    fake.cores = [SimpleNamespace(user=9.0, system=3.0, idle=50.0, steal=0.0) for _ in range(2)]

    class Process:
        def cpu_affinity(self) -> list[int]:
            return fake.usable

        def cpu_times(self) -> Any:
            return fake.own

    monkeypatch.setattr(psutil, "Process", Process)
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: fake.cores if percpu else None)
    monkeypatch.setattr(host, "time", SimpleNamespace(monotonic=lambda: fake.now))
    return fake


def test_load_by_others_excludes_this_process(machine: SimpleNamespace) -> None:
    meter = OtherLoadMeter()
    machine.now += 2.0
    machine.cores[0].user += 1.5
    machine.cores[1].system += 0.5
    machine.cores[1].steal += 0.5
    machine.cores[1].idle += 1.0
    machine.own.user += 1.0
    machine.own.system += 0.25
    assert meter.read() == pytest.approx((2.5 - 1.25) / 2)
    machine.now += 1.0
    machine.own.user += 0.02  # counters differ by rounding
    assert meter.read() == 0.0


def test_a_reading_too_soon_is_none_and_loses_nothing(machine: SimpleNamespace) -> None:
    machine.usable = [1]
    meter = OtherLoadMeter()
    machine.now += 0.09
    machine.cores[0].user += 1.0  # not usable by this process
    machine.cores[1].user += 0.09
    assert meter.read() is None
    machine.now += 0.91
    machine.cores[1].user += 0.41
    assert meter.read() == pytest.approx(0.5)
