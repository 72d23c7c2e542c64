"""An interrupted run trains on as if it had never been cut: the same losses, bit for bit."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save

from s2s.config import Engine, OptimizerName, Precision, SweepConfig
from s2s.data import catalog
from s2s.errors import UserError
from s2s.paths import corpora_folder, home, run_folder
from s2s.records import Evaluation, RemarkKind, Run, RunState, StepRecord
from s2s.runs import execute as execute_module
from s2s.runs import recorder as recorder_module
from s2s.runs import resume as resume_module
from s2s.runs.execute import Execution, execute
from s2s.runs.files import checkpoint_path, delete_checkpoint
from s2s.runs.resume import find_resumable, find_resume_iteration, resume_run
from s2s.store import Store
from s2s.store.sweeps import queue_part, read_sweep
from s2s.sweeps.plan import create_sweep
from s2s.training import trainer as trainer_module
from s2s.training.checkpoint import drop_state, load_checkpoint
from s2s.training.timing import HostClock
from tests.runs.training import remark_kinds, train
from tests.tiny import tiny_config, tiny_corpus, wait_until

KillAfter = Callable[..., tuple[Store, int]]
pytestmark = pytest.mark.usefixtures("trained_home")


@pytest.fixture(autouse=True)
def _flush_at_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "FLUSH_SECONDS", 0.0)


@pytest.fixture
def kill_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KillAfter]:
    """`kill_after(store, iteration, kind, **changes)`: the home as a process leaves it that is
    killed after that step or evaluation; its store and the run's id."""
    opened: list[Store] = []

    def kill(
        store: Store, iteration: int, kind: type = StepRecord, **changes: Any
    ) -> tuple[Store, int]:
        run_id = store.create_run(tiny_config(**changes))
        with closing(Execution(store, run_id, Event()).run()) as events:
            next(each for each in events if each.iteration == iteration and isinstance(each, kind))
            copy = tmp_path / "copy"
            shutil.copytree(home(), copy)
        monkeypatch.setenv("S2S_HOME", str(copy))
        opened.append(Store(copy))
        with opened[-1].transaction() as database:
            database.execute("UPDATE runs SET owner_start = 'gone' WHERE id = ?", (run_id,))
        assert opened[-1].mark_interrupted() == [run_id]
        return opened[-1], run_id

    yield kill
    for store in opened:
        store.close()


def finish(store: Store, run_id: int) -> Run:
    """Resume the run and train it to its end."""
    resume_run(store, run_id)
    assert execute(store, run_id, Event()) is RunState.FINISHED
    return store.run(run_id)


def assert_same_training(store: Store, run_id: int, whole_store: Store, whole: Run) -> None:
    """Compare everything that does not depend on time."""
    steps, expected = store.steps(run_id), whole_store.steps(whole.id)
    tokens = ("source_tokens", "target_tokens", "padded_tokens")
    for name in ("iteration", "loss_sum", "samples", *tokens):
        assert np.array_equal(steps[name], expected[name]), name
    evaluations, expected_evaluations = (
        [(each.iteration, each.validation_loss_per_token, each.translations) for each in found]
        for found in (store.evaluations(run_id), whole_store.evaluations(whole.id))
    )
    assert evaluations == expected_evaluations


@pytest.mark.parametrize(
    ("iteration", "changes"),
    [
        (1, {}),
        (11, {"engine": Engine.GRAPHED, "optimizer": OptimizerName.ADAM, "length_pool": 3}),
        (8, {"engine": Engine.ARTICLE, "optimizer": OptimizerName.ADAM, "max_seconds": 1000.0}),
        (7, {"optimizer": OptimizerName.SGD, "momentum": 0.0, "teacher_forcing": 0.5}),
        (9, {"optimizer": OptimizerName.SGD, "learning_rate": 0.1, "momentum": 0.5, "layers": 2}),
        (10, {"precision": Precision.BF16, "dropout": 0.5, "evaluate_every": 4}),
        (17, {"continue_from": 1, "evaluate_every": 3}),
    ],
    ids=lambda case: "-".join(map(str, case.values())) if isinstance(case, dict) else str(case),
)
def test_a_killed_run_reaches_the_same_losses_and_weights(
    store: Store, kill_after: KillAfter, changes: dict[str, Any], iteration: int
) -> None:
    changes = {"iterations": 12, "sentences": ("tu vois",), "keep_optimizer": True} | changes
    whole = train(store, **changes)
    expected = load_checkpoint(run_folder(whole.id), with_state=True)
    copy, run_id = kill_after(store, iteration, **changes)
    start = find_resume_iteration(copy, copy.run(run_id))
    assert start is not None
    assert start <= iteration <= copy.run(run_id).iterations_done
    queued = resume_run(copy, run_id)
    assert (queued.state, queued.iterations_done) == (RunState.QUEUED, start)
    assert execute(copy, run_id, Event()) is RunState.FINISHED
    assert copy.run(run_id).summary.wall_seconds is None  # not known for the whole run
    assert_same_training(copy, run_id, store, whole)
    found = load_checkpoint(run_folder(run_id), with_state=True)
    for tensors, others in ((found.weights, expected.weights), (found.state, expected.state)):
        assert tensors.keys() == others.keys()
        assert all(torch.equal(tensors[name], others[name]) for name in tensors)


def test_a_target_is_reached_at_the_same_iteration(store: Store, kill_after: KillAfter) -> None:
    """Even if the evaluation that reached it was the last thing that the process did."""
    changes = {"iterations": 30, "evaluate_every": 3, "learning_rate": 0.01}
    reached = store.evaluations(train(store, **changes).id)[5]
    changes["target_loss"] = reached.validation_loss_per_token
    whole = train(store, **changes)
    assert whole.iterations_done < 30
    copy, run_id = kill_after(store, whole.iterations_done, Evaluation, **changes)
    finish(copy, run_id)
    assert_same_training(copy, run_id, store, whole)


class FixedClock(HostClock):
    """Each reading is 10 ms after the last, so each step takes the same time."""

    now = 0.0

    def mark(self) -> float:
        self.now += 0.01
        return self.now


def test_the_time_limit_includes_the_time_before(
    store: Store, kill_after: KillAfter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer_module, "build_clock", lambda _: FixedClock())
    changes = {"iterations": 10_000_000, "max_seconds": 0.8}
    whole = train(store, **changes)
    copy, run_id = kill_after(store, 10, **changes)
    run = finish(copy, run_id)
    assert_same_training(copy, run_id, store, whole)
    assert run.iterations_done == whole.iterations_done > 10
    assert run.summary.seconds == pytest.approx(whole.summary.seconds)


def test_one_process_resumes_and_only_records_after_the_checkpoint_are_dropped(
    store: Store, kill_after: KillAfter, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, run_id = kill_after(store, 15, iterations=17, evaluate_every=8)
    other = copy.create_run(tiny_config())
    block = copy.steps(run_id).copy()
    copy.write_steps(other, block)
    copy.add_evaluation(run_id, Evaluation(16, 1.0, 1.0, ()))  # killed before its checkpoint
    resume_run(copy, run_id)
    with pytest.raises(UserError):
        resume_run(copy, run_id)
    monkeypatch.setattr(resume_module, "_find_iteration", lambda *_: 8)  # read just before
    with pytest.raises(UserError):
        resume_run(copy, run_id)
    assert copy.run(run_id).resumed_at == (8,)
    assert np.array_equal(copy.steps(run_id), block[:8])
    assert [each.iteration for each in copy.evaluations(run_id)] == [0, 8]
    assert len(copy.steps(other)) == 15
    execute(copy, run_id, Event())
    run = copy.run(run_id)
    assert run.summary.iterations == run.iterations_done == 17
    steps = copy.steps(run_id)
    warmup = steps["iteration"][~steps["timed"]]
    assert {1, 2, 3, 9, 10, 11} <= set(warmup.tolist())  # both times


def test_a_run_interrupted_twice(store: Store) -> None:
    whole = train(store, iterations=12)
    run_id = store.create_run(tiny_config(iterations=12))
    for iteration in (3, 7):
        interrupt_at(store, run_id, iteration)
        assert [(run.id, at) for run, at in find_resumable(store)] == [(run_id, iteration)]
        resume_run(store, run_id)
    execute(store, run_id, Event())
    assert store.run(run_id).resumed_at == (3, 7)
    assert_same_training(store, run_id, store, whole)
    assert load_checkpoint(run_folder(run_id), with_state=True).state == {}


def test_a_process_that_is_really_killed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "FLUSH_SECONDS", 0.5)
    whole = train(store, iterations=100, evaluate_every=50, teacher_forcing=0.9)
    code = """
import time
from threading import Event
from tests.tiny import tiny_config
from s2s.paths import home
from s2s.store import Store
from s2s.runs import execute
execute.CHECKPOINT_SECONDS = 0.05
store = Store(home())
run_id = store.create_run(tiny_config(iterations=100, evaluate_every=50, teacher_forcing=0.9))
execute.execute(store, run_id, Event(), lambda _: time.sleep(0.01))
"""
    environment = {**os.environ, "PYTHONPATH": "."}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    run_id = whole.id + 1
    wait_until(lambda: len(store.runs()) == run_id and store.run(run_id).iterations_done > 20)
    process.kill()
    process.wait()
    store.mark_interrupted()
    [(run, start)] = find_resumable(store)
    assert 0 < start <= run.iterations_done < 100
    finish(store, run_id)
    assert_same_training(store, run_id, store, whole)


@pytest.mark.parametrize(("iteration", "evaluate_every"), [(7, 0), (5, 5)])
def test_a_checkpoint_between_evaluations(
    store: Store,
    kill_after: KillAfter,
    monkeypatch: pytest.MonkeyPatch,
    iteration: int,
    evaluate_every: int,
) -> None:
    """The last case is a kill between a step and its evaluation."""
    monkeypatch.setattr(execute_module, "CHECKPOINT_SECONDS", 0.0)
    changes = {"iterations": 10, "evaluate_every": evaluate_every}
    whole = train(store, **changes)
    copy, run_id = kill_after(store, iteration, **changes)
    assert finish(copy, run_id).resumed_at == (iteration,)
    assert_same_training(copy, run_id, store, whole)


class BurstClock(HostClock):
    """Steps come many at once, as on a GPU."""

    synchronize_every_seconds = 0.05


def test_no_checkpoint_within_a_burst_of_steps(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There the weights are ahead of the records."""
    whole = train(store, iterations=60, evaluate_every=50)
    monkeypatch.setattr(trainer_module, "build_clock", lambda _: BurstClock())
    monkeypatch.setattr(execute_module, "CHECKPOINT_SECONDS", 0.0)
    run_id = store.create_run(tiny_config(iterations=60, evaluate_every=50))
    run = interrupt_at(store, run_id, 3)
    assert run.iterations_done == find_resume_iteration(store, run)
    assert 3 < run.iterations_done <= 60
    finish(store, run_id)
    assert_same_training(store, run_id, store, whole)


# Which runs can be resumed


def interrupt_at(store: Store, run_id: int, iteration: int) -> Run:
    stop = Event()
    execute(store, run_id, stop, lambda each: stop.set() if each.iteration == iteration else None)
    assert store.run(run_id).state is RunState.INTERRUPTED
    return store.run(run_id)


@pytest.fixture
def interrupted(store: Store) -> Run:
    """At iteration 4 of 6."""
    return interrupt_at(store, store.create_run(tiny_config(iterations=6)), 4)


def assert_refused(store: Store, run: Run) -> None:
    assert find_resume_iteration(store, run) is None
    assert find_resumable(store) == []
    with pytest.raises(UserError):
        resume_run(store, run.id)
    assert store.run(run.id) == run


def test_a_missing_or_damaged_checkpoint(store: Store, interrupted: Run) -> None:
    path = checkpoint_path(interrupted.id)
    with store.transaction() as database:
        database.execute("UPDATE runs SET iterations_done = 3 WHERE id = ?", (interrupted.id,))
    assert_refused(store, store.run(interrupted.id))  # its records end before the checkpoint
    with store.transaction() as database:
        database.execute("UPDATE runs SET iterations_done = 4 WHERE id = ?", (interrupted.id,))
    drop_state(run_folder(interrupted.id))
    assert_refused(store, interrupted)
    impossible = [
        save({"state.x": torch.zeros(1)}, metadata={"s2s": metadata})
        for metadata in ('{"iteration": Infinity, "position": {"x": 1}}', "[" * 100_000)
    ]
    for content in (b"", b"garbage", b"\xff" * 100, b"\x02\0\0\0\0\0\0\0[]", *impossible):
        path.write_bytes(content)
        assert_refused(store, interrupted)
    delete_checkpoint(interrupted.id)
    assert_refused(store, interrupted)
    os.mkfifo(path)
    assert_refused(store, interrupted)


def test_a_run_of_a_sweep_and_a_stopped_run(store: Store) -> None:
    sweep_id = create_sweep(store, SweepConfig(base=tiny_config(), batch_sizes=(4,)))
    sweep = read_sweep(store, sweep_id)
    run = interrupt_at(store, queue_part(store, sweep, sweep.parts[0]), 2)
    assert [each.number for each in run.remarks] == [sweep_id]
    assert_refused(store, run)
    stopped = store.create_run(tiny_config())
    store.request_stop(stopped)
    assert_refused(store, store.run(stopped))


def test_what_must_be_repaired_before_a_run_can_be_resumed(
    store: Store, interrupted: Run, tmp_path: Path
) -> None:
    """Its device and its corpus; until then it stays interrupted."""

    def set_device(device: str) -> None:
        with store.transaction() as database:
            database.execute("UPDATE runs SET device = ? WHERE id = ?", (device, interrupted.id))

    def assert_still_interrupted() -> None:
        resume_run(store, interrupted.id)
        assert execute(store, interrupted.id, Event()) is RunState.INTERRUPTED
        run = store.run(interrupted.id)
        assert remark_kinds(run) == [RemarkKind.CANNOT_RESUME]
        assert [(each.id, at) for each, at in find_resumable(store)] == [(run.id, 4)]

    set_device("cuda:7")
    assert_still_interrupted()
    set_device("cpu")
    catalog.remove(corpora_folder(), "tiny")
    tiny_corpus(tmp_path, max_length=4)
    assert_still_interrupted()
    catalog.remove(corpora_folder(), "tiny")
    tiny_corpus(tmp_path)  # as it was
    assert finish(store, interrupted.id).state is RunState.FINISHED


def test_a_dismissed_run_and_one_that_never_started(store: Store, interrupted: Run) -> None:
    store.dismiss_run(interrupted.id)
    assert find_resumable(store) == []
    assert find_resume_iteration(store, interrupted) == 4
    assert not resume_run(store, interrupted.id).dismissed
    run_id = store.create_run(tiny_config(iterations=2))
    store.interrupt_run(run_id, ())
    assert [at for _, at in find_resumable(store)] == [0]
    run = finish(store, run_id)
    assert (run.resumed_at, run.iterations_done) == ((), 2)


def test_a_synced_record_survives_without_the_write_ahead_log(store: Store) -> None:
    store.create_run(tiny_config())
    store.sync()
    copy = home() / "copy" / "store.sqlite"
    copy.parent.mkdir()
    shutil.copy(home() / "store.sqlite", copy)
    with closing(Store(copy.parent)) as opened:
        assert len(opened.runs()) == 2
