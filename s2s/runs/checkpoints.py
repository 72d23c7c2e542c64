"""A run's checkpoints on disk: written over its training, made smaller at its end."""

from contextlib import suppress

from safetensors import SafetensorError

from s2s.errors import UserError
from s2s.paths import home, make_folder, run_folder
from s2s.records import Run
from s2s.runs.recorder import DivergedError
from s2s.store import Store
from s2s.store.errors import StoreError
from s2s.training.checkpoint import drop_state, save_checkpoint
from s2s.training.trainer import Trainer


def save(store: Store, run: Run, trainer: Trainer) -> str:
    """Why there is no new checkpoint, on a full disk, say; empty where nothing went wrong.

    A finite loss can still have made weights that are not; those never replace good ones.
    """
    checkpoint = trainer.checkpoint()
    if not all(bool(weight.isfinite().all()) for weight in checkpoint.weights.values()):
        raise DivergedError
    if run.config.keep_weights:
        try:
            store.sync()  # its records first: a run is resumed only where they reach as far
            make_folder(run_folder(run.id))
            save_checkpoint(run_folder(run.id), checkpoint)
        except (OSError, SafetensorError, StoreError) as error:
            return (
                f"The weights after iteration {checkpoint.iteration:,} could not be written "
                f"({error}): make room on the disk that holds {home()}."
            )
    return ""


def tidy(run: Run) -> None:
    """The optimizer's state is two thirds of a checkpoint; few runs are ever trained on."""
    if run.config.keep_weights and not run.config.keep_optimizer:
        # It may have ended before its first checkpoint, or the disk may be full.
        with suppress(UserError, OSError, SafetensorError):
            drop_state(run_folder(run.id))
