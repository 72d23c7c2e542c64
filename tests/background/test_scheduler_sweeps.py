"""Sweeps in the background, beside single runs."""

import dataclasses
import threading
from collections.abc import Callable, Iterator
from threading import Event

import pytest

from s2s.background.scheduler import Manager
from s2s.background.sweep_time import SweepTime
from s2s.config import SweepConfig
from s2s.errors import UserError
from s2s.records import RunState, SweepState
from s2s.store import Store
from s2s.store.sweeps import claim_sweep, read_sweep
from s2s.sweeps.plan import create_sweep, plan
from s2s.sweeps.runner import run_sweep
from tests.tiny import tiny_config, wait_until

BeforeStep = Callable[[Callable[[int], object]], None]
CONFIG = SweepConfig(
    base=tiny_config(), batch_sizes=(2, 4), repeats=2, budget="iterations", amount=5
)
pytestmark = pytest.mark.usefixtures("tiny")


def at_work() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith("s2s-")]


@pytest.fixture
def manager(store: Store) -> Iterator[Manager]:
    made = Manager(store)
    yield made
    made.close()
    wait_until(lambda: not at_work())


def wait_for(manager: Manager, sweep_id: int, state: SweepState) -> None:
    wait_until(lambda: read_sweep(manager.store, sweep_id).state is state)


def test_a_sweep_in_the_background(manager: Manager) -> None:
    sweep_id = manager.submit_sweep(CONFIG)
    assert read_sweep(manager.store, sweep_id).state is SweepState.RUNNING
    wait_for(manager, sweep_id, SweepState.FINISHED)
    found = read_sweep(manager.store, sweep_id)
    assert [part.run.state for part in found.parts] == [RunState.FINISHED] * 4


def test_stop_and_resume(manager: Manager, before_step: BeforeStep) -> None:
    in_step, go_on = Event(), Event()

    def hold(number: int) -> None:
        if number == 7:  # the second step of the second part
            in_step.set()
            go_on.wait(30)

    before_step(hold)
    sweep_id = manager.submit_sweep(CONFIG)
    assert in_step.wait(30)
    with pytest.raises(UserError, match="going on already"):
        manager.resume_sweep(sweep_id)
    manager.stop_sweep(sweep_id)
    go_on.set()
    wait_for(manager, sweep_id, SweepState.STOPPED)
    first, second, *later = read_sweep(manager.store, sweep_id).parts
    assert (first.run.state, second.run.state) == (RunState.FINISHED, RunState.STOPPED)
    assert second.run.summary.iterations == 2
    assert [part.run for part in later] == [None, None]
    manager.resume_sweep(sweep_id)
    wait_for(manager, sweep_id, SweepState.FINISHED)
    assert read_sweep(manager.store, sweep_id).parts[0].run == first.run


def test_stopped_and_resumed_again_and_again(manager: Manager) -> None:
    sweep_id = manager.submit_sweep(CONFIG)
    for _ in range(5):
        manager.stop_sweep(sweep_id)
        wait_until(lambda: read_sweep(manager.store, sweep_id).state is not SweepState.RUNNING)
        manager.resume_sweep(sweep_id)
    wait_for(manager, sweep_id, SweepState.FINISHED)


def test_the_stop_of_a_parts_run_stops_the_sweep(manager: Manager, before_step: BeforeStep) -> None:
    before_step(lambda number: manager.stop(1) if number == 2 else None)
    sweep_id = manager.submit_sweep(dataclasses.replace(CONFIG, amount=1_000_000))
    wait_for(manager, sweep_id, SweepState.STOPPED)
    states = [part.run and part.run.state for part in read_sweep(manager.store, sweep_id).parts]
    assert states == [RunState.STOPPED, None, None, None]


def test_a_sweep_of_another_process_is_stopped(manager: Manager, store: Store) -> None:
    """Asked for while a part is so short that its run does not notice."""
    sweep_id = create_sweep(store, CONFIG)
    claim_sweep(store, sweep_id)
    done: list[int] = []
    for now in run_sweep(store, sweep_id, Event()):
        if now.ended:
            done.append(now.run_id)
            manager.stop_sweep(sweep_id)
    assert len(done) == 1
    assert read_sweep(store, sweep_id).state is SweepState.STOPPED
    manager.resume_sweep(sweep_id)
    wait_for(manager, sweep_id, SweepState.FINISHED)


def test_a_single_run_comes_in_between_two_parts(manager: Manager, before_step: BeforeStep) -> None:
    submitted: list[int] = []

    def submit(number: int) -> None:
        if number == 1:
            submitted.extend(manager.submit([tiny_config(iterations=2)]))
            wait_until(lambda: any(each.name == "s2s-trainer-cpu" for each in at_work()))

    before_step(submit)
    sweep_id = manager.submit_sweep(CONFIG)
    wait_for(manager, sweep_id, SweepState.FINISHED)
    single = manager.store.run(submitted[0])
    assert single.state is RunState.FINISHED
    runs = [part.run for part in read_sweep(manager.store, sweep_id).parts]
    assert runs[0].finished_at <= single.started_at
    assert single.finished_at <= runs[1].started_at


def test_close_stops_a_sweep(manager: Manager, before_step: BeforeStep) -> None:
    in_step = Event()
    before_step(lambda _: in_step.set())
    sweep_id = manager.submit_sweep(
        SweepConfig(base=tiny_config(), repeats=1, budget="iterations", amount=100_000)
    )
    assert in_step.wait(30)
    manager.close()
    found = read_sweep(manager.store, sweep_id)
    assert found.state is SweepState.STOPPED
    assert found.parts[0].run.state is RunState.INTERRUPTED


def test_no_such_sweep(manager: Manager) -> None:
    for ask in (manager.stop_sweep, manager.resume_sweep):
        with pytest.raises(UserError, match="Sweep 7 not found"):
            ask(7)


def asked(manager: Manager, config: SweepConfig, *, try_steps: bool) -> SweepTime:
    """Asks until there is an answer."""
    found: list[SweepTime] = []

    def ask() -> bool:
        answer = manager.expected_sweep(config, plan(config), try_steps=try_steps)
        found.extend([answer] if answer else [])
        return bool(found)

    wait_until(ask)
    return found[0]


def test_nobody_knows_how_long_before_the_first_runs(manager: Manager) -> None:
    assert manager.expected_sweep(CONFIG, plan(CONFIG)) is None
    assert not at_work()  # it is not tried unasked
    found = asked(manager, CONFIG, try_steps=True)
    assert (found.basis, found.device) == ("trial steps", "cpu")
    assert found.total_seconds is not None
    assert found.total_seconds > 0
    assert manager.store.runs() == []
    first, second = (
        manager.expected_sweep(CONFIG, half)  # the trial is remembered
        for half in (plan(CONFIG)[:2], plan(CONFIG)[2:])
    )
    assert first is not None
    assert second is not None
    assert first.total_seconds + second.total_seconds == pytest.approx(found.total_seconds)


def test_earlier_runs_tell_how_long_a_sweep_takes(manager: Manager) -> None:
    sweep_id = manager.submit_sweep(dataclasses.replace(CONFIG, amount=20))
    wait_for(manager, sweep_id, SweepState.FINISHED)
    found = asked(manager, CONFIG, try_steps=False)
    assert found.basis == "earlier runs"
    assert manager.expected_sweep(CONFIG, []).total_seconds == 0.0


def test_a_sweep_that_cannot_run_says_so(manager: Manager) -> None:
    nowhere = dataclasses.replace(CONFIG, base=tiny_config(corpus="nowhere"))
    with pytest.raises(UserError, match="There is no corpus 'nowhere'"):
        asked(manager, nowhere, try_steps=True)
