"""Resume interrupted runs: which can be resumed, from where, and queueing one again.

Pages import this, so it must not load torch.
"""

import json
from pathlib import Path

from s2s.errors import UserError
from s2s.records import Run, RunState
from s2s.runs.files import checkpoint_path
from s2s.store import Store


def find_resumable(store: Store) -> list[tuple[Run, int]]:
    """Return the interrupted runs that can be resumed and were not dismissed, newest first.

    Returns:
        Each run with the iteration of its checkpoint; 0: it would start over.
    """
    runs = [run for run in store.runs() if run.state is RunState.INTERRUPTED and not run.dismissed]
    iterations = [(run, resume_iteration(store, run)) for run in runs]
    return [(run, iteration) for run, iteration in iterations if iteration is not None]


def resume_iteration(store: Store, run: Run) -> int | None:
    """Return the iteration from which the run can be resumed; None if it cannot."""
    try:
        return _find_iteration(store, run)
    except UserError:
        return None


def resume_run(store: Store, run_id: int) -> Run:
    """Queue an interrupted run again, owned by this process; return it.

    Records after its checkpoint are deleted, because training produces them again.

    Raises:
        UserError: It cannot be resumed.
    """
    run = store.run(run_id)
    iteration = _find_iteration(store, run)
    resumed_at = [*run.resumed_at, iteration] if iteration or run.iterations_done else []
    store.requeue_run(run_id, iteration, resumed_at)
    return store.run(run_id)


def _find_iteration(store: Store, run: Run) -> int:
    """Return the iteration as `resume_iteration` does, or raise UserError with the reason."""
    if not run.state.has_ended() and not store.can_see_owner(run.id):
        raise UserError(
            f"Run {run.id} is {run.state} on another machine or in another container. If that "
            "has ended, keep a dashboard open for a minute: it will notice."
        )
    if run.state is not RunState.INTERRUPTED:
        raise UserError(f"Run {run.id} is {run.state}. Only an interrupted run can be resumed.")
    if sweep_id := store.parent_sweep(run.id):
        raise UserError(
            f"Run {run.id} belongs to sweep {sweep_id}. Resume the sweep with "
            f"`python -m s2s sweep --resume {sweep_id}`; it repeats the run."
        )
    path = checkpoint_path(run.id)
    if not path.is_file():  # opening a pipe would block forever
        if run.iterations_done:
            raise UserError(f"Run {run.id} has no checkpoint. Start a new run.")
        return 0
    iteration = _read_iteration(path)
    if iteration is None or iteration > run.iterations_done:
        raise UserError(
            f"Run {run.id} cannot be resumed: its checkpoint has no optimizer state, or its "
            "records end before it. Train on from its weights in a new run with "
            f"`python -m s2s train --continue {run.id}`."
        )
    return iteration


def _read_iteration(path: Path) -> int | None:
    """Return the iteration in a checkpoint's header; None if the run cannot be resumed from it.

    A safetensors file begins with the length of a JSON header, in 8 bytes, and that header.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > path.stat().st_size:
                return None
            header = json.loads(file.read(length))
        metadata = json.loads(header["__metadata__"]["s2s"])
        has_state = any(name.startswith("state.") for name in header)
        return int(metadata["iteration"]) if metadata["position"] and has_state else None
    except (OSError, ValueError, TypeError, LookupError):
        return None
