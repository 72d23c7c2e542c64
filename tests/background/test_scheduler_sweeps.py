"""Sweeps in the background, beside single runs."""

import dataclasses
import threading
from collections.abc import Callable, Iterator
from threading import Event

import pytest

from s2s.background.scheduler import Scheduler
from s2s.config import SweepConfig
from s2s.errors import UserError
from s2s.records import RunState, SweepState
from s2s.store import Store
from s2s.store.sweeps import claim_sweep, read_sweep
from s2s.sweeps.plan import create_sweep
from s2s.sweeps.runner import run_sweep
from tests.tiny import tiny_config, wait_until

BeforeStep = Callable[[Callable[[int], object]], None]
CONFIG = SweepConfig(
    base=tiny_config(), batch_sizes=(2, 4), repeats=2, budget="iterations", amount=5
)
pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture
def scheduler(store: Store) -> Iterator[Scheduler]:
    scheduler = Scheduler(store)
    yield scheduler
    scheduler.close()
    wait_until(lambda: not [each for each in threading.enumerate() if each.name[:4] == "s2s-"])


def wait_for(scheduler: Scheduler, sweep_id: int, state: SweepState) -> None:
    wait_until(lambda: read_sweep(scheduler.store, sweep_id).state is state)


def run_states(scheduler: Scheduler, sweep_id: int) -> list[RunState | None]:
    return [part.run and part.run.state for part in read_sweep(scheduler.store, sweep_id).parts]


def test_stop_and_resume(scheduler: Scheduler, before_step: BeforeStep) -> None:
    in_step, resume = Event(), Event()

    def hold(number: int) -> None:
        if number == 7:  # the second step of the second part
            in_step.set()
            resume.wait(30)

    before_step(hold)
    sweep_id = scheduler.submit_sweep(CONFIG)
    assert in_step.wait(30)
    with pytest.raises(UserError):
        scheduler.resume_sweep(sweep_id)
    scheduler.stop_sweep(sweep_id)
    resume.set()
    wait_for(scheduler, sweep_id, SweepState.STOPPED)
    assert run_states(scheduler, sweep_id) == ["finished", "stopped", None, None]
    first, second, *_ = read_sweep(scheduler.store, sweep_id).parts
    assert second.run.summary.iterations == 2
    for _ in range(3):
        scheduler.resume_sweep(sweep_id)
        scheduler.stop_sweep(sweep_id)
        wait_for(scheduler, sweep_id, SweepState.STOPPED)
    scheduler.resume_sweep(sweep_id)
    wait_for(scheduler, sweep_id, SweepState.FINISHED)
    assert read_sweep(scheduler.store, sweep_id).parts[0].run == first.run
    assert run_states(scheduler, sweep_id) == ["finished"] * 4


def test_stopping_a_parts_run_stops_the_sweep(
    scheduler: Scheduler, before_step: BeforeStep
) -> None:
    before_step(lambda number: scheduler.store.request_stop(1) if number == 2 else None)
    sweep_id = scheduler.submit_sweep(dataclasses.replace(CONFIG, amount=1_000_000))
    wait_for(scheduler, sweep_id, SweepState.STOPPED)
    assert run_states(scheduler, sweep_id) == [RunState.STOPPED, None, None, None]


def test_a_sweep_of_another_process_is_stopped(scheduler: Scheduler, store: Store) -> None:
    """While a part is so short that its run does not notice."""
    sweep_id = create_sweep(store, CONFIG)
    claim_sweep(store, sweep_id)
    for progress in run_sweep(store, sweep_id, Event()):
        if progress.ended:
            scheduler.stop_sweep(sweep_id)
    assert read_sweep(store, sweep_id).state is SweepState.STOPPED
    assert run_states(scheduler, sweep_id) == ["finished", None, None, None]


def test_a_single_run_trains_between_two_parts(
    scheduler: Scheduler, before_step: BeforeStep
) -> None:
    submitted: list[int] = []

    def submit(number: int) -> None:
        if number == 1:
            submitted.extend(scheduler.submit([tiny_config(iterations=2)]))
            wait_until(lambda: scheduler.work.is_busy("trainer-cpu"))

    before_step(submit)
    sweep_id = scheduler.submit_sweep(CONFIG)
    wait_for(scheduler, sweep_id, SweepState.FINISHED)
    single = scheduler.store.run(submitted[0])
    runs = [part.run for part in read_sweep(scheduler.store, sweep_id).parts]
    assert runs[0].finished_at <= single.started_at
    assert single.finished_at <= runs[1].started_at


def test_close_interrupts_a_sweep(scheduler: Scheduler, before_step: BeforeStep) -> None:
    in_step = Event()
    before_step(lambda _: in_step.set())
    sweep_id = scheduler.submit_sweep(dataclasses.replace(CONFIG, amount=1_000_000))
    assert in_step.wait(30)
    scheduler.close()
    assert read_sweep(scheduler.store, sweep_id).state is SweepState.STOPPED
    assert run_states(scheduler, sweep_id) == [RunState.INTERRUPTED, None, None, None]


def test_a_missing_sweep(scheduler: Scheduler) -> None:
    for change in (scheduler.stop_sweep, scheduler.resume_sweep):
        with pytest.raises(UserError):
            change(7)
