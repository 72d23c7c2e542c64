"""On a real GPU: out of memory, and an error after which the GPU is lost."""

import subprocess
import sys
from threading import Event

import pytest
import torch

from s2s.records import RunState
from s2s.runs.execute import execute
from s2s.store import Store
from tests.tiny import tiny_config

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.usefixtures("tiny"),
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def test_out_of_memory_and_the_next_run_trains(store: Store) -> None:
    torch.cuda.set_per_process_memory_fraction(0.01)
    try:
        big = store.create_run(tiny_config(device="cuda:0", hidden_size=4096, layers=8))
        assert execute(store, big, Event()) is RunState.OUT_OF_MEMORY
        assert torch.cuda.memory_allocated() < 2**26
        small = store.create_run(tiny_config(device="cuda:0"))
        assert execute(store, small, Event()) is RunState.FINISHED
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


_ASSERT = """
import torch
from tests.tiny import tiny_config, wait_until
from s2s.paths import home
from s2s.runs.execute import free_memory
from s2s.background.scheduler import Scheduler
from s2s.store import Store
from s2s.translation.engines import FusedEngine

forward, steps = FusedEngine.forward, 0

def fail(engine, batch, forced):
    global steps
    found = forward(engine, batch, forced)
    if found.loss_sum.is_cuda:
        steps += 1
        if steps == 3:
            torch.zeros(4, device="cuda")[torch.tensor([99], device="cuda")]
            torch.cuda.synchronize()
    return found

FusedEngine.forward = fail
store = Store(home())
scheduler = Scheduler(store)
devices = ("cuda:0", "auto", "cpu")
first, second, third = scheduler.submit([tiny_config(device=name) for name in devices])
for each in (first, third):
    wait_until(lambda: store.run(each).state.has_ended())
[fourth] = scheduler.submit([tiny_config(device="cpu")])
wait_until(lambda: store.run(fourth).state.has_ended())
free_memory()
print([str(store.run(each).state) for each in (first, second, third, fourth)])
print([each.kind.value for each in store.run(first).remarks])
print(store.run(first).error)
"""


def test_a_device_side_assert_blocks_the_gpu_and_the_cpu_trains_on() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ASSERT], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    states, remarks, error = done.stdout.splitlines()[:3]
    assert states == "['failed', 'queued', 'finished', 'finished']"
    assert remarks == "['lost GPU']"
    assert "device-side assert" in error
