"""A lost GPU: its queue is blocked until s2s is restarted, and the CPU continues."""

import threading
from collections.abc import Callable
from threading import Event

import pytest
import torch
from streamlit.testing.v1 import AppTest

from pages.shared.escaping import escape
from s2s.background.scheduler import Scheduler
from s2s.config import SweepConfig
from s2s.errors import UserError
from s2s.machine.sampler import DeviceSampler
from s2s.records import RemarkKind, RunState
from s2s.runs import execute as execute_module
from s2s.runs import lost_gpu
from s2s.runs.execute import execute, free_memory
from s2s.store import Store
from s2s.store.sweeps import claim_sweep
from s2s.sweeps.plan import create_sweep
from s2s.sweeps.runner import run_sweep
from s2s.training import device as device_module
from s2s.training.device import is_out_of_memory
from s2s.translation.engines import Forward, FusedEngine
from tests.tiny import tiny_config, wait_until

ASSERT = "CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronous"
GPU = "cuda:0"


@pytest.fixture(autouse=True)
def _no_earlier_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost_gpu, "_lost_device", "")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError(ASSERT), True),
        (RuntimeError("uncorrectable ECC error encountered (cudaErrorECCUncorrectable)"), True),
        (RuntimeError("NVML: GPU is lost"), True),
        (torch.AcceleratorError("CUDA error: any other"), True),
        (torch.AcceleratorError("CUDA error: out of memory"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), False),
        (ValueError("device-side assert"), False),
    ],
)
def test_errors_that_lose_a_gpu(error: Exception, expected: bool) -> None:
    assert lost_gpu.is_fatal_to_gpu(error) is expected
    assert is_out_of_memory(error) is ("out of memory" in str(error))
    lost_gpu.note_lost_device(error, "cpu")
    assert lost_gpu.lost_device() == ""


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Simulate a GPU that is lost, and record the CUDA calls after its loss.

    Runs on the simulated GPU are computed on the CPU and fail with a device-side assert.
    """
    calls: list[str] = []
    cpu = torch.device("cpu")
    build_trainer, forward = execute_module.build_trainer, FusedEngine.forward
    read_machine_state = execute_module.read_machine_state

    def resolve(name: str) -> torch.device:
        return cpu if name == "cpu" else torch.device(GPU)

    def fail(engine: FusedEngine, batch: object, forced: bool) -> Forward:
        if threading.current_thread().name.endswith(GPU):
            raise RuntimeError(ASSERT)
        return forward(engine, batch, forced)

    def call_cuda(*_: object) -> int:
        if lost_gpu.lost_device():
            calls.append("a CUDA call")
            raise RuntimeError(ASSERT)
        return 0

    def read_state(device: str, load: float | None) -> object:
        if device != "cpu":
            call_cuda()
        return read_machine_state("cpu", load)

    monkeypatch.setattr(
        execute_module, "build_trainer", lambda config, _, *more: build_trainer(config, cpu, *more)
    )
    monkeypatch.setattr(execute_module, "resolve_device", resolve)
    monkeypatch.setattr(device_module, "resolve_device", resolve)
    monkeypatch.setattr(execute_module, "DeviceSampler", lambda _: DeviceSampler("cpu"))
    monkeypatch.setattr(execute_module, "read_machine_state", read_state)
    monkeypatch.setattr(FusedEngine, "forward", fail)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for name in ("empty_cache", "reset_peak_memory_stats", "max_memory_allocated"):
        monkeypatch.setattr(torch.cuda, name, call_cuda)
    return calls


@pytest.mark.usefixtures("tiny")
def test_the_gpu_is_blocked_and_the_cpu_continues(store: Store, calls: list[str]) -> None:
    scheduler = Scheduler(store)
    configs = [tiny_config(device=name, iterations=5) for name in (GPU, "auto", "cpu")]
    first, second, third = scheduler.submit(configs)
    wait_until(lambda: store.run(third).state is RunState.FINISHED)
    wait_until(lambda: store.run(first).state is RunState.FAILED)
    wait_until(lambda: not scheduler.work.is_busy(f"trainer-{GPU}"))
    [fourth] = scheduler.submit([tiny_config(device="cpu", iterations=5)])
    wait_until(lambda: store.run(fourth).state is RunState.FINISHED)
    assert store.run(second).state is RunState.QUEUED
    run = store.run(first)
    assert [(each.kind, each.detail) for each in run.remarks] == [(RemarkKind.LOST_GPU, GPU)]
    assert "device-side assert" in run.error
    free_memory()
    assert calls == []
    with pytest.raises(UserError):
        lost_gpu.check_not_blocked("auto")
    scheduler.close()


@pytest.mark.usefixtures("tiny")
def test_runs_sweeps_and_pages_after_the_loss(
    store: Store, open_page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lost_gpu, "_lost_device", GPU)
    run_id = store.create_run(tiny_config(device=GPU))
    assert execute(store, run_id, Event()) is RunState.FAILED
    assert GPU in store.run(run_id).error
    config = SweepConfig(base=tiny_config(device=GPU), batch_sizes=(2, 4), amount=50)
    sweep_id = create_sweep(store, config)
    claim_sweep(store, sweep_id)
    assert list(run_sweep(store, sweep_id, Event())) == []
    assert len(store.runs()) == 1
    for device in ("auto", "cpu"):
        store.create_run(tiny_config(device=device), f"on {device}")
    app = open_page("train")
    assert any(escape(GPU) in each.value for each in app.warning)
    rows = [each.value for each in app.markdown if "**" in each.value]
    blocked = ["blocked" in row for row in rows if "on auto" in row or "on cpu" in row]
    assert blocked == [True, False]
    app.switch_page("pages/system/system.py").run()
    assert "cuda" in app.error[0].value
