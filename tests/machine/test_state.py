"""The machine's state; sensors and NVML are stand-ins, since no test machine has them all."""

import os
import time
from types import SimpleNamespace

import psutil
import pynvml
import pytest

from s2s.machine import state as machine
from s2s.machine.state import machine_state
from s2s.records import MachineState


def not_supported(*_: object) -> None:
    raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)


@pytest.fixture
def sensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "getloadavg", lambda: (1.5, 1.0, 0.5))
    monkeypatch.setattr(psutil, "cpu_freq", lambda: SimpleNamespace(current=2600.5))
    heat = {
        "coretemp": [SimpleNamespace(current=51.0), SimpleNamespace(current=63.0)],
        "nvme": [SimpleNamespace(current=90.0)],
    }
    monkeypatch.setattr(psutil, "sensors_temperatures", lambda: heat, raising=False)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that reports everything, and runs this process and another one."""
    monkeypatch.setattr(machine, "gpu_handle", {"cuda:1": "handle"}.get)
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


@pytest.mark.usefixtures("sensors")
def test_a_processor() -> None:
    before = time.time()
    state = machine_state("cpu", 0.25)
    assert before <= state.at <= time.time()
    assert state == MachineState(state.at, 1.5, 0.25, 2600.5, 63.0)
    assert machine_state("cpu", None).other_load_cores is None


@pytest.mark.usefixtures("sensors", "gpu")
def test_a_gpu() -> None:
    state = machine_state("cuda:1", 0.25)
    assert state == MachineState(
        state.at, 1.5, 0.25, 2600.5, 63.0,
        gpu_sm_mhz=1980, gpu_memory_mhz=2619, gpu_celsius=41, gpu_watts=350.5,
        gpu_throttle_reasons=("power cap", "heat"), gpu_other_processes=((os.getppid(), None),),
    )  # fmt: skip


def test_this_machine_whatever_it_reports() -> None:
    state = machine_state("cpu", None)
    assert state.load_average is None or state.load_average >= 0
    assert state.processor_mhz is None or state.processor_mhz > 0
    assert state.gpu_other_processes is None


def refuses() -> None:
    raise OSError("not for you")


@pytest.mark.parametrize("answer", [lambda: None, lambda: SimpleNamespace(current=0.0), refuses])
def test_no_clock_reported(monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    monkeypatch.setattr(psutil, "cpu_freq", answer)
    assert machine_state("cpu", None).processor_mhz is None


@pytest.mark.parametrize("answer", [dict, refuses])
def test_no_temperature_reported(monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    monkeypatch.setattr(psutil, "sensors_temperatures", answer, raising=False)
    assert machine_state("cpu", None).processor_celsius is None


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(
    ("function", "fields"),
    [
        ("nvmlDeviceGetClockInfo", ("gpu_sm_mhz", "gpu_memory_mhz")),
        ("nvmlDeviceGetTemperature", ("gpu_celsius",)),
        ("nvmlDeviceGetPowerUsage", ("gpu_watts",)),
        ("nvmlDeviceGetCurrentClocksThrottleReasons", ("gpu_throttle_reasons",)),
        ("nvmlDeviceGetComputeRunningProcesses", ("gpu_other_processes",)),
    ],
)
def test_what_a_gpu_does_not_report_is_none(
    monkeypatch: pytest.MonkeyPatch, function: str, fields: tuple[str, ...]
) -> None:
    monkeypatch.setattr(pynvml, function, not_supported)
    state = vars(machine_state("cuda:1", None))
    unknown = {name for name, value in state.items() if name.startswith("gpu_") and value is None}
    assert unknown == set(fields)


@pytest.mark.usefixtures("gpu")
def test_a_gpu_that_nvml_does_not_know() -> None:
    state = machine_state("cuda:7", 0.0)
    assert state.gpu_sm_mhz is state.gpu_other_processes is None


@pytest.mark.usefixtures("gpu")
def test_in_a_container_a_process_that_is_not_here_is_taken_for_this_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def others(*pids: int) -> object:
        processes = [SimpleNamespace(pid=pid, usedGpuMemory=5) for pid in pids]
        monkeypatch.setattr(pynvml, "nvmlDeviceGetComputeRunningProcesses", lambda _: processes)
        return machine_state("cuda:1", None).gpu_other_processes

    nowhere = 2**22 + 5  # above every process id
    assert others(nowhere) == ()
    assert others(nowhere, os.getppid()) == ((os.getppid(), 5),)
    assert others(nowhere, nowhere + 1) == ((nowhere + 1, 5),)
    assert others(nowhere, os.getpid()) == ((nowhere, 5),)
    assert others() == ()
