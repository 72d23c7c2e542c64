"""A real disk that is full: what was recorded stays, and all works again when there is room."""

import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from s2s.background.scheduler import Scheduler
from s2s.cli.main import main
from s2s.cli.progress import TrainingProgress
from s2s.data import catalog
from s2s.errors import UserError
from s2s.paths import corpora_folder, home, run_folder
from s2s.records import Evaluation, RemarkKind, RunState, StepRecord
from s2s.runs import recorder as recorder_module
from s2s.runs.execute import execute
from s2s.store import Store
from s2s.store import errors as store_error
from s2s.training.checkpoint import load_checkpoint
from tests.small_disk import SmallDisk
from tests.tiny import tiny_config, tiny_corpus, wait_until, write_tiny


@pytest.fixture
def store(small_disk: SmallDisk, tmp_path: Path) -> Iterator[Store]:
    """On the small disk, with the tiny corpus beside it."""
    tiny_corpus(tmp_path)
    with closing(Store(small_disk.folder)) as opened:
        yield opened


def iterations(store: Store, run_id: int) -> list[int]:
    return [int(each) for each in store.steps(run_id)["iteration"]]


def test_training_goes_on_and_nothing_is_lost(
    store: Store, small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full from iteration 50 to 450: steps, evaluations and readings arrive afterwards."""
    monkeypatch.setattr(recorder_module, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(recorder_module, "_RETRY_SECONDS", 0.0)
    monkeypatch.setattr(store_error, "RETRY_LIMIT_SECONDS", 30.0)
    seen: list[object] = []

    def watch(event: StepRecord | Evaluation) -> None:
        if isinstance(event, Evaluation):
            return
        if event.iteration == 50:
            small_disk.fill()
        if event.iteration == 449:
            seen.extend((store.write_error, load_checkpoint(run_folder(run_id)).iteration))
        if event.iteration == 450:
            small_disk.free()

    run_id = store.create_run(tiny_config(iterations=500, evaluate_every=40, hidden_size=64))
    assert execute(store, run_id, Event(), watch) is RunState.FINISHED
    run = store.run(run_id)
    assert iterations(store, run_id) == list(range(1, 501))
    found = [each.iteration for each in store.evaluations(run_id)]
    assert found == [*range(0, 481, 40), 500]
    assert RemarkKind.STORE_UNAVAILABLE in [remark.kind for remark in run.remarks]
    assert f"Run {run_id} " in str(seen[0])
    assert seen[1] == 40  # the old checkpoint was whole all the time
    assert load_checkpoint(run_folder(run_id)).iteration == 500
    assert small_disk.files() == []


def test_a_run_ends_with_a_sentence_and_the_queue_goes_on(
    store: Store, small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full for longer than a run waits; when there is room, the next one trains."""
    monkeypatch.setattr(recorder_module, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(recorder_module, "_RETRY_SECONDS", 0.0)
    monkeypatch.setattr(store_error, "RETRY_LIMIT_SECONDS", 0.5)
    manager = Scheduler(store)
    [first] = manager.submit([tiny_config(iterations=100_000_000)])
    wait_until(lambda: store.run(first).iterations_done > 20)
    small_disk.fill()
    wait_until(lambda: first not in manager._stops)  # it is over, and that could not be written
    small_disk.free()
    wait_until(lambda: store.run(first).state is RunState.FAILED)
    run = store.run(first)
    assert "store.sqlite" in run.error
    assert "full" in run.error
    assert iterations(store, first) == list(range(1, run.iterations_done + 1))
    assert run.iterations_done > 20
    assert load_checkpoint(run_folder(first)).iteration == 0
    [second] = manager.submit([tiny_config(iterations=3)])
    wait_until(lambda: store.run(second).state is RunState.FINISHED)
    manager.close()


@pytest.mark.usefixtures("store", "signals_as_before")
def test_a_program_that_ends_waits_for_no_disk(
    small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """SIGTERM meanwhile; the terminal says at once why records wait."""
    monkeypatch.setattr(recorder_module, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(recorder_module, "_RETRY_SECONDS", 0.0)
    show, terminated_at = TrainingProgress.show, list[float]()

    def watch(progress: TrainingProgress, event: StepRecord | Evaluation) -> None:
        if event.iteration == 5:
            small_disk.fill()
        show(progress, event)
        if progress._store.write_error and not terminated_at:
            terminated_at.append(time.monotonic())
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(TrainingProgress, "show", watch)
    code = main(["train", "--corpus=tiny", "--iterations=100000000", "--hidden-size=8"])
    assert time.monotonic() - terminated_at[0] < 3
    assert code in (1, 130)  # the last record may fit in where an earlier one was
    told = capsys.readouterr().err.splitlines()
    assert "store.sqlite is full" in told[0]
    assert len(told) == 2


def test_preparing_a_corpus(store: Store, small_disk: SmallDisk, tmp_path: Path) -> None:
    assert store.runs() == []
    small_disk.fill()
    with pytest.raises(UserError, match=r"The corpus could not be written to .*No space left"):
        catalog.add(corpora_folder(), write_tiny(tmp_path / "more.txt"))
    assert [info.name for info in catalog.list_corpora(corpora_folder())] == ["tiny"]
    assert small_disk.files() == []
    small_disk.free()
    assert catalog.add(corpora_folder(), tmp_path / "more.txt").name == "more"


def test_an_export_that_finds_no_room_leaves_the_earlier_one(
    store: Store, small_disk: SmallDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = store.create_run(tiny_config(iterations=30))
    execute(store, run_id, Event())
    target = small_disk.folder / "steps.csv"
    assert main(["export", f"--output={target}"]) == 0
    before = target.read_bytes()
    assert before.count(b"\n") == 31
    small_disk.fill()
    assert main(["export", f"--output={target}"]) == 1
    assert "steps.csv' (No space left on device)" in capsys.readouterr().err
    assert target.read_bytes() == before
    assert small_disk.files() == []


def test_a_store_that_finds_no_room_at_first(small_disk: SmallDisk) -> None:
    small_disk.fill()
    with pytest.raises(UserError, match=r"The disk that holds .*store.sqlite .*full"):
        Store(home())
    small_disk.free()
    with closing(Store(home())) as store:
        assert store.create_run(tiny_config()) == 1
