"""A run's files: its checkpoint, its size on disk, and purging it with its records.

Pages import this, so it must not load torch.
"""

import re
import shutil
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG

from s2s.paths import CHECKPOINT, folder_bytes, home, run_folder
from s2s.store import Store
from s2s.store.sweeps import purge_deleted_sweeps

_RUN_FOLDER = re.compile("[0-9]{1,15}")
_LEFTOVER = re.compile(rf"\.{re.escape(CHECKPOINT)}\.[0-9]+|\.tmp[A-Za-z0-9]{{6}}")
"""Half-written checkpoints: ours, with the process's id, and those of safetensors."""


def checkpoint_path(run_id: int) -> Path:
    return run_folder(run_id) / CHECKPOINT


def has_checkpoint(run_id: int) -> bool:
    return checkpoint_path(run_id).is_file()


def run_bytes(run_id: int) -> int:
    """Return the size of the run's files, without its records in the store."""
    return folder_bytes(run_folder(run_id))


def delete_checkpoint(run_id: int) -> None:
    """Free the disk. The records stay, but the run can no longer translate or train on."""
    checkpoint_path(run_id).unlink(missing_ok=True)


def purge(store: Store, run_id: int) -> None:
    """Remove a deleted run's files, then its records, because an interrupted purge is repeated."""
    shutil.rmtree(run_folder(run_id), ignore_errors=True)
    store.purge_run(run_id)


def purge_deleted(store: Store) -> list[int]:
    """Purge all deleted runs and sweeps; return the runs' ids.

    Called when a dashboard starts and no other uses this home: until then, Undo is possible.
    """
    ids = [run.id for run in store.deleted_runs(of_deleted_sweeps=True)]
    for run_id in ids:
        purge(store, run_id)
    purge_deleted_sweeps(store)
    return ids


def remove_leftovers(store: Store) -> None:
    """Remove half-written checkpoints of processes that died.

    Never through a link, which may lead to the user's own files.
    """
    unfinished = {str(run.id) for run in store.runs(archived=True) if not run.state.has_ended()}
    for folder in home().glob("runs/*"):
        is_run = _RUN_FOLDER.fullmatch(folder.name) and folder.name not in unfinished
        if is_run and folder.is_dir() and not folder.is_symlink():
            with suppress(OSError):  # another dashboard may purge the run meanwhile
                for path in folder.glob(".*"):
                    if _LEFTOVER.fullmatch(path.name) and S_ISREG(path.lstat().st_mode):
                        path.unlink()
