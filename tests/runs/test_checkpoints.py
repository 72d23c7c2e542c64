"""Checkpoints that a run keeps, and those that never replace a good one."""

from pathlib import Path
from threading import Event
from typing import Any

import pytest

from s2s.paths import home, run_folder
from s2s.records import RunState
from s2s.runs import checkpoints as saving
from s2s.store import errors as store_error
from s2s.store.runs import Store
from s2s.training.checkpoint import load_checkpoint
from s2s.translation.engines import Forward, FusedEngine
from tests.runs.trained import iterations, train, trained_to

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.mark.parametrize("keep", [False, True])
def test_the_optimizer_is_kept_where_asked_for(store: Store, keep: bool) -> None:
    run = train(store, keep_optimizer=keep)
    state = load_checkpoint(run_folder(run.id), with_state=True).state
    assert bool(state) is keep
    assert load_checkpoint(run_folder(run.id)).state == {}


def test_weights_are_not_kept(store: Store) -> None:
    run = train(store, keep_weights=False, evaluate_every=3)
    assert run.state is RunState.FINISHED
    assert len(store.evaluations(run.id)) == 5
    assert not run_folder(run.id).exists()


def spoil_weights_at(monkeypatch: pytest.MonkeyPatch, step: int, stop: Event) -> None:
    """From then on the gradients are no numbers, though the loss still is one."""
    count = 0

    forward = FusedEngine.forward

    def spoilt(engine: FusedEngine, batch: Any, forced: bool) -> Forward:
        nonlocal count
        count += 1
        found = forward(engine, batch, forced)
        if count >= step:
            engine.model.decoder.out.weight.grad.fill_(float("nan"))
            stop.set()
        return found

    monkeypatch.setattr(FusedEngine, "forward", spoilt)


@pytest.mark.parametrize("stopped", [False, True])
def test_weights_that_are_no_numbers_never_replace_good_ones(
    store: Store, monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    stop = Event()
    spoil_weights_at(monkeypatch, 10 if not stopped else 9, stop if stopped else Event())
    run = train(store, stop, iterations=1000, evaluate_every=5)
    assert run.state is RunState.DIVERGED
    assert iterations(store, run)[-1] == (9 if stopped else 10)
    assert trained_to(run) == 5


def test_gradients_without_bound_under_a_finite_loss(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, count = FusedEngine.forward, 0

    def unbounded(engine: FusedEngine, batch: Any, forced: bool) -> Forward:
        nonlocal count
        count += 1
        found = forward(engine, batch, forced)
        if count == 8:
            engine.model.decoder.out.weight.grad.fill_(float("inf"))
        return found

    monkeypatch.setattr(FusedEngine, "forward", unbounded)
    run = train(store, iterations=1000, evaluate_every=5)
    assert run.state is RunState.DIVERGED
    assert trained_to(run) == 5


def test_a_full_disk_keeps_the_earlier_checkpoint_and_the_run_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, seen = saving.save_checkpoint, []

    def full(folder: Path, checkpoint: Any) -> None:
        if checkpoint.iteration == 6:
            seen.append(load_checkpoint(folder).iteration)
            raise OSError(28, "No space left on device")
        save(folder, checkpoint)

    monkeypatch.setattr(saving, "save_checkpoint", full)
    run = train(store, evaluate_every=3)
    assert (run.state, run.message) == (RunState.FINISHED, "")
    assert seen == [3]
    assert trained_to(run) == 10


def test_weights_that_cannot_be_written_in_the_end(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tried again for a while; then the run says of which iteration its checkpoint is not."""
    save, tries = saving.save_checkpoint, []

    def full(folder: Path, checkpoint: Any) -> None:
        if checkpoint.iteration > 6:
            tries.append(checkpoint.iteration)
            raise OSError(28, "No space left on device")
        save(folder, checkpoint)

    monkeypatch.setattr(saving, "save_checkpoint", full)
    monkeypatch.setattr(store_error, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(store_error, "PATIENCE_SECONDS", 0.1)
    run = train(store, evaluate_every=3, measure_quality=True)
    assert (run.state, run.summary.bleu) == (RunState.FINISHED, None)
    assert run.message.startswith("The weights after iteration 10 could not be written")
    assert run.message.endswith(f"make room on the disk that holds {home()}.")
    assert tries[:3] == [9, 10, 10]
    assert trained_to(run) == 6


def test_a_disk_too_full_to_tidy_up_does_not_fail_the_run(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(saving, "drop_state", full)
    assert train(store).state is RunState.FINISHED
