"""Runs and sweeps of several threads, dashboards and commands on one home."""

import itertools
import threading
from collections.abc import Sequence

import pytest
from filelock import FileLock, Timeout

from s2s.config import SweepConfig
from s2s.paths import CHECKPOINT, home, run_folder
from s2s.records import Run, RunState
from s2s.runs.files import has_checkpoint
from s2s.store import Store
from s2s.store.sweeps import claim_sweep
from s2s.sweeps.plan import create_sweep
from tests.concurrency.processes import start_together
from tests.tiny import tiny_config, wait_until

pytestmark = pytest.mark.usefixtures("tiny")
STEPS = 20
CONFIG = (
    "TrainConfig(corpus='tiny', batch_size=4, iterations={steps}, hidden_size=8, threads=1,"
    " device='cpu')"
)
DASHBOARD = f"""
scheduler = Scheduler(Store(home()))
ids = scheduler.submit([{CONFIG.format(steps=STEPS)}] * 2)
send(*ids)
while not all(scheduler.store.run(each).state.has_ended() for each in ids):
    Event().wait(0.01)
scheduler.close()
"""
COMMAND = f"""
send(main(["train", "--corpus=tiny", "--batch-size=4", "--iterations={STEPS}", "--hidden-size=8",
           "--threads=1", "--device=cpu"]))
"""
ENDLESS = f"""
scheduler = Scheduler(Store(home()))
send(*scheduler.submit([{CONFIG.format(steps=1_000_000)}]))
receive()
"""


def check_complete(runs: Sequence[Run], store: Store) -> None:
    """Check that each run has all its steps and that no two runs trained at the same time."""
    for run in runs:
        assert run.state is RunState.FINISHED, run.error
        assert store.steps(run.id)["iteration"].tolist() == list(range(1, STEPS + 1))
        assert store.evaluations(run.id)[-1].iteration == STEPS
    times = sorted((run.started_at or 0.0, run.finished_at or 0.0) for run in runs)
    for (_, finished), (started, _) in itertools.pairwise(times):
        assert finished <= started


def is_leased() -> bool:
    try:
        with FileLock(home() / "locks" / "cpu.lock", timeout=0):
            return False
    except Timeout:
        return True


def test_dashboards_and_commands_train_at_once(store: Store) -> None:
    """Meanwhile this process describes a run again and again."""
    with start_together([DASHBOARD, DASHBOARD, COMMAND]) as processes:
        first = int(processes[0].receive().split()[0])
        for number in itertools.count():
            store.annotate_run(first, f"note {number}", [f"tag {number}"])
            threading.Event().wait(0.02)
            if store.run(first).state.has_ended():
                break
        messages = [process.finish() for process in processes]
    assert messages[2] == "0"
    run = store.run(first)
    assert (run.notes, run.tags) == (f"note {number}", (f"tag {number}",))
    assert len(store.runs()) == 5
    check_complete(store.runs(), store)
    assert not is_leased()


def test_the_lease_of_a_killed_dashboard_goes_to_the_next(store: Store) -> None:
    with start_together([ENDLESS]) as [killed]:
        first = int(killed.receive())
        wait_until(lambda: len(store.steps(first)) > 0)
        assert is_leased()
        with start_together([COMMAND]) as [waiting]:
            wait_until(lambda: len(store.runs()) == 2)
            assert store.run(first + 1).state is RunState.QUEUED
            kept = len(store.steps(first))
            killed.kill()
            assert waiting.finish() == "0"
    check_complete([store.run(first + 1)], store)
    store.mark_interrupted()
    run = store.run(first)
    assert run.state is RunState.INTERRUPTED
    steps = store.steps(first)["iteration"].tolist()
    assert steps == list(range(1, len(steps) + 1))
    assert run.iterations_done == len(steps) >= kept
    assert not is_leased()


CLAIM = """
store = Store(home())
try:
    claim_sweep(store, {sweep_id})
    send("claimed")
    for _ in run_sweep(store, {sweep_id}, Event()):
        pass
except UserError as error:
    send("rejected", error)
"""


def test_a_sweep_is_claimed_once_until_its_process_is_killed(store: Store) -> None:
    config = SweepConfig(
        base=tiny_config(), batch_sizes=(2,), repeats=1, budget="iterations", amount=1_000_000
    )
    sweep_id = create_sweep(store, config)
    with start_together([CLAIM.format(sweep_id=sweep_id)] * 3) as processes:
        messages = [process.receive().partition(" ")[0] for process in processes]
        assert sorted(messages) == ["claimed", "rejected", "rejected"]
        wait_until(lambda: any(run.iterations_done for run in store.runs()))
        processes[messages.index("claimed")].kill()
    claim_sweep(store, sweep_id)
    assert [run.state for run in store.runs()] == [RunState.INTERRUPTED]


LIST_DELETED = """
scheduler = Scheduler(Store(home()))
send([run.id for run in scheduler.store.deleted_runs()])
receive()
scheduler.close()
"""


def test_a_deleted_run_is_purged_after_the_last_dashboard_that_can_restore_it(
    store: Store,
) -> None:
    with start_together([LIST_DELETED] * 2) as [first, killed]:
        assert first.receive() == killed.receive() == "[]"
        run_id = store.create_run(tiny_config())
        store.request_stop(run_id)
        run_folder(run_id).mkdir(parents=True)
        (run_folder(run_id) / CHECKPOINT).touch()
        store.delete_run(run_id)
        with start_together([LIST_DELETED]) as [another]:
            assert another.receive() == f"[{run_id}]"
        assert has_checkpoint(run_id)
        store.restore_run(run_id)
        store.delete_run(run_id)
        killed.kill()
        first.send()
        first.finish()
    with start_together([LIST_DELETED]) as [last]:
        assert last.receive() == "[]"
    assert not has_checkpoint(run_id)
    assert store.runs() == []
