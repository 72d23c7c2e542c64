"""Sweeps that are really trained."""

import dataclasses
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import torch

from s2s.config import CorpusChoices, SweepConfig, TrainConfig
from s2s.data import catalog
from s2s.paths import corpora_folder, home, run_folder
from s2s.records import RunState, Sweep, SweepState
from s2s.runs.files import has_checkpoint
from s2s.store.runs import Store
from s2s.store.sweeps import create_sweep, read_sweep, take
from s2s.sweeps.runner import SweepProgress, run_sweep
from s2s.translation.engines import Forward, FusedEngine
from tests.tiny import tiny_config, tiny_corpus, wait_until

BeforeStep = Callable[[Callable[[int], object]], None]
Key = tuple[int, int]


def sweep_config(**choices: Any) -> SweepConfig:
    values = {"batch_sizes": (2, 4), "repeats": 2, "budget": "iterations", "amount": 6}
    return SweepConfig(base=tiny_config(), **values | choices)


def go_on(store: Store, sweep_id: int, stop: Event | None = None) -> list[SweepProgress]:
    take(store, sweep_id)
    return list(run_sweep(store, sweep_id, stop or Event()))


def swept(store: Store, **choices: Any) -> Sweep:
    sweep_id = create_sweep(store, sweep_config(**choices))
    go_on(store, sweep_id)
    return read_sweep(store, sweep_id)


def states(found: Sweep) -> dict[Key, RunState]:
    """By batch size and repeat."""
    return {(part.batch_size, part.repeat): part.run.state for part in found.parts if part.run}


def losses(store: Store, found: Sweep) -> dict[Key, list[float]]:
    return {
        (part.batch_size, part.repeat): store.steps(part.run.id)["loss_sum"].tolist()
        for part in found.parts
        if part.run
    }


def failing_at(monkeypatch: pytest.MonkeyPatch, size: int, fail: Callable[[], Any]) -> None:
    """The engine does this with batches of this size or more; what it returns is the loss sum."""
    forward = FusedEngine.forward

    def acting(engine: FusedEngine, batch: Any, forced: bool) -> Forward:
        found = forward(engine, batch, forced)
        return dataclasses.replace(found, loss_sum=fail()) if batch.samples >= size else found

    monkeypatch.setattr(FusedEngine, "forward", acting)


def out_of_memory() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


@pytest.mark.usefixtures("tiny")
def test_all_parts_in_the_order_of_the_plan(store: Store) -> None:
    found = swept(store)
    assert found.state is SweepState.FINISHED
    assert set(states(found)) == {(2, 0), (4, 0), (2, 1), (4, 1)}
    assert set(states(found).values()) == {RunState.FINISHED}
    runs = [part.run for part in found.parts]
    assert [run.id for run in runs] == [1, 2, 3, 4]
    assert [run.summary.iterations for run in runs] == [6] * 4
    for part in found.parts:
        wanted = found.config.run_config(part.engine, part.batch_size, part.repeat)
        assert part.run.config == wanted
    again = swept(store)
    assert losses(store, again) == losses(store, found)
    assert len({tuple(each) for each in losses(store, found).values()}) == 4


def test_the_starter_corpus(store: Store) -> None:
    catalog.add(corpora_folder(), "starter", "", CorpusChoices())
    base = TrainConfig(hidden_size=8, threads=1, device="cpu", batch_size=64)
    config = SweepConfig(base=base, batch_sizes=(64, 256), repeats=1, amount=2560, rule="sqrt")
    sweep_id = create_sweep(store, config)
    told = go_on(store, sweep_id)
    runs = {part.batch_size: part.run for part in read_sweep(store, sweep_id).parts}
    assert [runs[size].summary.iterations for size in (64, 256)] == [40, 10]
    assert runs[256].config.learning_rate == 2 * runs[64].config.learning_rate
    for size in (64, 256):  # 1,024 samples apart, and at the end
        evaluations = store.evaluations(runs[size].id)
        assert [size * each.iteration for each in evaluations] == [0, 1024, 2048, 2560]
        assert evaluations[-1].validation_loss_per_token < evaluations[0].validation_loss_per_token
    assert [(now.done, now.total) for now in told if now.ended] == [(1, 2), (2, 2)]


@pytest.mark.usefixtures("tiny")
def test_progress(store: Store) -> None:
    sweep_id = create_sweep(store, sweep_config(batch_sizes=(2,)))
    first = go_on(store, sweep_id)
    assert (first[0].done, first[0].total, first[0].share, first[0].ended) == (0, 2, 0.0, False)
    assert (first[-1].done, first[-1].total, first[-1].share) == (2, 2, 1.0)
    assert first[-1].ended
    assert first[-1].seconds_left == 0.0
    assert [now.share for now in first if now.run_id == 1] == sorted(
        now.share for now in first if now.run_id == 1
    )
    # Nothing was known of the second part's time when the first began.
    [end_of_first] = [now for now in first if now.run_id == 1 and now.ended]
    assert end_of_first.seconds_left is None


@pytest.mark.usefixtures("tiny")
def test_weights_of_the_first_repeat_or_of_all(store: Store) -> None:
    for part in swept(store).parts:
        assert has_checkpoint(part.run.id) is (part.repeat == 0)
        assert run_folder(part.run.id).exists() is (part.repeat == 0)
    for part in swept(store, keep_all_weights=True).parts:
        assert has_checkpoint(part.run.id)


@pytest.mark.usefixtures("tiny")
def test_a_target_ends_a_part(store: Store) -> None:
    """2,048 samples are evaluated after 0, 1,024 and 2,048; a loss below 100 is there at once."""
    reached = swept(store, batch_sizes=(64,), repeats=1, budget="target", amount=2048,
                    target_loss=100.0)  # fmt: skip
    assert reached.parts[0].run.summary.iterations == 0
    missed = swept(store, batch_sizes=(64,), repeats=1, budget="target", amount=2048,
                   target_loss=1e-6)  # fmt: skip
    assert missed.parts[0].run.summary.iterations == 32
    first, *_, last = store.evaluations(missed.parts[0].run.id)
    between = (first.validation_loss_per_token + last.validation_loss_per_token) / 2
    found = swept(store, batch_sizes=(64,), repeats=1, budget="target", amount=65_536,
                  target_loss=between)  # fmt: skip
    run = found.parts[0].run
    assert run.state is RunState.FINISHED
    assert 0 < run.summary.iterations < 1024
    *before, end = [each.validation_loss_per_token for each in store.evaluations(run.id)]
    assert end <= between < min(before)


# What goes wrong with a part is its result


@pytest.mark.usefixtures("tiny")
def test_out_of_memory_is_a_result(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    failing_at(monkeypatch, 4, out_of_memory)
    found = swept(store)
    assert found.state is SweepState.FINISHED
    assert states(found) == {
        (2, 0): RunState.FINISHED,
        (2, 1): RunState.FINISHED,
        (4, 0): RunState.OUT_OF_MEMORY,
        (4, 1): RunState.OUT_OF_MEMORY,
    }


@pytest.mark.usefixtures("tiny")
def test_divergence_is_a_result(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    failing_at(monkeypatch, 4, lambda: torch.tensor(float("nan"), requires_grad=True))
    found = swept(store)
    assert found.state is SweepState.FINISHED
    assert states(found)[2, 1] is RunState.FINISHED
    messages = {part.repeat: part.run.message for part in found.parts if part.batch_size == 4}
    assert states(found)[4, 0] is states(found)[4, 1] is RunState.DIVERGED
    assert messages[0].endswith("The last good weights were kept.")
    assert messages[1].endswith("usually helps.")


def test_a_failure_is_a_result_with_its_sentence(store: Store) -> None:
    found = swept(store)
    assert found.state is SweepState.FINISHED
    assert set(states(found).values()) == {RunState.FAILED}
    assert found.parts[0].run.message.startswith("There is no corpus 'tiny'")


@pytest.mark.usefixtures("tiny")
def test_until_memory_ends(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    failing_at(monkeypatch, 9, out_of_memory)
    found = swept(store, grow_until_oom=True)
    assert found.state is SweepState.FINISHED
    assert {key for key, state in states(found).items() if state is RunState.FINISHED} == {
        (2, 0), (4, 0), (8, 0), (2, 1), (4, 1), (8, 1),
    }  # fmt: skip
    assert states(found)[16, 0] is RunState.OUT_OF_MEMORY
    assert len(found.parts) == 7


# Stopping and going on


@pytest.mark.usefixtures("tiny")
def test_stop_and_resume(store: Store, before_step: BeforeStep) -> None:
    whole = swept(store)
    stop = Event()
    before_step(lambda number: stop.set() if number == 9 else None)
    sweep_id = create_sweep(store, sweep_config())
    go_on(store, sweep_id, stop)
    stopped = read_sweep(store, sweep_id)
    assert stopped.state is SweepState.STOPPED
    assert [part.run.state if part.run else None for part in stopped.parts] == [
        RunState.FINISHED, RunState.INTERRUPTED, None, None,
    ]  # fmt: skip
    assert stopped.parts[1].run.message.endswith(
        f"`python -m s2s sweep --resume {sweep_id}` goes on."
    )
    assert stopped.parts[1].run.summary.iterations == 3
    go_on(store, sweep_id)
    found = read_sweep(store, sweep_id)
    assert found.state is SweepState.FINISHED
    assert found.parts[0].run == stopped.parts[0].run
    assert losses(store, found) == losses(store, whole)
    assert stopped.parts[1].run.id not in [run.id for run in store.runs()]
    assert not run_folder(stopped.parts[1].run.id).exists()


@pytest.mark.usefixtures("tiny")
def test_a_stopped_run_stops_its_sweep(store: Store) -> None:
    sweep_id = create_sweep(store, sweep_config())
    take(store, sweep_id)
    for now in run_sweep(store, sweep_id, Event()):
        store.request_stop(now.run_id)  # before it is started
    found = read_sweep(store, sweep_id)
    assert found.state is SweepState.STOPPED
    assert list(states(found).values()) == [RunState.STOPPED]


@pytest.mark.usefixtures("tiny")
def test_who_leaves_off_stops_the_sweep(store: Store) -> None:
    sweep_id = create_sweep(store, sweep_config(amount=100_000))
    take(store, sweep_id)
    progress = run_sweep(store, sweep_id, Event())
    run_id = next(now.run_id for now in progress if now.share)
    progress.close()
    assert read_sweep(store, sweep_id).state is SweepState.STOPPED
    assert store.run(run_id).state is RunState.STOPPED
    assert len(store.steps(run_id)) == store.run(run_id).summary.iterations > 0
    take(store, sweep_id)  # it was let go of


@pytest.mark.usefixtures("tiny")
def test_a_sweep_that_is_finished_has_nothing_left(store: Store) -> None:
    found = swept(store)
    assert go_on(store, found.id) == []
    assert read_sweep(store, found.id) == found


def begun_as_a_program(sweep_id: int) -> subprocess.Popen[bytes]:
    code = "from threading import Event; from s2s.paths import home;"
    code += "from s2s.sweeps import memory as sweep_memory;"
    code += "sweep_memory.in_a_process = lambda config, given_up: None;"  # seconds a batch size
    code += "from s2s.store.runs import Store; from s2s.sweeps.runner import run_sweep;"
    code += "from s2s.store.sweeps import take; store = Store(home());"
    code += f"take(store, {sweep_id}); list(run_sweep(store, {sweep_id}, Event()))"
    return subprocess.Popen([sys.executable, "-c", code])


def test_killed_and_started_again(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_corpus(tmp_path)
    choices: dict[str, Any] = {"batch_sizes": (32, 64), "amount": 100, "keep_all_weights": True}
    whole = swept(store, **choices)
    wanted = losses(store, whole)
    monkeypatch.setenv("S2S_HOME", str(tmp_path / "another"))
    tiny_corpus(tmp_path)
    other = Store(home())
    sweep_id = create_sweep(other, sweep_config(**choices))

    def in_the_second_part() -> bool:
        runs = other.runs()
        return len(runs) == 2 and runs[0].iterations_done > 0

    with begun_as_a_program(sweep_id) as process:
        wait_until(in_the_second_part)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    killed = read_sweep(other, sweep_id)
    assert killed.state is SweepState.STOPPED
    assert [part.run.state if part.run else None for part in killed.parts] == [
        RunState.FINISHED, RunState.RUNNING, None, None,
    ]  # fmt: skip
    go_on(other, sweep_id)
    found = read_sweep(other, sweep_id)
    assert found.state is SweepState.FINISHED
    assert found.parts[0].run == killed.parts[0].run
    assert losses(other, found) == wanted
    assert len(other.runs()) == len(found.parts) == 4
    kept = sorted(int(folder.name) for folder in (home() / "runs").iterdir())
    assert kept == sorted(part.run.id for part in found.parts)
    other.close()
