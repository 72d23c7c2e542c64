"""Steps go to the store in blocks, and a summary comes out of it."""

import math
import sqlite3
import tracemalloc
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from s2s.paths import home
from s2s.records import DeviceSample, Evaluation, RunState, StepRecord
from s2s.runs import recorder as recorder_module
from s2s.runs.recorder import DivergedError, Recorder
from s2s.store import Store
from tests.tiny import tiny_config

SAMPLE = DeviceSample(1.0, "cpu", None, 5, 6, None)


class FakeSampler:
    def __init__(self) -> None:
        self.samples = [SAMPLE]

    def drain(self) -> list[DeviceSample]:
        samples, self.samples = self.samples, []
        return samples


def step(iteration: int, loss: float = 1.0, **changes: Any) -> StepRecord:
    values = {
        "loss_sum": torch.tensor(loss),
        "samples": 2,
        "source_tokens": 6,
        "target_tokens": 4,
        "padded_tokens": 20,
        "seconds": 0.5,
        "timed": iteration > 3,
        "phase_seconds": (math.nan,) * 4,
    }
    return StepRecord(iteration, **values | changes)


@pytest.fixture
def run_id(store: Store) -> int:
    return store.create_run(tiny_config())


@pytest.fixture
def recorder(store: Store, run_id: int) -> Recorder:
    return Recorder(store, run_id, FakeSampler())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """`clock.now` is the recorder's time, which stands still."""
    fake = SimpleNamespace(now=100.0)
    fake.perf_counter = lambda: fake.now
    monkeypatch.setattr(recorder_module, "time", fake)
    return fake


def stored(store: Store, run_id: int) -> list[int]:
    return store.steps(run_id)["iteration"].tolist()


def blocks() -> list[tuple[int, int]]:
    with closing(sqlite3.connect(home() / "store.sqlite")) as database:
        return database.execute(
            "SELECT first_iteration, last_iteration FROM step_blocks ORDER BY first_iteration"
        ).fetchall()


def test_steps_are_written_every_half_second(
    clock: SimpleNamespace, store: Store, run_id: int, recorder: Recorder
) -> None:
    assert not recorder.record_step(step(1))
    clock.now += 0.49
    assert not recorder.record_step(step(2))
    assert stored(store, run_id) == []
    clock.now += 0.02
    assert recorder.record_step(step(3))
    assert stored(store, run_id) == [1, 2, 3]
    assert store.device_samples(run_id) == [SAMPLE]
    assert not recorder.record_step(step(4))
    recorder.record_evaluation(Evaluation(4, 0.5, 2.0, ()))  # brings the steps before it
    assert stored(store, run_id) == [1, 2, 3, 4]
    assert store.evaluations(run_id) == [Evaluation(4, 0.5, 2.0, ())]
    assert store.device_samples(run_id) == [SAMPLE]


@pytest.mark.usefixtures("clock")
def test_a_run_ends_as_few_blocks(store: Store, run_id: int, recorder: Recorder) -> None:
    """After many small flushes and after a large one."""
    for iteration in range(1, 5001):
        recorder.record_step(step(iteration, loss=iteration))
        if iteration <= 2500 and iteration % 100 == 0:
            recorder.flush()
    recorder.flush()
    recorder.flush()  # nothing to write
    assert blocks() == [
        (1, 1000),
        (1001, 2000),
        (2001, 2500),
        (2501, 3524),
        (3525, 4548),
        (4549, 5000),
    ]
    assert store.steps(run_id)["loss_sum"].tolist() == list(range(1, 5001))


def test_written_steps_take_no_memory(recorder: Recorder) -> None:
    steps = [step(iteration) for iteration in range(1, 1001)]
    tracemalloc.start()
    try:
        for _ in range(20):  # a block and its row in the store take a fifth of a megabyte
            recorder._pending_steps = list(steps)
            recorder.flush()
        assert tracemalloc.get_traced_memory()[0] < 500_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("loss", [math.nan, -math.inf])
def test_divergence_is_raised_once_after_its_steps_are_written(
    store: Store, run_id: int, recorder: Recorder, loss: float
) -> None:
    recorder.record_step(step(1))
    recorder.record_step(step(2, loss))
    recorder.record_step(step(3))
    with pytest.raises(DivergedError):
        recorder.record_evaluation(Evaluation(3, 0.5, loss, ()))
    assert stored(store, run_id) == [1, 2, 3]
    assert store.evaluations(run_id) == []
    recorder.flush()
    assert recorder.summarize(RunState.DIVERGED, None).loss_per_token is None
