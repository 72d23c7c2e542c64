import shutil
from pathlib import Path

import pytest

from s2s.background.scheduler import Manager
from s2s.errors import UserError
from s2s.paths import home, run_folder
from s2s.runs.files import (
    CHECKPOINT,
    delete_checkpoint,
    has_checkpoint,
    purge_deleted,
    remove_leftovers,
    run_bytes,
)
from s2s.store import Store
from s2s.training import checkpoint
from tests.tiny import tiny_config


def with_files(run_id: int) -> None:
    run_folder(run_id).mkdir(parents=True)
    (run_folder(run_id) / CHECKPOINT).write_bytes(b"1234")
    (run_folder(run_id) / "other").write_bytes(b"56")


def test_checkpoints_are_found_where_training_puts_them() -> None:
    assert CHECKPOINT == checkpoint.FILE_NAME  # torch is not loaded for its sake


def test_files_of_a_run() -> None:
    assert not has_checkpoint(1)
    assert run_bytes(1) == 0
    delete_checkpoint(1)
    with_files(1)
    assert has_checkpoint(1)
    assert run_bytes(1) == 6
    delete_checkpoint(1)
    assert not has_checkpoint(1)
    assert run_bytes(1) == 2


def test_a_purge_takes_deleted_runs_with_their_files_and_no_others(store: Store) -> None:
    kept, restored, gone = (store.create_run(tiny_config()) for _ in range(3))
    for run_id in (kept, restored, gone):
        with_files(run_id)
        store.request_stop(run_id)
    for run_id in (restored, gone):
        store.delete_run(run_id)
        assert run_bytes(run_id) == 6
    store.restore_run(restored)
    assert purge_deleted(store) == [gone]
    assert [run.id for run in store.runs()] == [restored, kept]
    assert run_bytes(kept) == run_bytes(restored) == 6
    assert not run_folder(gone).exists()
    assert purge_deleted(store) == store.deleted_runs() == []
    with pytest.raises(UserError, match=f"Run {gone} not found"):
        store.restore_run(gone)


def test_what_a_dead_process_left_of_a_checkpoint_is_removed(store: Store) -> None:
    over, trains = store.create_run(tiny_config()), store.create_run(tiny_config())
    store.interrupt_run(over, "")
    for run_id in (over, trains):
        with_files(run_id)
        (run_folder(run_id) / f".{CHECKPOINT}.123").write_bytes(b"half")
    remove_leftovers(store)
    assert [run_bytes(over), run_bytes(trains)] == [6, 10]
    assert has_checkpoint(over)


def test_a_manager_removes_them(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    store.interrupt_run(run_id, "")
    with_files(run_id)
    (run_folder(run_id) / f".{CHECKPOINT}.123").write_bytes(b"half")
    Manager(store)
    assert run_bytes(run_id) == 6


def test_a_folder_that_goes_meanwhile(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another dashboard, started at the same instant, purges the run."""
    run_folder(7).mkdir(parents=True)
    is_dir = Path.is_dir

    def gone_after(path: Path) -> bool:
        found = is_dir(path)
        if path == run_folder(7):
            shutil.rmtree(path)
        return found

    monkeypatch.setattr(Path, "is_dir", gone_after)
    remove_leftovers(store)
    assert not run_folder(7).exists()


def test_nothing_else_is_removed(store: Store, tmp_path: Path) -> None:
    """What is not the program's, and what a link leads to; a folder is no leftover."""
    leftovers = {f".{CHECKPOINT}.123", ".tmpA1b2C3"}
    users = {".bashrc", ".netrc", ".tmp-mine"}
    for folder in (tmp_path / "users", run_folder(7)):
        folder.mkdir(parents=True)
        for name in leftovers | users:
            (folder / name).write_text("precious")
    (run_folder(7) / ".tmpFolder").mkdir()
    (run_folder(7) / f".{CHECKPOINT}.9").symlink_to(tmp_path / "users" / ".netrc")
    for name in ("x", "8"):
        (home() / "runs" / name).symlink_to(tmp_path / "users")
    remove_leftovers(store)
    assert {each.name for each in (tmp_path / "users").iterdir()} == leftovers | users
    kept = users | {".tmpFolder", f".{CHECKPOINT}.9"}
    assert {each.name for each in run_folder(7).iterdir()} == kept
