"""Sweeps that are really trained."""

import dataclasses
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
import torch

from s2s.config import Engine, SweepConfig, TrainConfig
from s2s.paths import run_folder
from s2s.records import Run, RunState, StepMemory, Sweep, SweepState
from s2s.runs import memory as run_memory
from s2s.runs.files import has_checkpoint
from s2s.store import Store
from s2s.store.sweeps import claim_sweep, read_sweep, request_sweep_stop
from s2s.sweeps.plan import create_sweep
from s2s.sweeps.runner import SweepProgress, run_sweep
from s2s.translation.engines import Forward, FusedEngine
from tests.tiny import BeforeStep, tiny_config

pytestmark = pytest.mark.usefixtures("tiny")
Key = tuple[int, int]
FINISHED = RunState.FINISHED


def sweep_config(**choices: Any) -> SweepConfig:
    values = {"batch_sizes": (2, 4), "repeats": 2, "budget": "iterations", "amount": 6}
    return SweepConfig(**{"base": tiny_config()} | values | choices)


def resume(store: Store, sweep_id: int, stop: Event | None = None) -> list[SweepProgress]:
    claim_sweep(store, sweep_id)
    return list(run_sweep(store, sweep_id, stop or Event()))


def train(store: Store, **choices: Any) -> Sweep:
    sweep_id = create_sweep(store, sweep_config(**choices))
    resume(store, sweep_id)
    return read_sweep(store, sweep_id)


def runs(sweep: Sweep) -> dict[Key, Run]:
    """Return the runs by batch size and repeat."""
    return {(part.batch_size, part.repeat): part.run for part in sweep.parts if part.run}


def states(sweep: Sweep) -> dict[Key, RunState]:
    return {key: run.state for key, run in runs(sweep).items()}


def losses(store: Store, sweep: Sweep) -> dict[Key, list[float]]:
    return {key: store.steps(run.id)["loss_sum"].tolist() for key, run in runs(sweep).items()}


def fail_with(monkeypatch: pytest.MonkeyPatch, failures: dict[int, Callable[[], Any]]) -> None:
    """Make the engine call the failure of a batch's size; its result is the loss sum."""
    forward = FusedEngine.forward

    def forward_or_fail(engine: FusedEngine, batch: Any, forced: bool) -> Forward:
        result, fail = forward(engine, batch, forced), failures.get(batch.samples)
        return dataclasses.replace(result, loss_sum=fail()) if fail else result

    monkeypatch.setattr(FusedEngine, "forward", forward_or_fail)


def out_of_memory() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def nan() -> torch.Tensor:
    return torch.tensor(float("nan"), requires_grad=True)


def test_all_parts_in_the_order_of_the_plan(store: Store) -> None:
    sweep_id = create_sweep(store, sweep_config())
    progress = resume(store, sweep_id)
    sweep = read_sweep(store, sweep_id)
    assert sweep.state is SweepState.FINISHED
    assert states(sweep) == dict.fromkeys([(2, 0), (4, 0), (2, 1), (4, 1)], FINISHED)
    assert [run.id for run in runs(sweep).values()] == [1, 2, 3, 4]
    for part in sweep.parts:
        assert part.run.config == sweep.build_run_config(part)
        assert len(store.steps(part.run.id)) == 6
        assert run_folder(part.run.id).exists() is (part.repeat == 0)  # weights of the first
    assert len({tuple(each) for each in losses(store, sweep).values()}) == 4
    assert [now.sweep.count_done_parts() for now in progress if now.has_ended] == [0, 1, 2, 3]
    shares = [now.share for now in progress if now.run_id == 2 and not now.is_measuring_memory]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert progress[-1].part_seconds_left == 0.0
    assert resume(store, sweep_id) == []


def test_a_target_ends_a_part(store: Store) -> None:
    """The loss is measured after 0, 1,024 and 2,048 samples."""
    choices = {"batch_sizes": (64,), "repeats": 1, "budget": "target", "amount": 2048}
    iterations = []
    for target in (100.0, 1e-6):
        [part] = train(store, **choices, target_loss=target).parts
        iterations.append(len(store.steps(part.run.id)))
    assert iterations == [0, 32]
    first, *_, last = [each.validation_loss_per_token for each in store.evaluations(part.run.id)]
    between = (first + last) / 2
    [part] = train(store, **choices | {"amount": 65_536}, target_loss=between).parts
    assert part.run.state is FINISHED
    assert 0 < len(store.steps(part.run.id)) < 1024
    *before, end = [each.validation_loss_per_token for each in store.evaluations(part.run.id)]
    assert end <= between < min(before)


def test_a_failed_part_does_not_stop_a_sweep(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, {2: out_of_memory, 4: nan})
    sweep = train(store, batch_sizes=(2, 4, 8), repeats=1)
    assert sweep.state is SweepState.FINISHED
    expected = {(2, 0): RunState.OUT_OF_MEMORY, (4, 0): RunState.DIVERGED, (8, 0): FINISHED}
    assert states(sweep) == expected


def test_a_missing_device_fails_each_part(store: Store, measured: list[TrainConfig]) -> None:
    sweep = train(store, base=tiny_config(device="cuda:99"), batch_sizes=(2,), repeats=1)
    [run] = [part.run for part in sweep.parts]
    assert (sweep.state, run.state, measured) == (SweepState.FINISHED, RunState.FAILED, [])
    assert "cuda:99" in run.error


def test_a_sweep_grows_until_out_of_memory(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, {8: out_of_memory})
    sweep = train(store, batch_sizes=(2,), grow_until_oom=True)
    assert sweep.state is SweepState.FINISHED
    fitting = dict.fromkeys([(2, 0), (4, 0), (2, 1), (4, 1)], FINISHED)
    assert states(sweep) == {**fitting, (8, 0): RunState.OUT_OF_MEMORY}
    run_ids = [run.id for run in runs(sweep).values()]
    assert run_ids == sorted(run_ids)  # one repeat after the other


@pytest.mark.parametrize("is_killed", [False, True])
def test_resuming_a_sweep(store: Store, before_step: BeforeStep, is_killed: bool) -> None:
    whole = train(store, keep_all_weights=True)
    assert all(part.run and has_checkpoint(part.run.id) for part in whole.parts)
    sweep_id = create_sweep(store, sweep_config())
    stop = Event()
    before_step(lambda number: stop.set() if number == 9 else None)
    resume(store, sweep_id, stop)
    if is_killed:  # as a killed process leaves it
        store.write("UPDATE runs SET state = 'running', owner_start = '0' WHERE id = 6")
    stopped = read_sweep(store, sweep_id)
    assert stopped.state is SweepState.STOPPED
    done, unfinished, *others = [part.run for part in stopped.parts]
    assert done and unfinished  # noqa: PT018
    assert done.state is FINISHED
    assert unfinished.state is (RunState.RUNNING if is_killed else RunState.INTERRUPTED)
    assert others == [None, None]
    resume(store, sweep_id)
    sweep = read_sweep(store, sweep_id)
    assert sweep.state is SweepState.FINISHED
    assert sweep.parts[0].run == done
    assert losses(store, sweep) == losses(store, whole)
    assert unfinished.id not in [run.id for run in store.runs()]
    assert not run_folder(unfinished.id).exists()


def test_stopping_a_run_or_closing_the_progress_stops_the_sweep(store: Store) -> None:
    sweep_id = create_sweep(store, sweep_config(amount=100_000))
    claim_sweep(store, sweep_id)
    for now in run_sweep(store, sweep_id, Event()):
        store.request_stop(now.run_id)  # before it is started
    sweep = read_sweep(store, sweep_id)
    assert sweep.state is SweepState.STOPPED
    assert list(states(sweep).values()) == [RunState.STOPPED]
    claim_sweep(store, sweep_id)
    progress = run_sweep(store, sweep_id, Event())
    run_id = next(now.run_id for now in progress if now.share)
    progress.close()
    assert read_sweep(store, sweep_id).state is SweepState.STOPPED
    assert store.run(run_id).state is RunState.STOPPED
    assert len(store.steps(run_id)) == store.run(run_id).iterations_done > 0
    claim_sweep(store, sweep_id)  # it was released


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[TrainConfig]:
    """The configurations whose memory is measured; that of the article's engine fails."""
    measured: list[TrainConfig] = []

    def measure(config: TrainConfig, is_cancelled: Callable[[], bool]) -> StepMemory | None:
        measured.append(config)
        peak = None if config.engine is Engine.ARTICLE else 2000
        return None if is_cancelled() else StepMemory(config.engine, config.batch_size, peak, 40)

    monkeypatch.setattr(run_memory, "measure_step_memory", measure)
    return measured


def test_memory_is_measured_once_per_size(store: Store, measured: list[TrainConfig]) -> None:
    choices = {"engines": (Engine.FUSED, Engine.ARTICLE), "batch_sizes": (2,), "amount": 1}
    sweep_id = create_sweep(store, sweep_config(**choices))
    progress = resume(store, sweep_id)
    assert [now.is_measuring_memory for now in progress].count(True) == 2
    sweep = read_sweep(store, sweep_id)
    assert sweep.memory == (
        StepMemory(Engine.ARTICLE, 2, None, 40), StepMemory(Engine.FUSED, 2, 2000, 40),
    )  # fmt: skip
    assert measured == [part.run.config for part in sweep.parts if part.run and part.repeat == 0]
    for part in sweep.parts[:2]:
        store.delete_run(part.run.id)
    resume(store, sweep_id)  # trains these parts again, and measures none
    assert len(measured) == 2
    assert read_sweep(store, sweep_id).memory == sweep.memory


def test_a_stop_during_the_measurement_saves_nothing(
    store: Store, measured: list[TrainConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep_id = create_sweep(store, sweep_config(batch_sizes=(2,), amount=1))
    measure = run_memory.measure_step_memory

    def stop_and_measure(*arguments: Any) -> StepMemory | None:
        request_sweep_stop(store, sweep_id)  # as another process would
        return measure(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(run_memory, "measure_step_memory", stop_and_measure)
        resume(store, sweep_id)
    sweep = read_sweep(store, sweep_id)
    assert (sweep.state, sweep.memory, sweep.count_done_parts()) == (SweepState.STOPPED, (), 0)
    resume(store, sweep_id)
    sweep = read_sweep(store, sweep_id)
    assert (sweep.state, len(sweep.memory), len(measured)) == (SweepState.FINISHED, 1, 2)
