"""Find interrupted runs that can be resumed, and queue one again. Does not load torch."""

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open

from s2s.errors import UserError
from s2s.records import Run, RunState
from s2s.runs.files import checkpoint_path
from s2s.store import Store


def find_resumable(store: Store) -> list[tuple[Run, int]]:
    """Return the runs to offer for resuming, newest first, with the iterations to resume from."""
    resumable = []
    for run in store.runs():
        if run.state is RunState.INTERRUPTED and not run.dismissed:
            iteration = find_resume_iteration(store, run)
            if iteration is not None:
                resumable.append((run, iteration))
    return resumable


def find_resume_iteration(store: Store, run: Run) -> int | None:
    """Return the iteration from which a run can be resumed, or `None` if it cannot."""
    try:
        return _find_iteration(store, run)
    except UserError:
        return None


def resume_run(store: Store, run_id: int) -> Run:
    """Queue an interrupted run again and return it; raise UserError if it cannot be resumed."""
    run = store.run(run_id)
    iteration = _find_iteration(store, run)
    resumed_at = [*run.resumed_at, iteration] if iteration or run.iterations_done else []
    store.requeue_run(run_id, iteration, resumed_at)
    return store.run(run_id)


def _find_iteration(store: Store, run: Run) -> int:
    """Return the iteration from which the run can be resumed, or raise UserError."""
    if not run.state.has_ended() and not store.can_see_owner(run.id):
        raise UserError(
            f"Run {run.id} is {run.state} on another machine or in another container. If it "
            "has ended there, keep a dashboard open for a minute, then resume the run."
        )
    if run.state is not RunState.INTERRUPTED:
        raise UserError(f"Run {run.id} is {run.state}. Only an interrupted run can be resumed.")
    if sweep_id := store.parent_sweep(run.id):
        raise UserError(
            f"Run {run.id} belongs to sweep {sweep_id}. Resume the sweep with "
            f"`python -m s2s sweep --resume {sweep_id}`. That repeats the run."
        )
    path = checkpoint_path(run.id)
    if not path.is_file():  # if it were a pipe, opening it would block forever
        if run.iterations_done:
            raise UserError(f"Run {run.id} has no checkpoint. Start a new run.")
        return 0
    iteration = _read_iteration(path)
    if iteration is None or iteration > run.iterations_done:
        raise UserError(
            f"Run {run.id} cannot be resumed: its checkpoint has no optimizer state, or "
            "is newer than the records. Continue from its weights in a new run with "
            f"`python -m s2s train --continue {run.id}`."
        )
    return iteration


def _read_iteration(path: Path) -> int | None:
    """Return the iteration of a checkpoint, or `None` if no run can be resumed from it."""
    try:
        with safe_open(path, framework="numpy") as file:  # reads the header only
            metadata = json.loads(file.metadata()["s2s"])
            has_state = any(name.startswith("state.") for name in file.keys())  # noqa: SIM118
        return int(metadata["iteration"]) if metadata["position"] and has_state else None
    except (OSError, SafetensorError, ValueError, TypeError, LookupError):
        return None
    except (OverflowError, RecursionError):  # an infinite number, or brackets without end
        return None
