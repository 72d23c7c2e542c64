"""An error that spoils the process's CUDA context: its queue is held, the processor goes on."""

import threading
from pathlib import Path
from threading import Event

import pytest
import torch
from streamlit.testing.v1 import AppTest

from pages.shared import state
from pages.shared.state import get_scheduler, get_store
from s2s.background import scheduler as manager_module
from s2s.background.scheduler import Scheduler
from s2s.config import SweepConfig
from s2s.errors import UserError
from s2s.machine.sampler import DeviceSampler
from s2s.records import RunState
from s2s.runs import execute as execute_module
from s2s.runs import lost_gpu as cuda_context
from s2s.runs.execute import execute, free_memory
from s2s.store import Store
from s2s.store.sweeps import claim_sweep
from s2s.sweeps.plan import create_sweep
from s2s.sweeps.runner import run_sweep
from s2s.training import device as device_module
from s2s.training.device import ran_out_of_memory
from s2s.translation.engines import Forward, FusedEngine
from tests.tiny import tiny_config, wait_until

DASHBOARD = Path(__file__).parents[2] / "dashboard.py"
ASSERT = "CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronous"
SPOILING = [
    ASSERT,
    "CUDA error: an illegal memory access was encountered",
    "CUDA error: unspecified launch failure",
    "CUDA error: misaligned address",
    "CUDA error: uncorrectable ECC error encountered (cudaErrorECCUncorrectable)",
    "NVML: GPU is lost",
]
GPU = "cuda:0"


@pytest.fixture(autouse=True)
def _no_earlier_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_context, "_spoilt_device", "")


@pytest.mark.parametrize("text", SPOILING)
def test_errors_that_spoil_the_context(text: str) -> None:
    assert cuda_context.spoils_context(RuntimeError(text))


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        ValueError("device-side assert"),
        UserError("There is no device cuda:1 here"),
    ],
)
def test_errors_that_do_not(error: Exception) -> None:
    assert not cuda_context.spoils_context(error)


def test_torchs_own_error_of_the_accelerator() -> None:
    assert cuda_context.spoils_context(torch.AcceleratorError("CUDA error: whatever comes"))
    no_memory = torch.AcceleratorError("CUDA error: out of memory")
    assert not cuda_context.spoils_context(no_memory)
    assert ran_out_of_memory(no_memory)


def test_a_run_on_the_processor_never_holds_the_gpu() -> None:
    cuda_context.note(RuntimeError(ASSERT), "cpu")
    assert cuda_context.sentence() == ""


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A GPU in name: runs that ask for it are computed here, and fail with a device-side assert.

    Returns the CUDA calls that are made once the context is spoilt.
    """
    calls: list[str] = []
    forward = FusedEngine.forward
    real = torch.device("cpu")

    class Named:
        """cuda:0 to the program, the processor to torch."""

        type, index = "cuda", 0

        def __str__(self) -> str:
            return GPU

    def resolve(asked: str) -> object:
        return real if asked == "cpu" else Named()

    def build(config: object, _: object, **more: object) -> object:
        return build_trainer(config, real, **more)

    def fail(engine: FusedEngine, batch: object, forced: bool) -> Forward:
        if threading.current_thread().name.endswith(GPU):
            raise RuntimeError(ASSERT)
        return forward(engine, batch, forced)

    def refuse(*_: object) -> None:
        if cuda_context.spoilt_device():
            calls.append("a CUDA call")
            raise RuntimeError(ASSERT)

    build_trainer = execute_module.build_trainer
    monkeypatch.setattr(execute_module, "build_trainer", build)
    monkeypatch.setattr(execute_module, "resolve_device", resolve)
    monkeypatch.setattr(device_module, "resolve_device", resolve)
    monkeypatch.setattr(execute_module, "DeviceSampler", lambda _: DeviceSampler("cpu"))
    monkeypatch.setattr(FusedEngine, "forward", fail)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for name in ("empty_cache", "reset_peak_memory_stats", "max_memory_allocated"):
        monkeypatch.setattr(torch.cuda, name, refuse)
    read_machine_state = execute_module.read_machine_state

    def state(device: str, others: float | None) -> object:
        if device != "cpu":
            refuse()
        return read_machine_state("cpu", others)

    monkeypatch.setattr(execute_module, "read_machine_state", state)
    return calls


@pytest.mark.usefixtures("tiny")
def test_the_gpus_queue_is_held_and_the_processor_goes_on(store: Store, gpu: list[str]) -> None:
    manager = Scheduler(store)
    configs = [tiny_config(device=name, iterations=5) for name in (GPU, "auto", "cpu")]
    first, second, third = manager.submit(configs)
    wait_until(lambda: store.run(third).state is RunState.FINISHED)
    wait_until(lambda: store.run(first).state is RunState.FAILED)
    wait_until(lambda: not [name for name in manager._threads if "trainer" in name])
    [fourth] = manager.submit([tiny_config(device="cpu", iterations=5)])
    wait_until(lambda: store.run(fourth).state is RunState.FINISHED)
    assert store.run(second).state is RunState.QUEUED
    assert store.run(first).message.startswith("RuntimeError: CUDA error: device-side assert")
    assert store.run(first).message.endswith(cuda_context.sentence())
    assert cuda_context.sentence().startswith("cuda:0 failed in a way from which this process")
    assert store.run(first).summary.peak_memory_bytes is None
    assert gpu == []
    free_memory()
    assert gpu == []
    with pytest.raises(UserError, match="start s2s again to train on a GPU"):
        cuda_context.check("auto")
    manager.close()


@pytest.mark.usefixtures("tiny")
def test_a_sweep_on_the_gpu_stops_and_can_go_on_later(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuda_context, "_spoilt_device", GPU)
    config = SweepConfig(base=tiny_config(device=GPU), batch_sizes=(2, 4), amount=50)
    sweep_id = create_sweep(store, config)
    claim_sweep(store, sweep_id)
    assert list(run_sweep(store, sweep_id, Event())) == []
    assert store.runs() == []


@pytest.mark.usefixtures("tiny")
def test_a_run_of_the_command_line_says_so_too(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuda_context, "_spoilt_device", GPU)
    run_id = store.create_run(tiny_config(device=GPU))
    assert execute(store, run_id, Event()) is RunState.FAILED
    assert store.run(run_id).message == cuda_context.sentence()


def test_pages_say_that_the_server_must_be_started_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create_run(tiny_config(device="auto"), "waits")
    store.create_run(tiny_config(device="cpu"), "trains on")
    monkeypatch.setattr(cuda_context, "_spoilt_device", GPU)
    monkeypatch.setattr(manager_module.Scheduler, "submit", None)
    monkeypatch.setattr(state, "_scheduler", None)
    app = AppTest.from_file(DASHBOARD, default_timeout=60).run()
    assert not app.exception
    assert "start s2s again to train on a GPU" in app.warning[0].value
    lines = [each.value for each in app.markdown if "waits" in each.value or "trains" in each.value]
    assert [": held" in line or "held till s2s" in line for line in lines[:2]] == [True, False]
    app.switch_page("pages/system/system.py").run()
    assert "start s2s again to train on a GPU" in app.error[0].value
    get_scheduler().close()
    get_store().close()
