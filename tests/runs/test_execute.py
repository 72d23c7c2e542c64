"""One run from start to end, whatever happens on the way."""

import dataclasses
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from s2s.errors import UserError
from s2s.paths import home, run_folder
from s2s.records import Evaluation, Run, RunState, StepRecord, Summary
from s2s.runs import execute as execute_module
from s2s.runs import quality as evaluate_module
from s2s.runs import recorder as recorder_module
from s2s.runs.execute import Watch, execute, executing
from s2s.runs.files import has_checkpoint
from s2s.runs.quality import quality_on_test_part
from s2s.runs.recorder import Recorder
from s2s.store import Store
from s2s.store import errors as store_error
from s2s.store.errors import StoreError
from s2s.training.checkpoint import load_checkpoint
from s2s.training.trainer import Trainer
from s2s.translation.engines import Forward, FusedEngine
from s2s.translation.translator import Translator
from tests.runs.trained import BeforeStep, iterations, train, trained_to
from tests.tiny import tiny_config, tiny_corpus

_FORWARD = FusedEngine.forward
pytestmark = pytest.mark.usefixtures("tiny")


def test_a_run_to_its_end(store: Store) -> None:
    run = train(store, iterations=20, sentences=("tu vois",))
    assert run.state is RunState.FINISHED
    assert (run.message, run.details, run.device) == ("", "", "cpu")
    assert run.created_at <= run.started_at <= run.finished_at
    assert iterations(store, run) == list(range(1, 21))
    evaluations = store.evaluations(run.id)
    assert [each.iteration for each in evaluations] == list(range(0, 21, 2))
    assert evaluations[-1].validation_loss_per_token < evaluations[0].validation_loss_per_token
    assert evaluations[0].translations[-1].source == "tu vois"
    assert run.summary.iterations == run.iterations_done == 20
    assert run.summary.state is RunState.FINISHED
    assert run.summary.samples_per_second > 0
    assert run.summary.wall_seconds >= run.summary.seconds
    assert run.summary.validation_loss_per_token == evaluations[-1].validation_loss_per_token
    assert run.summary.peak_memory_bytes > 2**20
    samples = store.device_samples(run.id)
    assert samples[0].device == "cpu"
    assert samples[0].memory_used_bytes > 2**20
    assert run.environment["python"] == sys.version.split()[0]
    assert trained_to(run) == 20


def test_what_a_checkpoint_took_is_handed_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    save = execute_module.save
    monkeypatch.setattr(
        execute_module, "save", lambda *all_: (done.append("saved"), save(*all_))[1]
    )
    monkeypatch.setattr(execute_module, "trim_heap", lambda: done.append("handed back"))
    train(store, iterations=20)
    assert done == ["saved", "handed back"] * 11  # at each evaluation
    done.clear()
    monkeypatch.setattr(execute_module, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(recorder_module, "FLUSH_SECONDS", 0.0)
    train(store, iterations=20)
    assert done == ["saved", "handed back"] * 31  # and after each step


def test_the_machine_is_looked_at_before_and_after(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = iter([0.1, 1.75])
    monkeypatch.setattr(
        execute_module, "OthersMeter", lambda: SimpleNamespace(read=lambda: next(readings))
    )
    run = train(store)
    assert run.machine_before.other_load_cores == 0.1
    assert run.machine_after.other_load_cores == 1.75
    assert run.started_at <= run.machine_before.at <= run.machine_after.at <= run.finished_at
    assert "other programs took 1.8 of" in run.summary.interference


def test_a_run_that_never_began_to_train_has_no_machine_state(store: Store) -> None:
    run = train(store, corpus="nowhere")
    assert run.machine_before is run.machine_after is None
    assert run.summary.interference == ""


def test_steps_beside_a_translation_are_left_out(store: Store, before_step: BeforeStep) -> None:
    first = train(store)
    translator = Translator.load(run_folder(first.id))
    before_step(lambda number: translator.translate(["tu"]) and None if number == 6 else None)
    run = train(store, iterations=8)
    steps = store.steps(run.id)
    assert steps["iteration"][steps["interfered"]].tolist() == [6]
    assert steps["iteration"][steps["timed"]].tolist() == [4, 5, 7, 8]
    assert (run.summary.warmup_steps, run.summary.interfered_steps) == (3, 1)


def test_the_watch_sees_every_event_in_order(store: Store) -> None:
    events: list[StepRecord | Evaluation] = []
    train(store, watch=events.append, iterations=4, evaluate_every=2)
    kinds = "".join("E" if isinstance(event, Evaluation) else "s" for event in events)
    assert kinds == "EssEssE"


def test_a_target_that_is_reached(store: Store) -> None:
    whole = train(store, iterations=40, evaluate_every=10)
    losses = [each.validation_loss_per_token for each in store.evaluations(whole.id)]
    assert losses[2] < min(losses[:2])
    run = train(store, iterations=40, evaluate_every=10, target_loss=losses[2])
    assert run.state is RunState.FINISHED
    assert iterations(store, run) == list(range(1, 21))
    found = [each.validation_loss_per_token for each in store.evaluations(run.id)]
    assert found == losses[:3]
    assert trained_to(run) == 20


# Quality at the end


def test_quality_where_it_is_asked_for(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """When all that is timed is over."""
    assert train(store).summary.bleu is train(store).summary.chrf is None
    looked: list[Run] = []
    texts = Translator.texts

    def looking(translator: Translator, sentences: list[str]) -> list[str]:
        looked.append(store.run(3))
        return texts(translator, sentences)

    monkeypatch.setattr(Translator, "texts", looking)
    run = train(store, iterations=20, measure_quality=True)
    assert (run.state, run.message) == (RunState.FINISHED, "")
    found = quality_on_test_part(run.id)
    assert (run.summary.bleu, run.summary.chrf) == (found.bleu, found.chrf)
    assert found.chrf > 0
    assert looked[0].state is RunState.RUNNING
    assert looked[0].machine_after is not None
    assert run.summary.seconds == pytest.approx(store.steps(run.id)["seconds"].sum())


def stopping(stop: Event, store: Store, where: str) -> None:
    stop.set() if where == "here" else store.request_stop(1)


@pytest.mark.parametrize("where", ["here", "in the store"])
def test_stop_while_the_quality_is_measured(
    store: Store, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """At the next few sentences. What was trained is finished all the same."""
    stop, calls = Event(), 0

    def texts(_: Translator, sentences: list[str]) -> list[str]:
        nonlocal calls
        calls += 1
        stopping(stop, store, where)
        return list(sentences)

    monkeypatch.setattr(Translator, "texts", texts)
    monkeypatch.setattr(evaluate_module, "_BATCH", 1)
    run = train(store, stop, measure_quality=True)
    assert calls == 1
    assert run.state is RunState.FINISHED
    assert run.summary.bleu is run.summary.chrf is None
    assert run.message == (
        "Stopped before its quality was measured; `python -m s2s evaluate --run 1` measures it."
    )
    assert trained_to(run) == 10


def test_a_run_cut_short_measures_no_quality(store: Store, before_step: BeforeStep) -> None:
    stop = Event()
    before_step(lambda number: stop.set() if number == 5 else None)
    run = train(store, stop, measure_quality=True)
    assert (run.state, run.summary.bleu) == (RunState.INTERRUPTED, None)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (UserError("It is too small."), "Its quality was not measured: It is too small."),
        (ValueError("odd\nmore"), "Its quality was not measured (ValueError: odd)."),
    ],
)
def test_quality_that_cannot_be_measured_does_not_undo_the_run(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Translator, "texts", fail)
    run = train(store, measure_quality=True)
    assert (run.state, run.message) == (RunState.FINISHED, message)
    assert ("Traceback" in run.details) == isinstance(error, ValueError)
    assert run.summary.iterations == 10
    assert run.summary.bleu is None


# Stopping


def test_who_leaves_off_stops_the_run(store: Store) -> None:
    run_id = store.create_run(tiny_config(iterations=1000, evaluate_every=3))
    training = executing(store, run_id, Event())
    for event in training:
        if event.iteration == 7:
            break
    training.close()
    run = store.run(run_id)
    assert run.state is RunState.STOPPED
    assert iterations(store, run) == [1, 2, 3, 4, 5, 6, 7]
    assert trained_to(run) == 6  # its last evaluation
    assert train(store).state is RunState.FINISHED  # the device was let go of


def test_what_a_watch_raises_is_raised_and_stops_the_run(store: Store) -> None:
    def fail(event: StepRecord | Evaluation) -> None:
        if event.iteration == 5:
            raise BrokenPipeError

    run_id = store.create_run(tiny_config(iterations=1000))
    with pytest.raises(BrokenPipeError):
        execute(store, run_id, Event(), fail)
    assert store.run(run_id).state is RunState.STOPPED
    assert iterations(store, store.run(run_id)) == [1, 2, 3, 4, 5]


def test_a_shutdown_waits_for_the_step_it_is_in(store: Store, before_step: BeforeStep) -> None:
    stop = Event()
    before_step(lambda number: stop.set() if number == 5 else None)
    run = train(store, stop, iterations=1000, evaluate_every=3)
    assert run.state is RunState.INTERRUPTED
    assert iterations(store, run) == [1, 2, 3, 4, 5]
    assert trained_to(run) == run.iterations_done == run.summary.iterations == 5
    assert run.message == "The program was shut down; `python -m s2s resume 1` goes on."


def test_a_shutdown_during_the_first_evaluation(store: Store) -> None:
    stop = Event()
    run = train(store, stop, lambda _: stop.set())
    assert run.state is RunState.INTERRUPTED
    assert iterations(store, run) == []
    assert run.summary.samples_per_second is None
    assert trained_to(run) == 0


def test_a_shutdown_while_queued(store: Store) -> None:
    stop = Event()
    stop.set()
    run = train(store, stop)
    assert run.state is RunState.INTERRUPTED
    assert (run.started_at, run.summary) == (None, None)
    assert not has_checkpoint(run.id)


def test_stop_asked_for_in_the_store(
    store: Store, before_step: BeforeStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "FLUSH_SECONDS", 0.0)  # the store is looked at each step
    before_step(lambda number: store.request_stop(1) if number == 5 else None)
    run = train(store, iterations=1000)
    assert (run.state, run.message) == (RunState.STOPPED, "")
    assert iterations(store, run) == [1, 2, 3, 4, 5]
    assert trained_to(run) == 5


def test_stopped_in_the_store_before_it_starts(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    store.request_stop(run_id)
    assert execute(store, run_id, Event()) is RunState.STOPPED
    assert store.run(run_id).started_at is None


def test_deleted_before_it_starts(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    store.request_stop(run_id)
    store.delete_run(run_id)
    assert execute(store, run_id, Event()) is RunState.STOPPED
    assert (store.run(run_id).state, store.run(run_id).message) == (RunState.STOPPED, "")
    store.purge_run(run_id)
    assert execute(store, run_id, Event()) is RunState.FAILED
    assert store.runs() == []


def test_a_program_that_ends_does_not_wait_for_the_store(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreError("The disk is full; make room there.", is_temporary=True)

    stop = Event()
    run_id = store.create_run(tiny_config(iterations=100_000_000))

    def watch(event: StepRecord | Evaluation) -> None:
        if event.iteration == 2:
            for name in ("finish_run", "fail_run", "save_machine_state"):
                monkeypatch.setattr(store, name, full)
            stop.set()

    with pytest.raises(StoreError, match="The disk is full"):  # at once, not in ten minutes
        execute(store, run_id, stop, watch)


def test_what_a_shutdown_before_the_first_checkpoint_says(store: Store) -> None:
    stop = Event()
    run_id = store.create_run(tiny_config(iterations=100_000_000, keep_weights=False))
    watch = cast(Watch, lambda event: event.iteration == 2 and stop.set())
    assert execute(store, run_id, stop, watch) is RunState.INTERRUPTED
    assert store.run(run_id).message == (
        "The program was shut down, and no checkpoint had been kept; start the run anew."
    )


# What goes wrong is the run's result


def assert_next_run_works(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FusedEngine, "forward", _FORWARD)
    assert train(store, iterations=2).state is RunState.FINISHED


def test_no_such_corpus(store: Store) -> None:
    run = train(store, corpus="nowhere")
    assert run.state is RunState.FAILED
    assert run.message.startswith("There is no corpus 'nowhere' (there are: starter, tiny)")
    assert run.summary.iterations == 0
    assert not has_checkpoint(run.id)


def test_no_such_device(store: Store) -> None:
    run = train(store, device="cuda:99")
    assert run.state is RunState.FAILED
    assert run.message.startswith("There is no device cuda:99 here")
    assert run.summary is None


def test_nothing_to_go_on_from(store: Store) -> None:
    run = train(store, continue_from=77)
    assert run.state is RunState.FAILED
    assert run.message == "Run 77 has no checkpoint (yet, or any more)."


def test_an_error_in_a_step(
    store: Store, before_step: BeforeStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(number: int) -> None:
        if number == 3:
            raise ValueError("the first line\nand more")

    before_step(fail)
    run = train(store)
    assert run.state is RunState.FAILED
    assert run.message == "ValueError: the first line"
    assert "in fail" in run.details
    assert iterations(store, run) == [1, 2]
    assert run.summary.iterations == 2
    assert trained_to(run) == 2
    assert_next_run_works(store, monkeypatch)


def out_of_gpu_memory() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def out_of_memory() -> None:
    raise MemoryError


def out_of_cpu_memory() -> None:
    torch.empty(1 << 60)


@pytest.mark.parametrize("fail", [out_of_gpu_memory, out_of_memory, out_of_cpu_memory])
def test_out_of_memory(
    store: Store,
    before_step: BeforeStep,
    monkeypatch: pytest.MonkeyPatch,
    fail: Callable[[], None],
) -> None:
    before_step(lambda number: fail() if number == 3 else None)
    run = train(store)
    assert run.state is run.summary.state is RunState.OUT_OF_MEMORY
    assert "a smaller batch size" in run.message
    assert fail.__name__ in run.details
    assert iterations(store, run) == [1, 2]
    assert_next_run_works(store, monkeypatch)


def test_out_of_memory_lets_go_of_the_model(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    models = []

    def failing(engine: FusedEngine, *_: object) -> Forward:
        models.append(weakref.ref(engine.model))
        raise torch.OutOfMemoryError

    monkeypatch.setattr(FusedEngine, "forward", failing)
    assert train(store).state is RunState.OUT_OF_MEMORY
    assert len(models) == 1
    assert models[0]() is None


def test_a_runtime_error_of_another_kind_is_a_failure(
    store: Store, before_step: BeforeStep
) -> None:
    before_step(lambda _: torch.zeros(2) + torch.zeros(3))
    assert train(store).state is RunState.FAILED


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_diverged_keeps_the_last_good_weights(
    store: Store,
    before_step: BeforeStep,
    monkeypatch: pytest.MonkeyPatch,
    loss: float,
) -> None:
    before_step(lambda number: torch.tensor(loss) if number == 12 else None)
    run = train(store, iterations=1000, evaluate_every=5)
    assert run.state is RunState.DIVERGED
    assert "smaller learning rate" in run.message
    assert run.details == ""
    assert 12 in iterations(store, run)
    assert not torch.tensor(store.steps(run.id)["loss_sum"][11]).isfinite()
    assert [each.iteration for each in store.evaluations(run.id)] == [0, 5, 10]
    assert trained_to(run) == 10
    assert run.summary.loss_per_token is None
    assert_next_run_works(store, monkeypatch)


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_at_the_very_first_step(
    store: Store, before_step: BeforeStep, loss: float
) -> None:
    before_step(lambda number: torch.tensor(loss) if number == 1 else None)
    run = train(store, iterations=1000, evaluate_every=5)
    assert run.state is RunState.DIVERGED
    assert run.message.endswith("The last good weights were kept.")
    assert trained_to(run) == 0


@pytest.mark.parametrize(("bad_at", "kept"), [(0, None), (10, 5)])
def test_a_validation_loss_that_is_no_number(
    store: Store, monkeypatch: pytest.MonkeyPatch, bad_at: int, kept: int | None
) -> None:
    """Though all losses of steps are; the evaluation is recorded, its weights are not kept."""
    evaluate = Trainer.evaluate

    def spoilt(trainer: Trainer) -> Evaluation:
        found = evaluate(trainer)
        if found.iteration == bad_at:
            return dataclasses.replace(found, validation_loss_per_token=float("nan"))
        return found

    monkeypatch.setattr(Trainer, "evaluate", spoilt)
    run = train(store, iterations=1000, evaluate_every=5)
    assert run.state is RunState.DIVERGED
    assert store.evaluations(run.id)[-1].iteration == bad_at
    assert store.evaluations(run.id)[-1].validation_loss_per_token is None
    assert run.message.endswith("weights were kept.") is (kept is not None)
    assert has_checkpoint(run.id) is (kept is not None)
    if kept is not None:
        assert trained_to(run) == kept


def fill_up_at(store: Store, iteration: int) -> Watch:
    [pages] = store._writer.execute("PRAGMA page_count").fetchone()

    def fill_up(event: StepRecord | Evaluation) -> None:
        if event.iteration == iteration:
            store._writer.execute(f"PRAGMA max_page_count = {pages}")

    return fill_up


def make_room(store: Store) -> None:
    store._writer.execute("PRAGMA max_page_count = 1000000")


def test_a_store_that_is_full_for_long_fails_the_run_and_not_the_program(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(recorder_module, "_RETRY_SECONDS", 0.0)
    monkeypatch.setattr(store_error, "RETRY_LIMIT_SECONDS", 0.2)
    run = train(store, watch=fill_up_at(store, 5), iterations=100_000)
    assert run.state is RunState.FAILED
    assert run.message.startswith(f"The disk that holds {home() / 'store.sqlite'} is full")
    assert store.write_error == ""
    assert run.iterations_done >= 5
    assert iterations(store, run) == list(range(1, run.iterations_done + 1))
    assert trained_to(run) >= 0
    make_room(store)
    assert_next_run_works(store, monkeypatch)


def test_a_store_that_is_full_for_a_while_loses_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, before_step: BeforeStep
) -> None:
    monkeypatch.setattr(recorder_module, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(recorder_module, "_RETRY_SECONDS", 0.0)
    told: list[str] = []

    def later(number: int) -> None:
        told.append(store.write_error)
        if number == 590:
            make_room(store)

    before_step(later)
    run = train(store, watch=fill_up_at(store, 5), iterations=600, evaluate_every=200)
    assert run.state is RunState.FINISHED
    assert iterations(store, run) == list(range(1, 601))
    assert [each.iteration for each in store.evaluations(run.id)] == [0, 200, 400, 600]
    assert run.message.startswith("For ")
    assert run.message.endswith("the records were kept in memory and written afterwards.")
    assert f"Run {run.id} goes on meanwhile" in told[589]
    assert (told[0], store.write_error) == ("", "")


def test_a_store_that_cannot_be_read_just_now_is_asked_again_for_the_summary(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary, tries = Recorder.summary, []

    def not_at_once(*all_: Any) -> Summary:
        tries.append(all_)
        if len(tries) < 3:
            raise StoreError("It is locked.", is_temporary=True)
        return summary(*all_)

    monkeypatch.setattr(store_error, "RETRY_INTERVAL_SECONDS", 0.0)
    monkeypatch.setattr(Recorder, "summary", not_at_once)
    assert train(store, iterations=20).summary.iterations == 20
    assert len(tries) == 3


# Going on from another run


def test_continues_a_run_exactly(store: Store) -> None:
    whole = train(store, iterations=20)
    first = train(store, iterations=10, keep_optimizer=True)
    second = train(store, iterations=10, continue_from=first.id)
    assert iterations(store, second) == list(range(11, 21))
    assert second.iterations_done == 20
    assert second.summary.iterations == 10
    assert [each.iteration for each in store.evaluations(second.id)] == list(range(10, 21))
    losses = [store.steps(each.id)["loss_sum"].tolist() for each in (whole, first, second)]
    assert losses[1] + losses[2] == losses[0]
    weights, again = (load_checkpoint(run_folder(each.id)).weights for each in (whole, second))
    assert all(torch.equal(weights[name], again[name]) for name in weights)


def test_continues_without_the_optimizer(store: Store) -> None:
    first = train(store, iterations=10)
    second = train(store, iterations=10, continue_from=first.id)
    assert second.state is RunState.FINISHED
    assert iterations(store, second) == list(range(11, 21))
    start = store.evaluations(second.id)[0].validation_loss_per_token
    assert start == first.summary.validation_loss_per_token


def test_continues_on_another_vocabulary_or_size_is_refused(store: Store, tmp_path: Path) -> None:
    first = train(store, iterations=1)
    tiny_corpus(tmp_path, "other", max_vocabulary=6)
    run = train(store, corpus="other", continue_from=first.id)
    assert (run.state, run.details.count("UserError") > 0) == (RunState.FAILED, True)
    assert "'other' has another vocabulary" in run.message
    run = train(store, hidden_size=16, continue_from=first.id)
    assert "hidden size 8 and 1 layers" in run.message
    run = train(store, layers=2, continue_from=first.id)
    assert "hidden size 8 and 1 layers" in run.message


def test_nothing_is_written_outside_home(store: Store, tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    train(store)
    assert set(tmp_path.iterdir()) == before | {home()}
