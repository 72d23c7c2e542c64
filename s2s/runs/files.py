"""A run's files: its checkpoint, what it takes on disk, and purging it with its records."""

import re
import shutil
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG

from s2s.paths import folder_bytes, home, run_folder
from s2s.store.runs import Store

CHECKPOINT = "checkpoint.safetensors"
_RUN_FOLDER = re.compile("[0-9]{1,15}")
_LEFTOVER = re.compile(rf"\.{re.escape(CHECKPOINT)}\.[0-9]+|\.tmp[A-Za-z0-9]{{6}}")
"""Its own, with the process's id, and safetensors', which writes beside."""


def has_checkpoint(run_id: int) -> bool:
    return (run_folder(run_id) / CHECKPOINT).is_file()


def run_bytes(run_id: int) -> int:
    """On disk, the records in the store left out."""
    return folder_bytes(run_folder(run_id))


def delete_checkpoint(run_id: int) -> None:
    """Frees the disk; the run's records stay, but it can no longer translate or train on."""
    (run_folder(run_id) / CHECKPOINT).unlink(missing_ok=True)


def purge_deleted(store: Store) -> list[int]:
    """Deleted runs for good, files, then records, and deleted sweeps; returns the runs' ids.

    Called when a dashboard starts while no other one uses this home. A deletion can so be undone
    for as long as the dashboard runs in which it was made, by no clock and no thread; who is short
    of disk starts it again.
    """
    ids = [run.id for run in store.deleted_runs(of_deleted_sweeps=True)]
    for run_id in ids:
        purge(store, run_id)
    with store.transaction() as database:
        database.execute("DELETE FROM sweeps WHERE deleted_at IS NOT NULL")
    return ids


def remove_leftovers(store: Store) -> None:
    """What processes left of checkpoints, their own or safetensors', when they died over them."""
    unfinished = {str(run.id) for run in store.runs(archived=True) if not run.state.is_finished()}
    for folder in home().glob("runs/*"):
        if _RUN_FOLDER.fullmatch(folder.name) and folder.name not in unfinished:
            _remove_leftovers(folder)


def _remove_leftovers(folder: Path) -> None:
    """By their names only, and never through a link: it may lead to a folder of the user's."""
    if folder.is_symlink() or not folder.is_dir():
        return
    with suppress(OSError):  # another dashboard may purge the run meanwhile
        for path in folder.glob(".*"):
            if _LEFTOVER.fullmatch(path.name) and S_ISREG(path.lstat().st_mode):
                path.unlink()


def purge(store: Store, run_id: int) -> None:
    """A deleted run's files and then its records: one that is cut short can be done again."""
    shutil.rmtree(run_folder(run_id), ignore_errors=True)
    store.purge_run(run_id)
