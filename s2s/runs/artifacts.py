"""A run's files: its checkpoint, what it takes on disk, and deleting it with its records."""

import shutil

from s2s.home import folder_bytes, run_folder
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


def delete_run(store: Store, run_id: int) -> None:
    """Records and files. Raises UserError for a run that is not finished."""
    store.delete_run(run_id)
    shutil.rmtree(run_folder(run_id), ignore_errors=True)
