"""Find and remove the files of runs. Does not load torch."""

import re
import shutil
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG

from s2s.paths import CHECKPOINT, home, run_folder
from s2s.store import Store
from s2s.store.sweeps import purge_deleted_sweeps

_RUN_FOLDER = re.compile("[0-9]{1,15}")
_LEFTOVER = re.compile(rf"\.{re.escape(CHECKPOINT)}\.[0-9]+|\.tmp[A-Za-z0-9]{{6}}")
"""Names of half-written checkpoints: those of s2s end in a process id; safetensors has its own."""


def checkpoint_path(run_id: int) -> Path:
    return run_folder(run_id) / CHECKPOINT


def has_checkpoint(run_id: int) -> bool:
    return checkpoint_path(run_id).is_file()


def delete_checkpoint(run_id: int) -> None:
    """Delete the run's checkpoint. The run keeps its records, but can no longer translate."""
    checkpoint_path(run_id).unlink(missing_ok=True)


def purge(store: Store, run_id: int) -> None:
    """Remove a deleted run's files, then its records, so that an interrupted purge is repeated."""
    shutil.rmtree(run_folder(run_id), ignore_errors=True)
    store.purge_run(run_id)


def purge_deleted(store: Store) -> None:
    """Purge all deleted runs and sweeps. They can no longer be restored."""
    for run_id in store.deleted_run_ids():
        purge(store, run_id)
    purge_deleted_sweeps(store)


def remove_leftovers(store: Store) -> None:
    """Remove half-written checkpoints of dead processes. Never follow a link to other files."""
    unfinished = {str(run.id) for run in store.runs(archived=True) if not run.state.has_ended()}
    for folder in home().glob("runs/*"):
        is_ended_run = _RUN_FOLDER.fullmatch(folder.name) and folder.name not in unfinished
        if is_ended_run and folder.is_dir() and not folder.is_symlink():
            with suppress(OSError):  # another dashboard may purge the run meanwhile
                for path in folder.glob(".*"):
                    if _LEFTOVER.fullmatch(path.name) and S_ISREG(path.lstat().st_mode):
                        path.unlink()
