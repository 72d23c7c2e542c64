"""One run from start to end: its records, how it stops, and what goes wrong on the way."""

import dataclasses
import sys
import weakref
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from s2s.errors import UserError
from s2s.paths import home, run_folder
from s2s.records import Evaluation, Remark, RemarkKind, Run, RunState
from s2s.runs import execute as execute_module
from s2s.runs import recorder as recorder_module
from s2s.runs.execute import Execution, TrainingEvent, execute
from s2s.runs.files import has_checkpoint
from s2s.runs.measure import measure_quality
from s2s.store import Store
from s2s.store import errors as store_errors
from s2s.task import Quality
from s2s.training.checkpoint import drop_state, load_checkpoint
from s2s.training.trainer import Trainer
from s2s.translation.engines import Forward, FusedEngine
from tests.runs.training import checkpoint_iteration, iterations, remark_kinds, train
from tests.tiny import BeforeStep, tiny_config, tiny_corpus

NAN = float("nan")
pytestmark = pytest.mark.usefixtures("trained_home")


def test_a_finished_run_with_its_records(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = iter([0.1, 1.75])
    monkeypatch.setattr(
        execute_module, "OtherLoadMeter", lambda: SimpleNamespace(read=lambda: next(readings))
    )
    before = set(tmp_path.iterdir())
    events: list[TrainingEvent] = []
    run = train(store, watch=events.append, iterations=20, sentences=("tu vois",))
    assert set(tmp_path.iterdir()) == before | {home()}
    assert run.state is RunState.FINISHED
    assert (run.remarks, run.error, run.traceback, run.device) == ((), "", "", "cpu")
    assert run.created_at <= run.started_at <= run.machine_before.at
    assert run.machine_before.at <= run.machine_after.at <= run.finished_at
    assert iterations(store, run) == list(range(1, 21))
    evaluations = store.evaluations(run.id)
    assert [each.iteration for each in evaluations] == list(range(0, 21, 2))
    assert evaluations[-1].validation_loss_per_token < evaluations[0].validation_loss_per_token
    assert evaluations[0].translations[-1].source == "tu vois"
    kinds = "".join("E" if isinstance(event, Evaluation) else "s" for event in events)
    assert kinds == "E" + "ssE" * 10
    summary = run.summary
    assert summary.iterations == run.iterations_done == 20
    assert summary.state is RunState.FINISHED
    assert summary.samples_per_second > 0
    assert summary.wall_seconds >= summary.seconds
    assert summary.validation_loss_per_token == evaluations[-1].validation_loss_per_token
    assert summary.peak_memory_bytes > 2**20
    assert summary.interference.other_load_cores == 1.75
    assert store.device_samples(run.id)[0].memory_used_bytes > 2**20
    assert run.environment["python"] == sys.version.split()[0]
    assert checkpoint_iteration(run) == 20
    assert load_checkpoint(run_folder(run.id), with_state=True).state == {}


def test_a_checkpoint_at_each_evaluation_and_every_so_often(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records reach the disk before the checkpoint, and memory is given back after it."""
    order: list[object] = []
    monkeypatch.setattr(Store, "sync", lambda each: order.append(len(each.steps(run_ids[-1]))))
    monkeypatch.setattr(
        execute_module, "save_checkpoint", lambda _, saved: order.append(saved.iteration)
    )
    monkeypatch.setattr(execute_module, "trim_heap", lambda: order.append("trimmed"))
    run_ids = [2]
    train(store, iterations=10, evaluate_every=5)
    assert order == [0, 0, "trimmed", 5, 5, "trimmed", 10, 10, "trimmed"]
    monkeypatch.setattr(execute_module, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(recorder_module, "FLUSH_SECONDS", 0.0)
    order.clear()
    run_ids.append(3)
    train(store, iterations=3, evaluate_every=100)
    assert [each for each in order if each != "trimmed"] == [0, 0, 1, 1, 2, 2, 3, 3, 3, 3]
    order.clear()
    train(store, iterations=10, evaluate_every=100, keep_weights=False)
    assert order == ["trimmed"] * 2


# Quality at the end


def test_quality_is_measured_after_everything_timed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[Run] = []

    def measure(run_id: int, check: Callable[[float], object]) -> Quality:
        runs.append(store.run(run_id))
        return measure_quality(run_id, check)

    monkeypatch.setattr(execute_module, "measure_quality", measure)
    run = train(store, measure_quality=True)
    assert (run.state, run.remarks) == (RunState.FINISHED, ())
    quality = measure_quality(run.id, lambda _: None)
    assert (run.summary.bleu, run.summary.chrf) == (quality.bleu, quality.chrf)
    assert runs[0].state is RunState.RUNNING
    assert runs[0].machine_after is not None


@pytest.mark.parametrize("error", [None, UserError("Too small."), ValueError("odd\nmore")])
def test_a_run_without_its_quality_is_finished(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    """None: the program ended before."""
    stop = Event()

    def measure(_: int, check: Callable[[float], object]) -> None:
        if error:
            raise error
        stop.set()
        check(0.5)

    monkeypatch.setattr(execute_module, "measure_quality", measure)
    run = train(store, stop, iterations=1, measure_quality=True)
    assert (run.state, run.summary.bleu) == (RunState.FINISHED, None)
    details = {None: "", UserError: "Too small.", ValueError: "ValueError: odd"}
    detail = details[type(error) if error else None]
    assert run.remarks == (Remark(RemarkKind.QUALITY_NOT_MEASURED, detail),)
    assert ("Traceback" in run.traceback) == isinstance(error, ValueError)


# Stopping


def test_closing_the_execution_or_an_error_of_its_watcher_stops_the_run(store: Store) -> None:
    run_id = store.create_run(tiny_config(iterations=1000, evaluate_every=3))
    with closing(Execution(store, run_id, Event()).run()) as events:
        next(event for event in events if event.iteration == 7)
    run = store.run(run_id)
    assert run.state is RunState.STOPPED
    assert iterations(store, run) == [1, 2, 3, 4, 5, 6, 7]
    assert checkpoint_iteration(run) == 6

    def fail(event: TrainingEvent) -> None:
        if event.iteration == 5:
            raise BrokenPipeError

    run_id = store.create_run(tiny_config(iterations=1000))
    with pytest.raises(BrokenPipeError):  # the device is free for the second run
        execute(store, run_id, Event(), fail)
    assert store.run(run_id).state is RunState.STOPPED


@pytest.mark.parametrize("keep_weights", [True, False])
def test_a_shutdown_interrupts_after_the_current_step(
    store: Store, before_step: BeforeStep, keep_weights: bool
) -> None:
    stop = Event()
    before_step(lambda number: stop.set() if number == 5 else None)
    run = train(store, stop, iterations=1000, keep_weights=keep_weights)
    assert run.state is RunState.INTERRUPTED
    assert iterations(store, run) == [1, 2, 3, 4, 5]
    expected = RemarkKind.SHUT_DOWN if keep_weights else RemarkKind.NO_CHECKPOINT
    assert remark_kinds(run) == [expected]
    assert not keep_weights or checkpoint_iteration(run) == 5


def test_a_shutdown_before_the_first_step(store: Store) -> None:
    stop = Event()
    run = train(store, stop, lambda _: stop.set())  # at the first evaluation
    assert (run.state, run.iterations_done) == (RunState.INTERRUPTED, 0)
    assert checkpoint_iteration(run) == 0
    queued = train(store, stop)
    assert (queued.state, queued.started_at) == (RunState.INTERRUPTED, None)


def test_a_stop_request_in_the_store(
    store: Store, before_step: BeforeStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "FLUSH_SECONDS", 0.0)  # the store is read at each step
    before_step(lambda number: store.request_stop(2) if number == 5 else None)
    run = train(store, iterations=1000)
    assert (run.state, run.remarks) == (RunState.STOPPED, ())
    assert iterations(store, run) == [1, 2, 3, 4, 5]
    assert checkpoint_iteration(run) == 5


def test_a_run_stopped_deleted_or_purged_before_it_starts(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    store.request_stop(run_id)
    assert execute(store, run_id, Event()) is RunState.STOPPED
    store.delete_run(run_id)
    assert execute(store, run_id, Event()) is RunState.STOPPED
    assert store.run(run_id).started_at is None
    store.purge_run(run_id)
    assert execute(store, run_id, Event()) is RunState.FAILED
    assert [run.id for run in store.runs()] == [1]


# Errors are the run's result


def test_a_run_that_cannot_start(store: Store) -> None:
    for changes in ({"corpus": "nowhere"}, {"device": "cuda:99"}, {"continue_from": 77}):
        run = train(store, **changes)
        assert run.state is RunState.FAILED
        assert str(*changes.values()) in run.error
        assert run.machine_before is run.machine_after is None
        assert not has_checkpoint(run.id)


def test_an_error_in_a_step(store: Store, before_step: BeforeStep) -> None:
    def fail(number: int) -> None:
        if number == 3:
            raise ValueError("the first line\nand more")

    before_step(fail)
    run = train(store)
    assert run.state is RunState.FAILED
    assert run.error == "ValueError: the first line"
    assert "in fail" in run.traceback
    assert iterations(store, run) == [1, 2]
    assert run.summary.iterations == 2
    assert checkpoint_iteration(run) == 2


def test_out_of_memory_frees_the_model(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    models = []

    def exhaust_gpu() -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    def exhaust_cpu() -> None:
        torch.empty(1 << 60)

    def fail(engine: FusedEngine, *_: object) -> Forward:
        models.append(weakref.ref(engine.model))
        exhaust()
        raise AssertionError

    for exhaust in (exhaust_gpu, exhaust_cpu):
        with monkeypatch.context() as patch:
            patch.setattr(FusedEngine, "forward", fail)
            run = train(store)
        assert run.state is run.summary.state is RunState.OUT_OF_MEMORY
        assert run.error == ""
        assert exhaust.__name__ in run.traceback
    assert [model() for model in models] == [None, None]
    assert train(store, iterations=2).state is RunState.FINISHED


@pytest.mark.parametrize(("loss", "bad_step", "kept"), [(NAN, 1, 0), (float("inf"), 7, 5)])
def test_a_diverged_run_keeps_its_last_finite_weights(
    store: Store, before_step: BeforeStep, loss: float, bad_step: int, kept: int
) -> None:
    before_step(lambda number: torch.tensor(loss) if number == bad_step else None)
    run = train(store, iterations=1000, evaluate_every=5)
    assert run.state is RunState.DIVERGED
    assert remark_kinds(run) == [RemarkKind.WEIGHTS_KEPT]
    assert not torch.tensor(store.steps(run.id)["loss_sum"][bad_step - 1]).isfinite()
    assert run.summary.loss_per_token is None
    assert checkpoint_iteration(run) == kept


def test_a_validation_loss_that_is_nan(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate = Trainer.evaluate

    def spoil(trainer: Trainer) -> Evaluation:
        evaluation = evaluate(trainer)
        if evaluation.iteration == 10:
            return dataclasses.replace(evaluation, validation_loss_per_token=NAN)
        return evaluation

    monkeypatch.setattr(Trainer, "evaluate", spoil)
    run = train(store, iterations=1000, evaluate_every=5)
    assert run.state is RunState.DIVERGED
    last = store.evaluations(run.id)[-1]
    assert (last.iteration, last.validation_loss_per_token) == (10, None)
    assert remark_kinds(run) == [RemarkKind.WEIGHTS_KEPT]
    assert checkpoint_iteration(run) == 5


@pytest.mark.parametrize(("value", "is_stopped"), [(NAN, False), (float("inf"), True)])
def test_infinite_weights_under_a_finite_loss_never_replace_a_checkpoint(
    store: Store, monkeypatch: pytest.MonkeyPatch, value: float, is_stopped: bool
) -> None:
    forward, stop, steps = FusedEngine.forward, Event(), 0

    def spoil(engine: FusedEngine, batch: Any, forced: bool) -> Forward:
        nonlocal steps
        steps += 1
        result = forward(engine, batch, forced)
        if steps == (9 if is_stopped else 10):
            engine.model.decoder.out.weight.grad.fill_(value)
            if is_stopped:
                stop.set()
        return result

    monkeypatch.setattr(FusedEngine, "forward", spoil)
    run = train(store, stop, iterations=1000, evaluate_every=5)
    assert run.state is RunState.DIVERGED
    assert checkpoint_iteration(run) == 5


def test_a_disk_too_full_for_a_checkpoint(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The earlier checkpoint stays, and saving is retried until the limit."""
    save, failures = execute_module.save_checkpoint, []

    def save_or_fail(folder: Path, checkpoint: Any) -> None:
        if checkpoint.iteration > 6:
            failures.append((checkpoint.iteration, load_checkpoint(folder).iteration))
            raise OSError(28, "No space left on device")
        save(folder, checkpoint)

    monkeypatch.setattr(execute_module, "save_checkpoint", save_or_fail)
    monkeypatch.setattr(store_errors, "RETRY_INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr(store_errors, "RETRY_LIMIT_SECONDS", 0.1)
    run = train(store, evaluate_every=3, measure_quality=True)
    assert (run.state, run.summary.bleu) == (RunState.FINISHED, None)
    assert failures[:2] == [(9, 6), (10, 6)]
    assert len(failures) > 2
    [remark] = run.remarks
    assert (remark.kind, remark.number) == (RemarkKind.CHECKPOINT_NOT_WRITTEN, 10)
    assert "No space left" in remark.detail
    assert checkpoint_iteration(run) == 6


# Continuing another run


@pytest.mark.parametrize("has_state", [True, False])
def test_a_run_that_continues_another(store: Store, trained_run: Run, has_state: bool) -> None:
    """With the optimizer's state it trains exactly as one long run would have."""
    if not has_state:
        drop_state(run_folder(trained_run.id))
    whole = train(store, iterations=20)
    second = train(store, iterations=10, continue_from=trained_run.id)
    assert iterations(store, second) == list(range(11, 21))
    assert (second.iterations_done, second.summary.iterations) == (20, 10)
    evaluations = store.evaluations(second.id)
    assert [each.iteration for each in evaluations] == list(range(10, 21))
    loss = trained_run.summary.validation_loss_per_token
    assert evaluations[0].validation_loss_per_token == loss
    losses = [store.steps(each.id)["loss_sum"].tolist() for each in (whole, trained_run, second)]
    assert (losses[1] + losses[2] == losses[0]) is has_state


def test_a_start_with_another_vocabulary_or_size_is_refused(
    store: Store, trained_run: Run, tmp_path: Path
) -> None:
    tiny_corpus(tmp_path, "other", max_vocabulary=6)
    for changes in ({"corpus": "other"}, {"hidden_size": 16}, {"layers": 2}):
        run = train(store, continue_from=trained_run.id, **changes)
        assert run.state is RunState.FAILED
        assert "UserError" in run.traceback
