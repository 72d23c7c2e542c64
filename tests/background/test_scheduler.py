"""Runs and sweeps in the background: queued per device, stopped, interrupted and resumed."""

import dataclasses
import itertools
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from threading import Event

import pytest
import torch

from s2s.background.scheduler import Scheduler
from s2s.config import SweepConfig
from s2s.errors import UserError
from s2s.paths import home, run_folder
from s2s.records import Run, RunState, SweepState
from s2s.runs import recorder as recorder_module
from s2s.runs.resume import find_resumable
from s2s.store import Store
from s2s.store import errors as store_errors
from s2s.store.errors import StoreError
from s2s.store.sweeps import claim_sweep, read_sweep
from s2s.sweeps.plan import create_sweep
from s2s.sweeps.runner import run_sweep
from s2s.training.checkpoint import load_checkpoint
from tests.tiny import BeforeStep, tiny_config, wait_until

ENDLESS = tiny_config(iterations=1_000_000, evaluate_every=20)
SHORT = tiny_config(iterations=1)
SWEEP = SweepConfig(
    base=tiny_config(), batch_sizes=(2, 4), repeats=1, budget="iterations", amount=3
)
ENDLESS_SWEEP = dataclasses.replace(SWEEP, amount=1_000_000)
pytestmark = pytest.mark.usefixtures("trained_home")


@pytest.fixture
def scheduler(store: Store) -> Iterator[Scheduler]:
    scheduler = Scheduler(store)
    yield scheduler
    scheduler.close()
    wait_until(lambda: not [each for each in threading.enumerate() if each.name[:4] == "s2s-"])


def wait_for(store: Store, run_id: int, state: RunState = RunState.FINISHED) -> Run:
    wait_until(lambda: store.run(run_id).state is state)
    return store.run(run_id)


def wait_for_steps(store: Store, run_id: int, done: int = 0) -> None:
    wait_until(lambda: store.run(run_id).iterations_done > done)


def wait_for_sweep(store: Store, sweep_id: int, state: SweepState) -> list[RunState | None]:
    """Return the states of its runs."""
    wait_until(lambda: read_sweep(store, sweep_id).state is state)
    return [part.run and part.run.state for part in read_sweep(store, sweep_id).parts]


# Runs


def test_one_queue_per_device_under_any_name(store: Store, scheduler: Scheduler) -> None:
    """A failed run does not stop the next one."""
    changes = ({"device": "auto"}, {"device": "cpu"}, {"corpus": "nowhere"}, {})
    ids = scheduler.submit([dataclasses.replace(SHORT, **each) for each in changes])
    wait_for(store, ids[-1])
    runs = [store.run(run_id) for run_id in ids]
    assert [run.state for run in runs] == ["finished", "finished", "failed", "finished"]
    for earlier, later in itertools.pairwise(runs):
        assert earlier.finished_at <= later.started_at


def test_many_threads_submit_at_once(store: Store, scheduler: Scheduler) -> None:
    """Twice: the thread of an empty queue has ended."""
    ids: list[int] = []
    for _ in range(2):
        threads = [
            threading.Thread(target=lambda: ids.extend(scheduler.submit([SHORT]))) for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_until(lambda: all(store.run(each).state is RunState.FINISHED for each in ids))
        wait_until(lambda: not scheduler.work.is_busy("trainer-cpu"))
    assert len(set(ids)) == 6


def test_memory_is_free_again_for_the_run_after_one_that_ran_out(
    store: Store, scheduler: Scheduler, before_step: BeforeStep
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
    first, second = scheduler.submit([tiny_config(), SHORT])
    wait_for(store, second)
    assert store.run(first).state is RunState.OUT_OF_MEMORY
    assert is_alive == [False]


def test_running_and_queued_runs_are_stopped(
    store: Store, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the next step, although the store is not read; a queued one never starts."""
    running, stopped, deleted, last = scheduler.submit([ENDLESS, SHORT, SHORT, SHORT])
    wait_for_steps(store, running)
    monkeypatch.setattr(recorder_module, "FLUSH_SECONDS", 1000.0)
    for run_id in (stopped, deleted, running, 77):
        scheduler.stop(run_id)
    store.delete_run(deleted)
    wait_for(store, last)
    run = store.run(running)
    assert run.state is RunState.STOPPED
    assert len(store.steps(running)) == run.iterations_done
    assert load_checkpoint(run_folder(running)).iteration == run.iterations_done
    assert [store.run(each).started_at for each in (stopped, deleted)] == [None, None]


def test_a_new_scheduler_purges_and_marks_what_others_left(store: Store) -> None:
    store.delete_run(1)
    code = "from s2s.config import TrainConfig; from s2s.paths import home;"
    code += "from s2s.store import Store; Store(home()).create_run(TrainConfig())"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert [run.state for run in store.runs()] == [RunState.QUEUED]
    Scheduler(store).close()
    assert [run.state for run in store.runs()] == [RunState.INTERRUPTED]
    assert store.deleted_runs() == []


def test_what_a_closed_scheduler_interrupted_is_resumed_by_the_next(
    store: Store, scheduler: Scheduler
) -> None:
    running, queued = scheduler.submit([ENDLESS, SHORT])
    wait_for_steps(store, running)
    scheduler.close()
    assert [store.run(each).state for each in (running, queued)] == ["interrupted"] * 2
    assert store.run(queued).started_at is None
    done = store.run(running).iterations_done
    assert [(run.id, at) for run, at in find_resumable(store)] == [(queued, 0), (running, done)]
    later = Scheduler(store)
    later.resume(running)
    later.resume(queued)
    wait_for_steps(store, running, done)
    later.stop(running)
    wait_for(store, queued)
    assert store.run(running).state is RunState.STOPPED
    assert (store.run(running).resumed_at, store.run(queued).resumed_at) == ((done,), ())
    with pytest.raises(UserError):
        later.resume(running)
    later.close()


def test_an_unavailable_store_is_written_later_and_the_queue_goes_on(
    store: Store, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_run, refusals = Store.fail_run, iter([True, True])

    def refuse(*_: object, **__: object) -> None:
        raise StoreError("The disk is full", is_temporary=True)

    monkeypatch.setattr(store_errors, "RETRY_INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr(store_errors, "RETRY_LIMIT_SECONDS", 0.0)
    with monkeypatch.context() as full:
        full.setattr(Store, "start_run", refuse)
        full.setattr(
            Store, "fail_run", lambda *values: (refuse if next(refusals, 0) else fail_run)(*values)
        )
        [first] = scheduler.submit([SHORT])
        assert "disk is full" in wait_for(store, first, RunState.FAILED).error
    [second] = scheduler.submit([SHORT])
    wait_for(store, second)


def test_gradient_noise(store: Store, scheduler: Scheduler) -> None:
    for run_id in (1, 9):
        scheduler.measure_gradient_noise(run_id)
        wait_until(lambda: not scheduler.noise_jobs[run_id].is_running())  # noqa: B023
    assert scheduler.noise_jobs[1].progress == 1.0
    assert [noise.run_id for noise in store.gradient_noise([1, 9])] == [1]
    assert isinstance(scheduler.noise_jobs[9].error, UserError)


def test_nothing_is_written_to_a_read_only_home(store: Store) -> None:
    store.read_only = True
    Scheduler(store).close()
    assert not (home() / "locks" / "dashboards").exists()


# Sweeps


def test_a_sweep_is_stopped_and_resumed(
    store: Store, scheduler: Scheduler, before_step: BeforeStep
) -> None:
    in_step, resume = Event(), Event()

    def hold(number: int) -> None:
        if number == 5:  # the second step of the second part
            in_step.set()
            resume.wait(30)

    before_step(hold)
    sweep_id = scheduler.submit_sweep(SWEEP)
    assert in_step.wait(30)
    with pytest.raises(UserError):
        scheduler.resume_sweep(sweep_id)
    scheduler.stop_sweep(sweep_id)
    resume.set()
    assert wait_for_sweep(store, sweep_id, SweepState.STOPPED) == ["finished", "stopped"]
    first, second = read_sweep(store, sweep_id).parts
    assert second.run.summary.iterations == 2
    scheduler.resume_sweep(sweep_id)
    scheduler.stop_sweep(sweep_id)
    wait_for_sweep(store, sweep_id, SweepState.STOPPED)
    scheduler.resume_sweep(sweep_id)
    assert wait_for_sweep(store, sweep_id, SweepState.FINISHED) == ["finished"] * 2
    assert read_sweep(store, sweep_id).parts[0].run == first.run
    for change in (scheduler.stop_sweep, scheduler.resume_sweep):
        with pytest.raises(UserError):
            change(7)


def test_a_sweep_stops_with_its_run_and_is_interrupted_by_a_shutdown(
    store: Store, scheduler: Scheduler, before_step: BeforeStep
) -> None:
    before_step(lambda number: store.request_stop(2) if number == 2 else None)
    sweep_id = scheduler.submit_sweep(ENDLESS_SWEEP)
    assert wait_for_sweep(store, sweep_id, SweepState.STOPPED) == ["stopped", None]
    sweep_id = scheduler.submit_sweep(ENDLESS_SWEEP)
    wait_until(lambda: len(store.runs()) == 3)
    wait_for_steps(store, 3)
    scheduler.close()
    assert wait_for_sweep(store, sweep_id, SweepState.STOPPED) == ["interrupted", None]


def test_a_sweep_of_another_process_is_stopped(store: Store, scheduler: Scheduler) -> None:
    """While a part is so short that its run does not notice."""
    sweep_id = create_sweep(store, SWEEP)
    claim_sweep(store, sweep_id)
    for progress in run_sweep(store, sweep_id, Event()):
        if progress.has_ended:
            scheduler.stop_sweep(sweep_id)
    assert wait_for_sweep(store, sweep_id, SweepState.STOPPED) == ["finished", None]


def test_a_single_run_trains_between_two_parts(
    store: Store, scheduler: Scheduler, before_step: BeforeStep
) -> None:
    submitted: list[int] = []

    def submit(number: int) -> None:
        if number == 1:
            submitted.extend(scheduler.submit([SHORT]))
            wait_until(lambda: scheduler.work.is_busy("trainer-cpu"))

    before_step(submit)
    sweep_id = scheduler.submit_sweep(SWEEP)
    wait_for_sweep(store, sweep_id, SweepState.FINISHED)
    single = store.run(submitted[0])
    first, second = (part.run for part in read_sweep(store, sweep_id).parts)
    assert first.finished_at <= single.started_at
    assert single.finished_at <= second.started_at
