import dataclasses
import itertools
import sqlite3
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from threading import Event
from types import SimpleNamespace

import pytest
import torch

from s2s.background import estimates as expected_module
from s2s.background import scheduler as manager_module
from s2s.background.estimates import (
    Expected,
    StepTime,
    expected,
    step_time_from_runs,
    step_time_from_trial,
)
from s2s.background.scheduler import Manager
from s2s.config import Engine
from s2s.data import catalog
from s2s.errors import UserError
from s2s.paths import corpora_folder, run_folder
from s2s.records import Run, RunState, Summary
from s2s.runs import recorder as recorder_module
from s2s.runs.resume import resumable
from s2s.store import Store
from s2s.translation.translator import Translator
from tests.tiny import tiny_config, tiny_corpus, wait_until

BeforeStep = Callable[[Callable[[int], object]], None]
HeldStep = tuple[Event, Event]
STOP_SECONDS = 2.0
"""Promised to the user."""
LONG = 1_000_000


@pytest.fixture
def manager(store: Store) -> Iterator[Manager]:
    made = Manager(store)
    yield made
    made.close()
    wait_until(lambda: not [each for each in threading.enumerate() if each.name[:4] == "s2s-"])


@pytest.fixture
def held_step(before_step: BeforeStep) -> Iterator[HeldStep]:
    """Two events: a step has begun; each step waits for the other one."""
    in_step, go_on = Event(), Event()

    def hold(_: int) -> None:
        in_step.set()
        go_on.wait(30)

    before_step(hold)
    yield in_step, go_on
    go_on.set()


def state(manager: Manager, run_id: int) -> RunState:
    return manager.store.run(run_id).state


def wait_for_state(manager: Manager, run_id: int, wanted: RunState, seconds: float = 30.0) -> None:
    wait_until(lambda: state(manager, run_id) is wanted, seconds)


def is_training(manager: Manager, run_id: int) -> bool:
    return manager.store.run(run_id).iterations_done > 0


@pytest.mark.usefixtures("tiny")
def test_runs_are_trained_one_after_the_other(manager: Manager) -> None:
    ids = manager.submit([tiny_config(batch_size=size, iterations=2) for size in (3, 2)])
    ids += manager.submit([tiny_config(batch_size=1, iterations=2)])
    assert ids == sorted(ids)
    for run_id in ids:
        wait_for_state(manager, run_id, RunState.FINISHED)
    runs = [manager.store.run(run_id) for run_id in ids]
    assert [run.config.batch_size for run in runs] == [3, 2, 1]
    for earlier, later in itertools.pairwise(runs):
        assert earlier.finished_at <= later.started_at


@pytest.mark.usefixtures("tiny")
def test_a_run_after_the_queue_was_empty(manager: Manager) -> None:
    for _ in range(2):
        [run_id] = manager.submit([tiny_config(iterations=1)])
        wait_for_state(manager, run_id, RunState.FINISHED)
        wait_until(lambda: not manager._threads)


@pytest.mark.usefixtures("tiny")
def test_many_threads_submit_at_once(manager: Manager) -> None:
    ids: list[int] = []
    threads = [
        threading.Thread(target=lambda: ids.extend(manager.submit([tiny_config(iterations=1)] * 2)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 8
    for run_id in ids:
        wait_for_state(manager, run_id, RunState.FINISHED)


@pytest.mark.usefixtures("tiny")
def test_a_failure_does_not_hold_up_the_next_run(manager: Manager) -> None:
    ids = manager.submit([tiny_config(corpus="nowhere"), tiny_config(iterations=1)])
    wait_for_state(manager, ids[1], RunState.FINISHED)
    assert state(manager, ids[0]) is RunState.FAILED


# Stopping


@pytest.mark.usefixtures("tiny")
def test_after_running_out_of_memory_the_next_run_finds_it_free(
    manager: Manager, before_step: BeforeStep
) -> None:
    held: list[weakref.ref[torch.Tensor]] = []
    alive_at_the_next: list[bool] = []

    def exhaust(number: int) -> None:
        if number == 3:
            batch = torch.zeros(1000, 1000)
            held.append(weakref.ref(batch))
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        if number == 4:
            alive_at_the_next.append(held[0]() is not None)

    before_step(exhaust)
    first, second = manager.submit([tiny_config(), tiny_config(iterations=2)])
    wait_for_state(manager, second, RunState.FINISHED)
    assert state(manager, first) is RunState.OUT_OF_MEMORY
    assert alive_at_the_next == [False]


@pytest.mark.usefixtures("tiny")
def test_stop_is_done_within_two_seconds(manager: Manager) -> None:
    [run_id] = manager.submit([tiny_config(iterations=LONG)])
    wait_until(lambda: is_training(manager, run_id))
    asked = time.monotonic()
    manager.stop(run_id)
    wait_for_state(manager, run_id, RunState.STOPPED)
    assert time.monotonic() - asked < STOP_SECONDS
    run = manager.store.run(run_id)
    assert len(manager.store.steps(run_id)) == run.iterations_done
    checkpoint = Translator.load(run_folder(run_id)).checkpoint
    assert checkpoint.iteration == run.iterations_done


@pytest.mark.usefixtures("tiny")
def test_stop_does_not_wait_for_the_next_look_at_the_store(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "FLUSH_SECONDS", 1000.0)
    [run_id] = manager.submit([tiny_config(iterations=LONG, evaluate_every=20)])
    wait_until(lambda: is_training(manager, run_id))
    manager.stop(run_id)
    wait_for_state(manager, run_id, RunState.STOPPED, STOP_SECONDS)


@pytest.mark.usefixtures("tiny")
def test_stop_by_another_process_is_done_within_two_seconds(manager: Manager) -> None:
    [run_id] = manager.submit([tiny_config(iterations=LONG)])
    wait_until(lambda: is_training(manager, run_id))
    code = "from s2s.paths import home; from s2s.store import Store;"
    code += f"Store(home()).request_stop({run_id})"
    subprocess.run([sys.executable, "-c", code], check=True)
    wait_for_state(manager, run_id, RunState.STOPPED, STOP_SECONDS)


@pytest.mark.usefixtures("tiny")
def test_stop_of_a_queued_run_takes_effect_at_once(manager: Manager, held_step: HeldStep) -> None:
    in_step, go_on = held_step
    first, second, third = manager.submit([tiny_config(iterations=1)] * 3)
    assert in_step.wait(30)
    manager.stop(second)
    assert state(manager, second) is RunState.STOPPED
    assert state(manager, third) is RunState.QUEUED
    go_on.set()
    wait_for_state(manager, third, RunState.FINISHED)
    assert state(manager, first) is RunState.FINISHED
    assert manager.store.run(second).started_at is None


@pytest.mark.usefixtures("tiny")
def test_a_queued_run_stopped_and_deleted_does_not_hold_up_the_next(
    manager: Manager, held_step: HeldStep
) -> None:
    in_step, go_on = held_step
    _, second, third = manager.submit([tiny_config(iterations=1)] * 3)
    assert in_step.wait(30)
    manager.stop(second)
    manager.store.delete_run(second)
    go_on.set()
    wait_for_state(manager, third, RunState.FINISHED)
    assert state(manager, second) is RunState.STOPPED


def test_deleted_runs_are_purged_when_a_manager_starts(store: Store) -> None:
    deleted, kept = store.create_run(tiny_config()), store.create_run(tiny_config())
    for run_id in (deleted, kept):
        store.request_stop(run_id)
    store.delete_run(deleted)
    Manager(store)
    assert [run.id for run in store.runs()] == [kept]
    assert store.deleted_runs() == []


def test_stop_of_an_unknown_run_is_no_matter(manager: Manager) -> None:
    manager.stop(77)
    assert manager.store.runs() == []


@pytest.mark.usefixtures("tiny")
def test_close_interrupts_everything_and_keeps_what_can_be_resumed(manager: Manager) -> None:
    running, queued = manager.submit([tiny_config(iterations=LONG)] * 2)
    wait_until(lambda: is_training(manager, running))
    manager.close()
    assert state(manager, running) is RunState.INTERRUPTED
    assert state(manager, queued) is RunState.INTERRUPTED
    assert manager.store.run(queued).started_at is None
    done = manager.store.run(running).iterations_done
    assert [(run.id, at) for run, at in resumable(manager.store)] == [(queued, 0), (running, done)]
    assert done > 0


@pytest.mark.usefixtures("tiny")
def test_what_was_closed_is_resumed_by_the_next(manager: Manager) -> None:
    running, queued = manager.submit([tiny_config(iterations=LONG), tiny_config(iterations=3)])
    wait_until(lambda: is_training(manager, running))
    manager.close()
    done = manager.store.run(running).iterations_done
    later = Manager(manager.store)
    later.resume(running)
    later.resume(queued)
    wait_until(lambda: manager.store.run(running).iterations_done > done)
    later.stop(running)
    wait_for_state(manager, queued, RunState.FINISHED)
    assert manager.store.run(running).state is RunState.STOPPED
    assert manager.store.run(running).resumed_at == (done,)
    assert manager.store.run(queued).resumed_at == ()
    with pytest.raises(UserError, match="only an interrupted run"):
        later.resume(running)


def test_a_new_manager_marks_interrupted_runs(store: Store) -> None:
    code = "from s2s.config import TrainConfig; from s2s.paths import home;"
    code += "from s2s.store import Store; Store(home()).create_run(TrainConfig())"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert [run.state for run in store.runs()] == [RunState.QUEUED]
    Manager(store)
    assert [run.state for run in store.runs()] == [RunState.INTERRUPTED]


# How long a run will take


def measured(
    store: Store, step_seconds: float | None, device: str = "cpu", **changes: object
) -> Run:
    """A finished run with this time a step."""
    config = tiny_config(**changes)
    run_id = store.create_run(config)
    store.start_run(run_id, device, {})
    rate = config.batch_size / step_seconds if step_seconds else None
    counts = (config.batch_size, 10, 1.0, 1.0, 0.0)
    summary = Summary(
        run_id, RunState.FINISHED, "fused", *counts, rate, None, None, None, None, None, None,
        wall_seconds=1.0,
    )  # fmt: skip
    store.finish_run(run_id, RunState.FINISHED, summary)
    return store.run(run_id)


def test_from_a_run_of_the_same_size_the_latest(store: Store) -> None:
    measured(store, 0.5)
    latest = measured(store, 0.25, iterations=77, seed=3, learning_rate=0.5)
    found = step_time_from_runs(tiny_config(iterations=5), store.runs(), "cpu")
    assert found == StepTime(0.25, 0.0, f"run {latest.id}")


def test_between_the_two_nearest_sizes(store: Store) -> None:
    measured(store, 0.1, batch_size=1)
    low = measured(store, 0.2, batch_size=4)
    high = measured(store, 0.6, batch_size=12)
    measured(store, 9.0, batch_size=64)
    found = step_time_from_runs(tiny_config(batch_size=6), store.runs(), "cpu")
    assert found is not None
    assert found.step_seconds == pytest.approx(0.3)
    assert found.basis == f"run {low.id} and run {high.id}"


def test_a_clock_that_was_set_makes_no_estimate_longer(store: Store) -> None:
    run = measured(store, 0.25)
    assert run.summary is not None
    timed = dataclasses.replace(run.summary, seconds=2.0, wall_seconds=13.0)
    found = step_time_from_runs(
        run.config,
        [dataclasses.replace(run, started_at=5e8, finished_at=1e9, summary=timed)],
        "cpu",
    )
    assert found == StepTime(0.25, 1.0, f"run {run.id}")  # eleven evaluations in the other 11 s
    resumed = dataclasses.replace(run, summary=dataclasses.replace(timed, wall_seconds=None))
    assert step_time_from_runs(run.config, [resumed], "cpu") is None


@pytest.mark.parametrize("size", [3, 13])
def test_nothing_is_read_off_beyond_the_measured_sizes(store: Store, size: int) -> None:
    measured(store, 0.2, batch_size=4)
    measured(store, 0.6, batch_size=12)
    assert step_time_from_runs(tiny_config(batch_size=size), store.runs(), "cpu") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": 16},
        {"layers": 2},
        {"engine": Engine.ARTICLE},
        {"optimizer": "adam"},
        {"teacher_forcing": 0.5},
        {"dropout": 0.0},
        {"momentum": 0.0},
        {"precision": "bf16"},
        {"threads": 2},
        {"corpus": "other"},
    ],
)
def test_runs_of_another_kind_tell_nothing(store: Store, changes: dict[str, object]) -> None:
    measured(store, 0.2, **changes)
    assert step_time_from_runs(tiny_config(), store.runs(), "cpu") is None


def test_runs_on_another_device_or_without_a_rate_tell_nothing(store: Store) -> None:
    measured(store, 0.2, device="cuda:0")
    measured(store, None)
    store.create_run(tiny_config())
    assert step_time_from_runs(tiny_config(), store.runs(), "cpu") is None


@pytest.mark.parametrize(
    ("changes", "total"),
    [
        ({"iterations": 100}, 100 * 0.5 + 11 * 2),
        ({"iterations": 100, "evaluate_every": 10}, 100 * 0.5 + (2 + 10) * 2),
        ({"iterations": 100, "max_seconds": 20.0}, 20 + 11 * 2),
        ({"iterations": 100, "max_seconds": 900.0}, 100 * 0.5 + 11 * 2),
    ],
)
def test_steps_and_evaluations_add_up(changes: dict[str, object], total: float) -> None:
    result = expected(tiny_config(**changes), StepTime(0.5, 2.0, "a guess"), "cpu")
    assert result == Expected(0.5, total, "a guess", "cpu")


@pytest.mark.usefixtures("tiny")
def test_a_trial_measures_its_steps_without_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    # Two readings each: the evaluation takes 7 s, the steps 100, 1, 2, 3 and 4 s.
    times = iter([0, 7, 0, 100, 0, 1, 0, 2, 0, 3, 0, 4])
    clock = SimpleNamespace(perf_counter=lambda: float(next(times)))
    monkeypatch.setattr(expected_module, "time", clock)
    found = step_time_from_trial(tiny_config())
    assert found == StepTime(2.5, 7.0, "a trial of a few steps")


def asked(manager: Manager, **changes: object) -> Expected:
    """Asks as the page does, until there is an answer."""
    answers: list[Expected] = []

    def answered() -> bool:
        answer = manager.expected_seconds(tiny_config(**changes))
        if answer:
            answers.append(answer)
        return bool(answers)

    wait_until(answered)
    return answers[0]


@pytest.mark.usefixtures("tiny")
def test_the_manager_tries_first_and_then_knows_from_runs(manager: Manager) -> None:
    assert manager.expected_seconds(tiny_config()) is None
    tried = asked(manager)
    assert tried.basis == "a trial of a few steps"
    assert tried.total_seconds > 10 * tried.step_seconds > 0
    run = measured(manager.store, 0.5)
    assert asked(manager).basis == f"run {run.id}"
    assert asked(manager, device="auto").basis == f"run {run.id}"
    assert manager.store.runs() == [run]  # the trial left none


@pytest.mark.usefixtures("tiny")
def test_a_trial_waits_for_a_run_to_end(manager: Manager, held_step: HeldStep) -> None:
    in_step, go_on = held_step
    [run_id] = manager.submit([tiny_config(iterations=1)])
    assert in_step.wait(30)
    assert manager.expected_seconds(tiny_config(hidden_size=4)) is None
    assert manager._threads["s2s-trial"].is_alive()
    assert manager.expected_seconds(tiny_config(hidden_size=4)) is None
    go_on.set()
    asked(manager, hidden_size=4)
    assert state(manager, run_id) is RunState.FINISHED


def refusal(manager: Manager, **changes: object) -> str:
    with pytest.raises(UserError) as caught:
        asked(manager, **changes)
    return str(caught.value)


def test_what_cannot_run_is_said_until_it_is_put_right(
    manager: Manager, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    assert refusal(manager).startswith("There is no corpus 'tiny'")
    tiny_corpus(tmp_path)  # type: ignore[arg-type]
    assert [each.name for each in catalog.list_corpora(corpora_folder())] == ["tiny"]
    assert refusal(manager).startswith("There is no corpus 'tiny'")  # for a few seconds more
    monkeypatch.setattr(manager_module, "_ERROR_SECONDS", 0.0)
    assert asked(manager).basis == "a trial of a few steps"


@pytest.mark.usefixtures("tiny")
def test_an_answer_for_one_device_or_start_is_none_for_another(manager: Manager) -> None:
    asked(manager)
    assert "There is no device cuda:99" in refusal(manager, device="cuda:99")
    assert "Run 77 has no checkpoint" in refusal(manager, continue_from=77)
    asked(manager)


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    "error", [RuntimeError("x"), MemoryError("x"), OSError("x"), KeyError("x")]
)
def test_a_trial_that_fails_says_so(
    manager: Manager, before_step: BeforeStep, error: Exception
) -> None:
    def fail(_: int) -> None:
        raise error

    before_step(fail)
    assert "A trial step failed" in refusal(manager)


def test_devices(manager: Manager) -> None:
    wait_until(lambda: bool(manager.devices()))
    assert manager.devices()[-1] == "cpu"


@pytest.mark.usefixtures("tiny")
def test_one_queue_a_device_whatever_it_is_called(manager: Manager) -> None:
    names = ["auto", "auto", "cpu", "auto", "cpu"]
    ids = manager.submit([tiny_config(iterations=1, device=name) for name in names])
    for run_id in ids:
        wait_for_state(manager, run_id, RunState.FINISHED)
    started = [manager.store.run(run_id).started_at for run_id in ids]
    assert started == sorted(started)


@pytest.mark.usefixtures("tiny")
def test_a_store_that_cannot_be_written_holds_up_no_later_run(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_run, refusals = Store.fail_run, iter([True, True])

    def refuse(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    def refuse_at_first(*arguments: object) -> None:
        if next(refusals, False):
            refuse()
        fail_run(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as full:
        full.setattr(Store, "start_run", refuse)
        full.setattr(Store, "fail_run", refuse_at_first)
        [first] = manager.submit([tiny_config(iterations=1)])
        wait_for_state(manager, first, RunState.FAILED)
    assert "database or disk is full" in manager.store.run(first).message
    [second] = manager.submit([tiny_config(iterations=1)])
    wait_for_state(manager, second, RunState.FINISHED)
