"""An interrupted run goes on as if it had never been cut: the same losses, bit for bit."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch

from s2s.config import Engine, OptimizerName, Precision, SweepConfig
from s2s.data import catalog
from s2s.errors import UserError
from s2s.paths import corpora_folder, home, run_folder
from s2s.records import Evaluation, Run, RunState, StepRecord
from s2s.runs import checkpoints as saving
from s2s.runs import execute as execute_module
from s2s.runs import recorder as recorder_module
from s2s.runs import resume as resume_module
from s2s.runs.execute import execute, executing
from s2s.runs.files import CHECKPOINT, delete_checkpoint
from s2s.runs.resume import resumable, resume, resumes_at
from s2s.store import Store
from s2s.store.sweeps import queue_part, read_sweep
from s2s.sweeps.plan import create_sweep
from s2s.training import trainer as loop_module
from s2s.training.checkpoint import drop_state, load_checkpoint
from s2s.training.timing import HostClock
from tests.tiny import tiny_config, tiny_corpus, wait_until

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture(autouse=True)
def _recorded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "FLUSH_SECONDS", 0.0)


def trained(store: Store, **changes: Any) -> Run:
    run_id = store.create_run(tiny_config(**changes))
    execute(store, run_id, Event())
    return store.run(run_id)


@pytest.fixture
def after_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`after_a_kill(store, iteration, **changes)`: the store as a process leaves it that is killed
    after that step (or evaluation, by `kind`)."""
    opened: list[Store] = []

    def cut(
        store: Store, iteration: int, kind: type = StepRecord, **changes: Any
    ) -> tuple[Store, int]:
        run_id = store.create_run(tiny_config(**changes))
        training = executing(store, run_id, Event())
        for event in training:
            if event.iteration == iteration and isinstance(event, kind):
                break
        left = tmp_path / "left"
        shutil.copytree(home(), left)  # what is on disk at this moment
        training.close()
        monkeypatch.setenv("S2S_HOME", str(left))
        opened.append(Store(left))
        with opened[-1].transaction() as database:
            database.execute("UPDATE runs SET owner_start = 'gone' WHERE id = ?", (run_id,))
        assert opened[-1].mark_interrupted() == [run_id]
        return opened[-1], run_id

    yield cut
    for store in opened:
        store.close()


def same(store: Store, run_id: int, whole: Run, other: Store) -> None:
    """All that does not depend on the time."""
    steps, expected = store.steps(run_id), other.steps(whole.id)
    for name in (
        "iteration",
        "loss_sum",
        "samples",
        "source_tokens",
        "target_tokens",
        "padded_tokens",
    ):
        assert np.array_equal(steps[name], expected[name]), name
    assert evaluations(store, run_id) == evaluations(other, whole.id)


def evaluations(store: Store, run_id: int) -> list[tuple[object, ...]]:
    return [
        (each.iteration, each.validation_loss_per_token, each.translations)
        for each in store.evaluations(run_id)
    ]


@pytest.mark.parametrize(
    ("iteration", "changes"),
    [
        (1, {}),
        (17, {"engine": Engine.ARTICLE}),
        (24, {"engine": Engine.GRAPHED}),
        (11, {"optimizer": OptimizerName.ADAM}),
        (19, {"optimizer": OptimizerName.SGD, "learning_rate": 0.1, "momentum": 0.5}),
        (7, {"optimizer": OptimizerName.SGD, "momentum": 0.0}),
        (13, {"precision": Precision.BF16}),
        (20, {"length_pool": 3}),
        (16, {"teacher_forcing": 0.5}),
        (14, {"layers": 2, "dropout": 0.5, "evaluate_every": 4}),
        (22, {"max_seconds": 1000.0, "engine": Engine.ARTICLE, "optimizer": OptimizerName.ADAM}),
    ],
    ids=lambda case: "-".join(map(str, case.values())) if isinstance(case, dict) else str(case),
)
def test_a_killed_run_goes_on_to_the_very_same_losses(
    store: Store, after_a_kill: Any, changes: dict[str, Any], iteration: int
) -> None:
    changes = {"iterations": 25, "sentences": ("tu vois",), "keep_optimizer": True} | changes
    whole = trained(store, **changes)
    weights = load_checkpoint(run_folder(whole.id), with_state=True)
    left, run_id = after_a_kill(store, iteration, **changes)
    point = resumes_at(left, left.run(run_id))
    assert point is not None
    assert point <= iteration <= left.run(run_id).iterations_done
    queued = resume(left, run_id)
    assert (queued.state, queued.iterations_done) == (RunState.QUEUED, point)
    assert left.steps(run_id)["iteration"].tolist() == list(range(1, point + 1))
    assert execute(left, run_id, Event()) is RunState.FINISHED
    assert left.run(run_id).summary.wall_seconds is None  # not of its last stretch alone
    same(left, run_id, whole, store)
    again = load_checkpoint(run_folder(run_id), with_state=True)
    for mine, theirs in ((again.weights, weights.weights), (again.state, weights.state)):
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_a_run_that_continues_another(store: Store, after_a_kill: Any) -> None:
    first = trained(store, keep_optimizer=True)
    changes = {"continue_from": first.id, "iterations": 20, "evaluate_every": 6}
    whole = trained(store, **changes)
    left, run_id = after_a_kill(store, 25, **changes)
    assert resume(left, run_id).resumed_at == (22,)
    execute(left, run_id, Event())
    assert left.steps(run_id)["iteration"].tolist() == list(range(11, 31))
    same(left, run_id, whole, store)


@pytest.mark.parametrize("kind", [StepRecord, Evaluation])
def test_a_target_is_reached_at_the_same_iteration(
    store: Store, after_a_kill: Any, kind: type
) -> None:
    """The last evaluation too can be the last thing that a process did."""
    changes = {"iterations": 60, "evaluate_every": 5, "learning_rate": 0.01}
    reached = store.evaluations(trained(store, **changes).id)[5]
    changes["target_loss"] = reached.validation_loss_per_token
    whole = trained(store, **changes)
    assert whole.iterations_done < 60
    left, run_id = after_a_kill(store, whole.iterations_done, kind, **changes)
    resume(left, run_id)
    execute(left, run_id, Event())
    same(left, run_id, whole, store)


class Ticks(HostClock):
    """Each look at the clock is 10 ms after the last, so each step takes the same time."""

    seconds_now = 0.0

    def mark(self) -> float:
        self.seconds_now += 0.01
        return self.seconds_now


def test_time_trained_before_counts(
    store: Store, after_a_kill: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_module, "clock_for", lambda _: Ticks())
    changes = {"iterations": 10_000_000, "max_seconds": 1.5}
    whole = trained(store, **changes)
    left, run_id = after_a_kill(store, 20, **changes)
    resume(left, run_id)
    execute(left, run_id, Event())
    same(left, run_id, whole, store)
    run = left.run(run_id)
    assert run.iterations_done == whole.iterations_done > 25
    assert run.summary.seconds == pytest.approx(whole.summary.seconds)
    times = [[each.training_seconds for each in one.evaluations(of)] for one, of in
             ((left, run_id), (store, whole.id))]  # fmt: skip
    assert times[0] == pytest.approx(times[1])


def test_the_summary_is_of_the_whole_run(store: Store, after_a_kill: Any) -> None:
    left, run_id = after_a_kill(store, 15, iterations=24, evaluate_every=8)
    resume(left, run_id)
    execute(left, run_id, Event())
    run = left.run(run_id)
    assert run.summary.iterations == run.iterations_done == 24
    assert run.message == "It was interrupted, and resumed from iteration 8."
    untimed = left.steps(run_id)["iteration"][~left.steps(run_id)["timed"]]
    assert {1, 2, 3, 9, 10, 11} <= set(untimed.tolist())  # warm-up, both times
    assert (
        run.summary.validation_loss_per_token
        == left.evaluations(run_id)[-1].validation_loss_per_token
    )


def test_what_came_after_the_checkpoint_is_dropped_and_nothing_else(
    store: Store, after_a_kill: Any
) -> None:
    left, run_id = after_a_kill(store, 15, iterations=24, evaluate_every=8)
    other = left.create_run(tiny_config())
    block = left.steps(run_id).copy()
    left.write_steps(other, block)
    with left.transaction() as database:  # it died over this evaluation's checkpoint
        database.execute(
            "INSERT INTO evaluations SELECT run_id, 16, 1.0, 1.0, '[]' FROM evaluations"
            " WHERE run_id = ? AND iteration = 8",
            (run_id,),
        )
    resume(left, run_id)
    assert left.steps(run_id)["iteration"].tolist() == list(range(1, 9))
    assert np.array_equal(left.steps(run_id), block[:8])
    assert [each.iteration for each in left.evaluations(run_id)] == [0, 8]
    assert len(left.steps(other)) == 15


def test_one_of_two_who_resume_gets_the_run(
    store: Store, after_a_kill: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, run_id = after_a_kill(store, 15, iterations=24)
    point = resumes_at(left, left.run(run_id))
    resume(left, run_id)
    with pytest.raises(UserError, match="only an interrupted run can be resumed"):
        resume(left, run_id)
    monkeypatch.setattr(resume_module, "_point", lambda *_: point)  # seen a moment ago
    with pytest.raises(UserError, match="is being resumed already"):
        resume(left, run_id)
    assert left.run(run_id).resumed_at == (point,)


def test_a_run_is_interrupted_and_resumed_twice(store: Store) -> None:
    whole = trained(store, iterations=30)
    run_id = store.create_run(tiny_config(iterations=30))
    for iteration in (7, 19):
        stop = Event()
        execute(store, run_id, stop, lambda each: stop.set() if each.iteration == iteration else 0)  # noqa: B023
        assert [(run.id, at) for run, at in resumable(store)] == [(run_id, iteration)]
        resume(store, run_id)
    execute(store, run_id, Event())
    assert store.run(run_id).resumed_at == (7, 19)
    same(store, run_id, whole, store)
    assert load_checkpoint(run_folder(run_id), with_state=True).state == {}  # tidied up


def test_a_process_that_was_really_killed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "FLUSH_SECONDS", 0.5)
    whole = trained(store, iterations=300, teacher_forcing=0.9)
    code = """
import time
from threading import Event
from tests.tiny import tiny_config
from s2s.paths import home
from s2s.store import runs as store
from s2s.runs import execute
execute.CHECKPOINT_SECONDS = 0.05
opened = store.Store(home())
run_id = opened.create_run(tiny_config(iterations=300, teacher_forcing=0.9))
execute.execute(opened, run_id, Event(), lambda _: time.sleep(0.01))
"""
    process = subprocess.Popen([sys.executable, "-c", code], env=_environment())
    run_id = whole.id + 1
    wait_until(lambda: len(store.runs()) == 2 and store.run(run_id).iterations_done > 60, 60)
    process.kill()
    process.wait()
    store.mark_interrupted()
    [(run, point)] = resumable(store)
    assert 0 < point <= run.iterations_done < 300
    resume(store, run_id)
    execute(store, run_id, Event())
    same(store, run_id, whole, store)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": "tests:."}


@pytest.mark.parametrize("evaluate_every", [0, 10])
def test_a_checkpoint_every_so_often_between_evaluations(
    store: Store, after_a_kill: Any, monkeypatch: pytest.MonkeyPatch, evaluate_every: int
) -> None:
    monkeypatch.setattr(execute_module, "CHECKPOINT_SECONDS", 0.0)
    changes = {"iterations": 20, "evaluate_every": evaluate_every}
    whole = trained(store, **changes)
    left, run_id = after_a_kill(store, 17, **changes)
    assert resume(left, run_id).resumed_at == (17,)
    execute(left, run_id, Event())
    same(left, run_id, whole, store)


def test_a_checkpoint_belongs_to_no_step(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute_module, "CHECKPOINT_SECONDS", 0.0)
    save = saving.save_checkpoint

    def slowly(*arguments: Any) -> None:
        time.sleep(0.05)
        save(*arguments)

    monkeypatch.setattr(saving, "save_checkpoint", slowly)
    run = trained(store, iterations=10, evaluate_every=100)
    assert store.steps(run.id)["seconds"].max() < 0.05


def test_no_checkpoint_between_where_no_weights_are_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute_module, "CHECKPOINT_SECONDS", 0.0)
    taken = []
    monkeypatch.setattr(execute_module, "save", lambda *_: taken.append(1))
    trained(store, iterations=10, evaluate_every=100, keep_weights=False)
    assert len(taken) == 2  # looked at for divergence, at the evaluations


def test_the_records_are_on_disk_before_their_checkpoint(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a power failure the store keeps what was synced."""
    order: list[object] = []
    monkeypatch.setattr(Store, "sync", lambda each: order.append(len(each.steps(1))))
    monkeypatch.setattr(
        saving, "save_checkpoint", lambda _, checkpoint: order.append(checkpoint.iteration)
    )
    monkeypatch.setattr(execute_module, "tidy", lambda _: None)
    trained(store, iterations=10, evaluate_every=5)
    assert order == [0, 0, 5, 5, 10, 10]


def test_what_is_synced_is_in_the_file_itself(store: Store) -> None:
    store.create_run(tiny_config())
    store.sync()
    database = home() / "store.sqlite"
    copy = home() / "copy" / "store.sqlite"  # without the WAL
    copy.parent.mkdir()
    shutil.copy(database, copy)
    with closing(Store(copy.parent)) as found:
        assert len(found.runs()) == 1


def test_a_kill_between_a_step_and_its_evaluation(
    store: Store, after_a_kill: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute_module, "CHECKPOINT_SECONDS", 0.0)
    whole = trained(store, iterations=20, evaluate_every=10)
    left, run_id = after_a_kill(store, 10, iterations=20, evaluate_every=10)
    assert [each.iteration for each in left.evaluations(run_id)] == [0]
    assert resume(left, run_id).resumed_at == (10,)
    execute(left, run_id, Event())
    same(left, run_id, whole, store)


class Bursts(HostClock):
    """Steps come many at once, as on a GPU."""

    settle_every_seconds = 0.05


@pytest.mark.parametrize("every_seconds", [0.0, 1000.0])
def test_steps_that_come_in_bursts(
    store: Store, monkeypatch: pytest.MonkeyPatch, every_seconds: float
) -> None:
    """The weights are further than the records within a burst: no checkpoint is taken there."""
    whole = trained(store, iterations=60, evaluate_every=50)
    monkeypatch.setattr(loop_module, "clock_for", lambda _: Bursts())
    monkeypatch.setattr(execute_module, "CHECKPOINT_SECONDS", every_seconds)
    run_id = store.create_run(tiny_config(iterations=60, evaluate_every=50))
    stop = Event()
    execute(store, run_id, stop, lambda each: stop.set() if each.iteration == 3 else None)
    run = store.run(run_id)
    assert run.iterations_done == resumes_at(store, run)
    assert 3 < run.iterations_done <= 60
    resume(store, run_id)
    execute(store, run_id, Event())
    same(store, run_id, whole, store)


# What cannot be resumed


@pytest.fixture
def interrupted(store: Store) -> Run:
    """At iteration 12 of 20."""
    return cut_short(store, iterations=20)


def cut_short(store: Store, **changes: Any) -> Run:
    return train_12_iterations(store, store.create_run(tiny_config(**changes)))


def train_12_iterations(store: Store, run_id: int) -> Run:
    stop = Event()
    execute(store, run_id, stop, lambda each: stop.set() if each.iteration == 12 else None)
    assert store.run(run_id).state is RunState.INTERRUPTED
    return store.run(run_id)


def refused(store: Store, run: Run) -> str:
    assert resumes_at(store, run) is None
    assert resumable(store) == []
    with pytest.raises(UserError) as caught:
        resume(store, run.id)
    assert store.run(run.id) == run
    return str(caught.value)


def test_a_run_whose_checkpoint_was_deleted(store: Store, interrupted: Run) -> None:
    delete_checkpoint(interrupted.id)
    assert refused(store, interrupted) == "Run 1 has no checkpoint to go on from; start it anew."


def test_a_pipe_in_the_place_of_a_checkpoint(store: Store, interrupted: Run) -> None:
    delete_checkpoint(interrupted.id)
    os.mkfifo(run_folder(interrupted.id) / CHECKPOINT)
    assert refused(store, interrupted) == "Run 1 has no checkpoint to go on from; start it anew."


def test_a_checkpoint_without_its_state(store: Store, interrupted: Run) -> None:
    drop_state(run_folder(interrupted.id))
    assert "train --continue 1` goes on from its weights" in refused(store, interrupted)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff" * 100, b"\x02\0\0\0\0\0\0\0[]"])
def test_a_damaged_checkpoint(store: Store, interrupted: Run, content: bytes) -> None:
    (run_folder(interrupted.id) / CHECKPOINT).write_bytes(content)
    assert "lacks what resuming needs" in refused(store, interrupted)


def test_records_that_end_before_the_checkpoint(store: Store, interrupted: Run) -> None:
    with store.transaction() as database:
        database.execute("UPDATE runs SET iterations_done = 11")
    assert "records end before its checkpoint" in refused(store, store.run(interrupted.id))


def test_a_part_of_a_sweep(store: Store) -> None:
    sweep_id = create_sweep(store, SweepConfig(base=tiny_config(), batch_sizes=(4,)))
    sweep = read_sweep(store, sweep_id)
    run = train_12_iterations(store, queue_part(store, sweep, sweep.parts[0]))
    assert f"`python -m s2s sweep --resume {sweep_id}`" in refused(store, run)


def test_a_corpus_that_changed_meanwhile(store: Store, interrupted: Run, tmp_path: Path) -> None:
    catalog.remove(corpora_folder(), "tiny")
    tiny_corpus(tmp_path, max_length=4)
    resume(store, interrupted.id)
    assert execute(store, interrupted.id, Event()) is RunState.INTERRUPTED
    run = store.run(interrupted.id)
    assert run.message.startswith("The corpus 'tiny' has changed since the run was interrupted")
    assert run.iterations_done == 12
    catalog.remove(corpora_folder(), "tiny")
    tiny_corpus(tmp_path)  # as it was
    resume(store, run.id)
    assert execute(store, run.id, Event()) is RunState.FINISHED


def test_a_device_that_is_gone(store: Store, interrupted: Run) -> None:
    with store.transaction() as database:
        database.execute("UPDATE runs SET device = 'cuda:7'")
    resume(store, interrupted.id)
    assert execute(store, interrupted.id, Event()) is RunState.INTERRUPTED
    run = store.run(interrupted.id)
    assert run.message.startswith("It trained on cuda:7, which is not here now;")
    assert [each.id for each, _ in resumable(store)] == [run.id]


# What is offered


def test_a_run_that_never_began_is_queued_again(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    store.interrupt_run(run_id, "")
    assert [at for _, at in resumable(store)] == [0]
    assert resume(store, run_id).resumed_at == ()
    assert execute(store, run_id, Event()) is RunState.FINISHED
    assert len(store.steps(run_id)) == 10


def test_a_run_left_alone_is_no_longer_offered_but_can_be_resumed(
    store: Store, interrupted: Run
) -> None:
    store.dismiss_run(interrupted.id)
    assert resumable(store) == []
    assert len(store.steps(interrupted.id)) == 12
    assert resumes_at(store, interrupted) == 12
    assert not resume(store, interrupted.id).dismissed


def test_a_stopped_run_is_not_resumed(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    store.request_stop(run_id)
    assert "is stopped" in refused(store, store.run(run_id))
