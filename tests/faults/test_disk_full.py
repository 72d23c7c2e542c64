"""A real disk that is full: records are kept, and everything works again once there is space."""

import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from s2s.background.scheduler import Scheduler
from s2s.cli.main import main
from s2s.data import catalog
from s2s.errors import UserError
from s2s.paths import corpora_folder, home, run_folder
from s2s.records import Evaluation, RemarkKind, RunState
from s2s.runs import recorder as recorder_module
from s2s.runs.execute import TrainingEvent, execute
from s2s.store import Store
from s2s.store import errors as store_errors
from s2s.training.checkpoint import load_checkpoint
from tests.faults.conftest import SmallDisk
from tests.tiny import tiny_config, tiny_corpus, wait_until, write_tiny


@pytest.fixture
def store(
    small_disk: SmallDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    """A store on the small disk, next to the tiny corpus, written at each step."""
    monkeypatch.setattr(recorder_module, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(recorder_module, "_RETRY_SECONDS", 0.0)
    tiny_corpus(tmp_path)
    with closing(Store(small_disk.folder)) as opened:
        yield opened


def test_training_continues_and_nothing_is_lost(store: Store, small_disk: SmallDisk) -> None:
    """The disk is full from iteration 50 to 150."""
    write_errors: list[str] = []
    checkpoints: list[int] = []

    def watch(event: TrainingEvent) -> None:
        if isinstance(event, Evaluation):
            return
        if event.iteration == 50:
            small_disk.fill()
        if event.iteration == 149:
            write_errors.append(store.write_error)
            checkpoints.append(load_checkpoint(run_folder(run_id)).iteration)
        if event.iteration == 150:
            small_disk.free()

    run_id = store.create_run(tiny_config(iterations=200, evaluate_every=40, hidden_size=64))
    assert execute(store, run_id, Event(), watch) is RunState.FINISHED
    assert store.steps(run_id)["iteration"].tolist() == list(range(1, 201))
    assert [each.iteration for each in store.evaluations(run_id)] == list(range(0, 201, 40))
    assert RemarkKind.STORE_UNAVAILABLE in [each.kind for each in store.run(run_id).remarks]
    assert write_errors[0]
    assert checkpoints == [40]  # the old one stayed whole
    assert load_checkpoint(run_folder(run_id)).iteration == 200
    assert small_disk.list_temporary_files() == []


def test_a_run_fails_if_the_disk_stays_full_and_the_queue_continues(
    store: Store, small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_errors, "RETRY_LIMIT_SECONDS", 0.1)
    scheduler = Scheduler(store)
    [first] = scheduler.submit([tiny_config(iterations=100_000_000)])
    wait_until(lambda: store.run(first).iterations_done > 20)
    small_disk.fill()
    wait_until(lambda: scheduler.work.is_busy("write"))
    small_disk.free()
    wait_until(lambda: store.run(first).state is RunState.FAILED)
    run = store.run(first)
    assert "store.sqlite" in run.error
    assert store.steps(first)["iteration"].tolist() == list(range(1, run.iterations_done + 1))
    [second] = scheduler.submit([tiny_config(iterations=3)])
    wait_until(lambda: store.run(second).state is RunState.FINISHED)
    scheduler.close()


@pytest.mark.usefixtures("signals_as_before")
def test_a_terminated_program_does_not_wait_for_the_disk(
    store: Store,
    small_disk: SmallDisk,
    before_step: Callable[[Callable[[int], object]], None],
) -> None:
    def act(step: int) -> None:
        if step == 3:
            small_disk.fill()
        if step == 11:
            signal.raise_signal(signal.SIGTERM)

    before_step(act)
    options = ["--iterations=100000000", "--hidden-size=8", "--threads=1", "--device=cpu"]
    code = main(["train", "--corpus=tiny", *options])
    assert code in (1, 130)  # the last record may fit where an earlier one was
    assert store.runs()


def test_a_corpus_an_export_and_a_new_store_on_a_full_disk(
    store: Store, small_disk: SmallDisk, tmp_path: Path
) -> None:
    """An earlier export stays, half-written files do not, and later there is space."""
    execute(store, store.create_run(tiny_config(iterations=30)), Event())
    target = small_disk.folder / "steps.csv"
    assert main(["export", f"--output={target}"]) == 0
    content = target.read_bytes()
    assert content.count(b"\n") == 31
    small_disk.fill()
    with pytest.raises(UserError):
        catalog.add(corpora_folder(), write_tiny(tmp_path / "more.txt"))
    assert main(["export", f"--output={target}"]) == 1
    with pytest.raises(UserError):
        Store(home() / "new")
    assert target.read_bytes() == content
    assert [info.name for info in catalog.list_corpora(corpora_folder())] == ["tiny"]
    assert small_disk.list_temporary_files() == []
    small_disk.free()
    assert catalog.add(corpora_folder(), tmp_path / "more.txt").name == "more"
    with closing(Store(home() / "new")) as opened:
        assert opened.create_run(tiny_config()) == 1
