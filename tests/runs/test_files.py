"""Files of runs: their size, purging them, and what dead processes left."""

import shutil
from pathlib import Path

import pytest

from s2s.background.scheduler import Scheduler
from s2s.errors import UserError
from s2s.paths import CHECKPOINT, folder_bytes, home, run_folder
from s2s.runs.files import (
    delete_checkpoint,
    has_checkpoint,
    purge_deleted,
    remove_leftovers,
)
from s2s.store import Store
from tests.tiny import tiny_config


def run_bytes(run_id: int) -> int:
    return folder_bytes(run_folder(run_id))


LEFTOVER = f".{CHECKPOINT}.123"


def write_files(run_id: int, *names: str) -> None:
    """Write six bytes, and four per name."""
    run_folder(run_id).mkdir(parents=True)
    (run_folder(run_id) / "other").write_bytes(b"56")
    for name in (CHECKPOINT, *names):
        (run_folder(run_id) / name).write_bytes(b"1234")


def test_files_of_a_run() -> None:
    delete_checkpoint(1)
    assert (has_checkpoint(1), run_bytes(1)) == (False, 0)
    write_files(1)
    assert (has_checkpoint(1), run_bytes(1)) == (True, 6)
    delete_checkpoint(1)
    assert (has_checkpoint(1), run_bytes(1)) == (False, 2)


def test_a_purge_removes_only_deleted_runs(store: Store) -> None:
    kept, restored, purged = (store.create_run(tiny_config()) for _ in range(3))
    for run_id in (kept, restored, purged):
        write_files(run_id)
        store.request_stop(run_id)
    for run_id in (restored, purged):
        store.delete_run(run_id)
        assert run_bytes(run_id) == 6
    store.restore_run(restored)
    purge_deleted(store)
    assert [run.id for run in store.runs()] == [restored, kept]
    assert run_bytes(kept) == run_bytes(restored) == 6
    assert not run_folder(purged).exists()
    assert store.deleted_run_ids() == []
    with pytest.raises(UserError):
        store.restore_run(purged)


def test_half_written_checkpoints_are_removed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not of runs that another process may be training, nor in a folder that vanishes."""
    ended, training = store.create_run(tiny_config()), store.create_run(tiny_config())
    store.interrupt_run(ended, ())
    for run_id in (ended, training, 7):
        write_files(run_id, LEFTOVER)
    is_dir = Path.is_dir

    def vanish(path: Path) -> bool:
        is_folder = is_dir(path)
        if path == run_folder(7):  # another dashboard purges the run
            shutil.rmtree(path)
        return is_folder

    monkeypatch.setattr(Path, "is_dir", vanish)
    Scheduler(store).close()
    assert [run_bytes(ended), run_bytes(training)] == [6, 10]
    assert has_checkpoint(ended)


def test_nothing_else_is_removed(store: Store, tmp_path: Path) -> None:
    """Neither files of other names, nor folders, nor anything behind a link."""
    leftovers, others = {LEFTOVER, ".tmpA1b2C3"}, {".bashrc", ".netrc", ".tmp-mine"}
    for folder in (tmp_path / "users", run_folder(7)):
        folder.mkdir(parents=True)
        for name in leftovers | others:
            (folder / name).write_text("precious")
    (run_folder(7) / ".tmpFolder").mkdir()
    (run_folder(7) / f".{CHECKPOINT}.9").symlink_to(tmp_path / "users" / ".netrc")
    for name in ("x", "8"):
        (home() / "runs" / name).symlink_to(tmp_path / "users")
    remove_leftovers(store)
    assert {each.name for each in (tmp_path / "users").iterdir()} == leftovers | others
    kept = others | {".tmpFolder", f".{CHECKPOINT}.9"}
    assert {each.name for each in run_folder(7).iterdir()} == kept
