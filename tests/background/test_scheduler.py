"""Runs in the background: one after another per device, stopped, interrupted and resumed."""

import itertools
import sqlite3
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from threading import Event

import pytest
import torch

from s2s.background.scheduler import Scheduler
from s2s.errors import UserError
from s2s.paths import home, run_folder
from s2s.records import RunState
from s2s.runs import recorder as recorder_module
from s2s.runs.execute import execute
from s2s.runs.measure import measure_gradient_noise
from s2s.runs.resume import find_resumable
from s2s.store import Store
from s2s.store import errors as store_errors
from s2s.training.checkpoint import load_checkpoint
from tests.tiny import tiny_config, wait_until

BeforeStep = Callable[[Callable[[int], object]], None]
HeldStep = tuple[Event, Event]
LONG = 1_000_000
pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture
def scheduler(store: Store) -> Iterator[Scheduler]:
    scheduler = Scheduler(store)
    yield scheduler
    scheduler.close()
    wait_until(lambda: not [each for each in threading.enumerate() if each.name[:4] == "s2s-"])


@pytest.fixture
def held_step(before_step: BeforeStep) -> Iterator[HeldStep]:
    """Two events: a step has begun, and steps may continue."""
    in_step, resume = Event(), Event()

    def hold(_: int) -> None:
        in_step.set()
        resume.wait(30)

    before_step(hold)
    yield in_step, resume
    resume.set()


def wait_for(scheduler: Scheduler, run_id: int, state: RunState) -> None:
    wait_until(lambda: scheduler.store.run(run_id).state is state)


def is_training(scheduler: Scheduler, run_id: int) -> bool:
    return scheduler.store.run(run_id).iterations_done > 0


def test_one_queue_per_device_under_any_name(scheduler: Scheduler) -> None:
    """A failed run does not stop the next one."""
    names = ["auto", "auto", "cpu"]
    ids = scheduler.submit([tiny_config(iterations=2, device=name) for name in names])
    ids += scheduler.submit([tiny_config(corpus="nowhere"), tiny_config(iterations=1)])
    assert ids == sorted(ids)
    wait_for(scheduler, ids[-1], RunState.FINISHED)
    runs = [scheduler.store.run(run_id) for run_id in ids]
    assert [run.state for run in runs] == [*["finished"] * 3, "failed", "finished"]
    for earlier, later in itertools.pairwise(runs):
        assert earlier.finished_at <= later.started_at


def test_a_run_after_the_queue_was_empty(scheduler: Scheduler) -> None:
    for _ in range(2):
        [run_id] = scheduler.submit([tiny_config(iterations=1)])
        wait_for(scheduler, run_id, RunState.FINISHED)
        wait_until(lambda: not scheduler.work.is_busy("trainer-cpu"))


def test_many_threads_submit_at_once(scheduler: Scheduler) -> None:
    ids: list[int] = []
    configs = [tiny_config(iterations=1)] * 2
    threads = [
        threading.Thread(target=lambda: ids.extend(scheduler.submit(configs))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 8
    for run_id in ids:
        wait_for(scheduler, run_id, RunState.FINISHED)


def test_memory_is_free_again_for_the_run_after_one_that_ran_out(
    scheduler: Scheduler, before_step: BeforeStep
) -> None:
    tensors: list[weakref.ref[torch.Tensor]] = []
    is_alive: list[bool] = []

    def exhaust(number: int) -> None:
        if number == 3:
            batch = torch.zeros(1000, 1000)
            tensors.append(weakref.ref(batch))
            raise torch.OutOfMemoryError
        if number == 4:
            is_alive.append(tensors[0]() is not None)

    before_step(exhaust)
    first, second = scheduler.submit([tiny_config(), tiny_config(iterations=2)])
    wait_for(scheduler, second, RunState.FINISHED)
    assert scheduler.store.run(first).state is RunState.OUT_OF_MEMORY
    assert is_alive == [False]


@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_stop(scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch, is_elsewhere: bool) -> None:
    """In this process at the next step; from another at the next look at the store."""
    if not is_elsewhere:
        monkeypatch.setattr(recorder_module, "FLUSH_SECONDS", 1000.0)
    [run_id] = scheduler.submit([tiny_config(iterations=LONG, evaluate_every=20)])
    wait_until(lambda: is_training(scheduler, run_id))
    if is_elsewhere:
        code = "from s2s.paths import home; from s2s.store import Store;"
        code += f"Store(home()).request_stop({run_id})"
        subprocess.run([sys.executable, "-c", code], check=True)
    else:
        scheduler.stop(run_id)
    wait_for(scheduler, run_id, RunState.STOPPED)
    run = scheduler.store.run(run_id)
    assert len(scheduler.store.steps(run_id)) == run.iterations_done
    assert load_checkpoint(run_folder(run_id)).iteration == run.iterations_done


def test_queued_runs_stopped_and_deleted_never_start(
    scheduler: Scheduler, held_step: HeldStep
) -> None:
    in_step, resume = held_step
    first, second, third, fourth = scheduler.submit([tiny_config(iterations=1)] * 4)
    assert in_step.wait(30)
    for run_id in (second, third, 77):
        scheduler.stop(run_id)
    scheduler.store.delete_run(third)
    assert scheduler.store.run(second).state is RunState.STOPPED
    resume.set()
    wait_for(scheduler, fourth, RunState.FINISHED)
    assert scheduler.store.run(first).state is RunState.FINISHED
    assert [scheduler.store.run(each).started_at for each in (second, third)] == [None, None]


def test_a_new_scheduler_purges_and_marks_what_others_left(store: Store) -> None:
    deleted = store.create_run(tiny_config())
    store.request_stop(deleted)
    store.delete_run(deleted)
    code = "from s2s.config import TrainConfig; from s2s.paths import home;"
    code += "from s2s.store import Store; Store(home()).create_run(TrainConfig())"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert [run.state for run in store.runs()] == [RunState.QUEUED]
    Scheduler(store).close()
    assert [run.state for run in store.runs()] == [RunState.INTERRUPTED]
    assert store.deleted_runs() == []


def test_what_a_closed_scheduler_interrupted_is_resumed_by_the_next(scheduler: Scheduler) -> None:
    store = scheduler.store
    running, queued = scheduler.submit([tiny_config(iterations=LONG), tiny_config(iterations=3)])
    wait_until(lambda: is_training(scheduler, running))
    scheduler.close()
    assert [store.run(each).state for each in (running, queued)] == ["interrupted"] * 2
    assert store.run(queued).started_at is None
    done = store.run(running).iterations_done
    assert [(run.id, at) for run, at in find_resumable(store)] == [(queued, 0), (running, done)]
    later = Scheduler(store)
    later.resume(running)
    later.resume(queued)
    wait_until(lambda: store.run(running).iterations_done > done)
    later.stop(running)
    wait_for(later, queued, RunState.FINISHED)
    assert store.run(running).state is RunState.STOPPED
    assert (store.run(running).resumed_at, store.run(queued).resumed_at) == ((done,), ())
    with pytest.raises(UserError):
        later.resume(running)
    later.close()


def test_an_unavailable_store_is_written_later_and_the_queue_goes_on(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_run, refusals = Store.fail_run, iter([True, True])

    def refuse(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    def refuse_at_first(*arguments: object) -> None:
        if next(refusals, False):
            refuse()
        fail_run(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(store_errors, "RETRY_INTERVAL_SECONDS", 0.01)
    with monkeypatch.context() as full:
        full.setattr(Store, "start_run", refuse)
        full.setattr(Store, "fail_run", refuse_at_first)
        [first] = scheduler.submit([tiny_config(iterations=1)])
        wait_for(scheduler, first, RunState.FAILED)
    assert "disk is full" in scheduler.store.run(first).error
    [second] = scheduler.submit([tiny_config(iterations=1)])
    wait_for(scheduler, second, RunState.FINISHED)


def test_gradient_noise(scheduler: Scheduler) -> None:
    run_id = scheduler.store.create_run(tiny_config(iterations=5))
    execute(scheduler.store, run_id, Event())
    assert run_id not in scheduler.noise_jobs
    for each in (run_id, 9):
        scheduler.measure_gradient_noise(each)
        wait_until(lambda: not scheduler.noise_jobs[each].is_running())  # noqa: B023
    assert scheduler.noise_jobs[run_id].progress == 1.0
    expected = measure_gradient_noise(run_id, lambda _: None)
    assert scheduler.store.gradient_noise([run_id, 9]) == [expected]
    assert isinstance(scheduler.noise_jobs[9].error, UserError)


def test_nothing_is_written_to_a_read_only_home(store: Store) -> None:
    store.read_only = True
    Scheduler(store).close()
    assert not (home() / "locks" / "dashboards").exists()
