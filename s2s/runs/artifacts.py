"""A run's files: its checkpoint, what it takes on disk, and purging it with its records."""

import shutil

from s2s.home import folder_bytes, home, run_folder
from s2s.runs.store import Store

CHECKPOINT = "checkpoint.safetensors"


def has_checkpoint(run_id: int) -> bool:
    return (run_folder(run_id) / CHECKPOINT).exists()


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
    for path in home().glob("runs/*/.*"):
        if path.parent.name not in unfinished:
            path.unlink(missing_ok=True)


def purge(store: Store, run_id: int) -> None:
    """A deleted run's files and then its records: one that is cut short can be done again."""
    shutil.rmtree(run_folder(run_id), ignore_errors=True)
    store.purge_run(run_id)
