"""Runs and sweeps started at the same instant by several threads, dashboards and commands."""

import itertools
import os
import signal
import threading
from collections.abc import Sequence

import pytest
from filelock import FileLock, Timeout

from s2s.background.scheduler import Scheduler
from s2s.config import SweepConfig
from s2s.paths import home, run_folder
from s2s.records import Run, RunState, SweepState
from s2s.runs.files import has_checkpoint
from s2s.store import Store
from s2s.store.sweeps import claim_sweep, read_sweep
from s2s.sweeps.plan import create_sweep
from tests.concurrency.others import others, together
from tests.tiny import tiny_config, wait_until

pytestmark = pytest.mark.usefixtures("tiny")
STEPS = 30
CONFIG = (
    "TrainConfig(corpus='tiny', batch_size=4, iterations={steps}, hidden_size=8, threads=1,"
    " device='cpu')"
)
DASHBOARD = f"""
manager = Scheduler(Store(home()))
ids = manager.submit([{CONFIG.format(steps=STEPS)}] * 2)
say(*ids)
while not all(manager.store.run(each).state.is_finished() for each in ids):
    Event().wait(0.01)
manager.close()
"""
COMMAND = f"""
say(main(["train", "--corpus=tiny", "--batch-size=4", "--iterations={STEPS}", "--hidden-size=8",
          "--threads=1", "--device=cpu"]))
"""
ENDLESS = f"""
manager = Scheduler(Store(home()))
ids = manager.submit([{CONFIG.format(steps=1_000_000)}])
say(*ids)
told()
"""


def check_complete(runs: Sequence[Run], store: Store) -> None:
    """Each finished with all of its steps, and no two trained at the same time."""
    assert len({run.id for run in runs}) == len(runs)
    for run in runs:
        assert run.state is RunState.FINISHED, run.message
        assert store.steps(run.id)["iteration"].tolist() == list(range(1, STEPS + 1))
        assert store.evaluations(run.id)[-1].iteration == STEPS
    windows = sorted((run.started_at or 0.0, run.finished_at or 0.0) for run in runs)
    for (_, ended), (began, _) in itertools.pairwise(windows):
        assert ended <= began


def check_lease_is_free() -> None:
    with FileLock(home() / "locks" / "cpu.lock", timeout=0):
        pass


def test_two_tabs_start_runs_at_the_same_instant(store: Store) -> None:
    manager = Scheduler(store)
    barrier = threading.Barrier(2)

    def tab() -> None:
        barrier.wait()
        manager.submit([tiny_config(iterations=STEPS)])

    for _ in range(3):
        tabs = [threading.Thread(target=tab) for _ in range(2)]
        for each in tabs:
            each.start()
        for each in tabs:
            each.join()
    wait_until(lambda: all(run.state.is_finished() for run in store.runs()))
    manager.close()
    assert len(store.runs()) == 6
    check_complete(store.runs(), store)


def test_two_dashboards_and_two_commands_on_one_store(store: Store) -> None:
    first, second, *codes = together([DASHBOARD, DASHBOARD, COMMAND, COMMAND])
    assert codes == ["0", "0"]
    assert len({*first.split(), *second.split()}) == 4
    assert len(store.runs()) == 6
    check_complete(store.runs(), store)
    check_lease_is_free()


def is_leased() -> bool:
    try:
        check_lease_is_free()
    except Timeout:
        return True
    return False


def test_the_lease_of_a_killed_dashboard_goes_to_the_next(store: Store) -> None:
    with others([ENDLESS]) as [killed]:
        first = int(killed.hear())
        wait_until(lambda: len(store.steps(first)) > 0)
        assert is_leased()
        with others([COMMAND]) as [waiting]:
            wait_until(lambda: len(store.runs()) == 2)
            assert store.run(first + 1).state is RunState.QUEUED
            kept = len(store.steps(first))
            os.kill(killed.process.pid or 0, signal.SIGKILL)
            assert waiting.end() == "0"
    check_complete([store.run(first + 1)], store)
    store.mark_interrupted()
    run = store.run(first)
    assert run.state is RunState.INTERRUPTED
    steps = store.steps(first)["iteration"].tolist()
    assert steps == list(range(1, len(steps) + 1))
    assert len(steps) >= kept
    assert run.iterations_done == len(steps)
    check_lease_is_free()


# Sweeps

TAKE = """
store = Store(home())
try:
    claim_sweep(store, {sweep_id})
    say("took")
    for _ in run_sweep(store, {sweep_id}, Event()):
        pass
except UserError as error:
    say("refused", error)
"""


def test_a_sweep_taken_by_three_processes_at_once(store: Store) -> None:
    base = tiny_config()
    config = SweepConfig(
        base=base, batch_sizes=(2, 4), repeats=2, budget="iterations", amount=STEPS
    )
    sweep_id = create_sweep(store, config)
    said = sorted(together([TAKE.format(sweep_id=sweep_id)] * 3, delay=0.0))
    assert said.count("took") == 1
    assert all(line.startswith(f"refused Sweep {sweep_id} is already running") for line in said[:2])
    sweep = read_sweep(store, sweep_id)
    assert sweep.state is SweepState.FINISHED
    assert len(store.runs()) == 4
    check_complete(store.runs(), store)


def test_a_sweep_of_a_killed_process_can_be_taken(store: Store) -> None:
    base = tiny_config()
    sweep_id = create_sweep(
        store, SweepConfig(base=base, batch_sizes=(2,), budget="iterations", amount=1_000_000)
    )
    with others([TAKE.format(sweep_id=sweep_id)]) as [owner]:
        assert owner.hear() == "took"
        wait_until(lambda: any(run.iterations_done for run in store.runs()))
        os.kill(owner.process.pid or 0, signal.SIGKILL)
        owner.process.join()
    claim_sweep(store, sweep_id)
    assert [run.state for run in store.runs()] == [RunState.INTERRUPTED]


# Changes in one tab while another shows or trains it


def test_renamed_and_described_while_it_trains(store: Store) -> None:
    with others([DASHBOARD]) as [trains]:
        first, second = map(int, trains.hear().split())
        for number in itertools.count():
            store.rename_run(first, f"name {number}")
            store.describe_run(first, f"note {number}", [f"tag {number}"])
            if store.run(second).state.is_finished():
                break
        trains.end()
    run = store.run(first)
    assert (run.name, run.notes, run.tags) == (
        f"name {number}",
        f"note {number}",
        (f"tag {number}",),
    )
    check_complete(store.runs(), store)


# Deletions of several dashboards

OPENED = """
manager = Scheduler(Store(home()))
say([run.id for run in manager.store.deleted_runs()])
told()
manager.close()
say("closed")
"""


def opened() -> str:
    """What a dashboard that starts now finds deleted."""
    with others([OPENED]) as [dashboard]:
        return dashboard.hear()


def deleted(store: Store) -> int:
    """A run with files, deleted a moment ago."""
    run_id = store.create_run(tiny_config())
    store.request_stop(run_id)
    run_folder(run_id).mkdir(parents=True)
    (run_folder(run_id) / "checkpoint.safetensors").write_bytes(b"weights")
    store.delete_run(run_id)
    return run_id


def test_a_second_dashboard_leaves_what_the_first_can_bring_back(store: Store) -> None:
    with others([OPENED]) as [first]:
        assert first.hear() == "[]"
        run_id = deleted(store)
        assert opened() == f"[{run_id}]"
        assert has_checkpoint(run_id)
        store.restore_run(run_id)  # Undo in the first
        store.delete_run(run_id)
        first.tell()
        assert first.hear() == "closed"
        first.end()
    assert opened() == "[]"
    assert not has_checkpoint(run_id)
    assert store.runs() == []


def test_a_killed_dashboard_holds_up_no_purge(store: Store) -> None:
    with others([OPENED]) as [first]:
        assert first.hear() == "[]"
        deleted(store)
        os.kill(first.process.pid or 0, signal.SIGKILL)
        first.process.join()
    assert opened() == "[]"
    assert len(list((home() / "locks" / "dashboards").glob("*.lock"))) <= 1


def test_two_dashboards_start_at_once(store: Store) -> None:
    """One of them may purge, and both open."""
    deleted(store)
    with others([OPENED] * 3, delay=0.0) as started:
        said = [each.hear() for each in started]
        assert said.count("[]") >= 1
        for each in started:
            each.tell()
            assert each.hear() == "closed"
            each.end()
