import math
import sqlite3
import tracemalloc
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from s2s.paths import home
from s2s.records import DeviceSample, Evaluation, RunState, StepRecord
from s2s.runs import recorder as recorder_module
from s2s.runs.recorder import DivergedError, Recorder
from s2s.store.runs import Store
from tests.tiny import tiny_config


class Sampler:
    """Gives back what it was given, once."""

    def __init__(self, *samples: DeviceSample) -> None:
        self.samples = list(samples)

    def drain(self) -> list[DeviceSample]:
        samples, self.samples = self.samples, []
        return samples


def record(iteration: int, loss: float = 1.0, **changes: Any) -> StepRecord:
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


def recorder(store: Store, *samples: DeviceSample) -> tuple[Recorder, int]:
    run_id = store.create_run(tiny_config())
    return Recorder(store, run_id, tiny_config(), Sampler(*samples)), run_id


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """`clock.now` is the recorder's time."""
    fake = SimpleNamespace(now=100.0)
    fake.perf_counter = lambda: fake.now
    monkeypatch.setattr(recorder_module, "time", fake)
    return fake


def test_steps_go_to_the_store_each_half_second(store: Store, clock: SimpleNamespace) -> None:
    kept, run_id = recorder(store)
    assert not kept.step(record(1))
    clock.now += 0.49
    assert not kept.step(record(2))
    assert len(store.steps(run_id)) == 0
    clock.now += 0.02
    assert kept.step(record(3))
    assert store.steps(run_id)["iteration"].tolist() == [1, 2, 3]
    assert not kept.step(record(4))


def test_an_evaluation_brings_the_steps_before_it(store: Store) -> None:
    kept, run_id = recorder(store)
    kept.step(record(1))
    kept.evaluation(Evaluation(1, 0.5, 2.0, ()))
    assert store.evaluations(run_id) == [Evaluation(1, 0.5, 2.0, ())]
    assert store.steps(run_id)["iteration"].tolist() == [1]


def test_device_samples_come_with_the_steps(store: Store) -> None:
    sample = DeviceSample(1.0, "cpu", None, 5, 6, None)
    kept, run_id = recorder(store, sample)
    kept.flush()
    kept.flush()
    assert store.device_samples(run_id) == [sample]


def blocks(run_id: int) -> list[tuple[int, int]]:
    database = sqlite3.connect(home() / "store.sqlite")
    rows = database.execute(
        "SELECT first_iteration, last_iteration FROM step_blocks WHERE run_id = ?"
        " ORDER BY first_iteration",
        (run_id,),
    ).fetchall()
    database.close()
    return rows


def test_many_small_flushes_end_as_few_blocks(store: Store) -> None:
    kept, run_id = recorder(store)
    for iteration in range(1, 2501):
        kept.step(record(iteration, loss=iteration))
        if iteration % 10 == 0:
            kept.flush()
    assert blocks(run_id) == [(1, 1020), (1021, 2040), (2041, 2500)]
    steps = store.steps(run_id)
    assert steps["iteration"].tolist() == steps["loss_sum"].tolist() == list(range(1, 2501))
    assert kept.summary(RunState.FINISHED, None).iterations == 2500


def test_steps_that_are_written_take_no_memory(store: Store) -> None:
    kept, _ = recorder(store)
    several = [record(iteration) for iteration in range(1, 1001)]
    tracemalloc.start()
    try:
        for _ in range(20):  # a fifth of a megabyte is left of a block and its row in the store
            kept._pending = list(several)
            kept.flush()
        assert tracemalloc.get_traced_memory()[0] < 500_000
    finally:
        tracemalloc.stop()


def test_one_large_flush_is_cut_into_blocks(store: Store, clock: SimpleNamespace) -> None:
    del clock  # stands still: nothing is written before the end
    kept, run_id = recorder(store)
    for iteration in range(1, 2501):
        kept.step(record(iteration))
    kept.flush()
    assert blocks(run_id) == [(1, 1024), (1025, 2048), (2049, 2500)]
    assert store.steps(run_id)["iteration"].tolist() == list(range(1, 2501))


def test_summary_worked_out_by_hand(store: Store) -> None:
    kept, run_id = recorder(store)
    kept.step(record(11, 100.0, timed=False, seconds=9.0))
    kept.step(record(12, 10.0, samples=3, target_tokens=5, seconds=0.5, padded_tokens=16))
    kept.step(record(13, 20.0, samples=4, target_tokens=8, seconds=1.5, padded_tokens=24))
    kept.evaluation(Evaluation(13, 11.0, 2.5, ()))
    summary = kept.summary(RunState.STOPPED, 7)
    assert (summary.run_id, summary.state, summary.engine) == (run_id, "stopped", "fused")
    assert (summary.batch_size, summary.iterations, summary.seconds) == (4, 3, 11.0)
    assert summary.samples_per_second == (3 + 4) / 2.0
    assert summary.target_tokens_per_second == (5 + 8) / 2.0
    assert summary.padding_ratio == pytest.approx(1 - (10 + 11 + 14) / (20 + 16 + 24))
    assert summary.loss_per_token == pytest.approx((100 + 10 + 20) / (4 + 5 + 8))
    assert summary.loss_per_sentence == pytest.approx((100 + 10 + 20) / (2 + 3 + 4))
    assert (summary.validation_loss_per_token, summary.peak_memory_bytes) == (2.5, 7)
    assert summary.user_seconds >= 0
    assert summary.system_seconds >= 0


def test_the_timing_of_a_run(store: Store) -> None:
    kept, run_id = recorder(store)
    kept.step(record(1, seconds=2.0))
    kept.step(record(2, seconds=1.0, interfered=True, phase_seconds=(0.1, 0.2, 0.3, 0.4)))
    for iteration in range(3, 2 * 320 + 3):
        seconds = 0.5 if iteration < 323 else 0.75
        phases = (0.125, 0.25, 0.0625, 0.03125)
        kept.step(record(iteration, seconds=seconds, timed=True, phase_seconds=phases))
    kept.flush()
    summary = kept.summary(RunState.FINISHED, None, "Measured on a busy machine: it was.")
    assert (summary.warmup_steps, summary.warmup_seconds) == (1, 2.0)
    assert (summary.interfered_steps, summary.interfered_seconds) == (1, 1.0)
    assert summary.step_seconds == 0.625
    assert summary.step_relative_iqr == pytest.approx(0.25 / 0.625)
    assert summary.noise == "very noisy"
    assert summary.phase_seconds == pytest.approx(
        {"data": 0.125, "forward": 0.25, "backward": 0.0625, "optimizer": 0.03125}
        | {"between": (0.03125 + 0.28125) / 2}
    )
    assert summary.busy == "Measured on a busy machine: it was."
    assert store.steps(run_id)["interfered"].nonzero()[0].tolist() == [1]


def test_summary_of_losses_takes_the_last_fifty_steps(store: Store) -> None:
    kept, _ = recorder(store)
    for iteration in range(1, 101):
        kept.step(record(iteration, loss=iteration, samples=1, target_tokens=2))
    kept.flush()
    summary = kept.summary(RunState.FINISHED, None)
    assert summary.loss_per_sentence == pytest.approx(75.5)
    assert summary.loss_per_token == pytest.approx(75.5 / 2)


def test_summary_without_steps(store: Store) -> None:
    kept, _ = recorder(store)
    summary = kept.summary(RunState.FAILED, None)
    assert (summary.iterations, summary.seconds) == (0, 0.0)
    assert summary.samples_per_second is None
    assert summary.padding_ratio is None
    assert summary.loss_per_token is None
    assert summary.validation_loss_per_token is None
    assert summary.step_seconds is summary.noise is summary.phase_seconds is None
    assert (summary.warmup_steps, summary.interfered_steps, summary.busy) == (0, 0, "")


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), float("-inf")])
def test_divergence_is_raised_after_its_steps_are_kept(store: Store, loss: float) -> None:
    kept, run_id = recorder(store)
    kept.step(record(1))
    kept.step(record(2, loss))
    kept.step(record(3))
    with pytest.raises(DivergedError):
        kept.flush()
    assert store.steps(run_id)["iteration"].tolist() == [1, 2, 3]
    kept.flush()  # raised once
    summary = kept.summary(RunState.DIVERGED, None)
    assert summary.loss_per_token is None
    assert summary.iterations == 3


def test_divergence_is_raised_before_an_evaluation_is_kept(store: Store) -> None:
    kept, run_id = recorder(store)
    kept.step(record(1, float("nan")))
    with pytest.raises(DivergedError):
        kept.evaluation(Evaluation(1, 0.5, float("nan"), ()))
    assert store.evaluations(run_id) == []


def test_the_cost_of_the_store_is_counted(
    store: Store, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, _ = recorder(store)
    write_steps = store.write_steps

    def slow(*arguments: Any) -> None:
        clock.now += 3.0
        write_steps(*arguments)

    monkeypatch.setattr(store, "write_steps", slow)
    kept.step(record(1))
    assert kept.store_seconds == 0.0
    kept.flush()
    assert kept.store_seconds == 3.0
    kept.flush()  # nothing to write
    assert kept.store_seconds == 3.0
