"""Interrupted runs: which of them can be resumed from where, and queueing one again."""

import json
from pathlib import Path
from typing import Any

from s2s.errors import UserError
from s2s.records import Run, RunState
from s2s.runs.files import checkpoint_path
from s2s.store import Store


def resumable(store: Store) -> list[tuple[Run, int]]:
    """Interrupted runs that can be resumed and were not left alone, each with the iteration it
    would go on from; the newest first."""
    found = []
    for run in store.runs():
        if run.state is RunState.INTERRUPTED and not run.dismissed:
            iteration = resumes_at(store, run)
            if iteration is not None:
                found.append((run, iteration))
    return found


def resumes_at(store: Store, run: Run) -> int | None:
    """The iteration from which the run can go on; 0 where it never began, None where it cannot."""
    try:
        return _point(store, run)
    except UserError:
        return None


def resume(store: Store, run_id: int) -> Run:
    """Queues an interrupted run again, owned by this process, and returns it as it is now.

    Records after its checkpoint are dropped, since they will be made again just so. UserError
    where it cannot be resumed.
    """
    run = store.run(run_id)
    iteration = _point(store, run)
    resumed_at = [*run.resumed_at, iteration] if iteration or run.iterations_done else []
    store.requeue_run(run_id, iteration, resumed_at)
    return store.run(run_id)


def _point(store: Store, run: Run) -> int:
    """As `resumes_at`; UserError with the reason where there is none."""
    if not run.state.is_finished() and not store.can_see_owner(run.id):
        raise UserError(
            f"Run {run.id} is {run.state} on another machine, or in another container; if that is "
            "gone, a dashboard that stays open for a minute finds out."
        )
    if run.state is not RunState.INTERRUPTED:
        raise UserError(f"Run {run.id} is {run.state}; only an interrupted run can be resumed.")
    sweep = store.parent_sweep(run.id)
    if sweep is not None:
        raise UserError(
            f"Run {run.id} belongs to sweep {sweep}, which does it again when it goes on: "
            f"`python -m s2s sweep --resume {sweep}`."
        )
    path = checkpoint_path(run.id)
    if not path.is_file():  # to open a pipe would wait for ever
        if run.iterations_done:
            raise UserError(f"Run {run.id} has no checkpoint to go on from; start it anew.")
        return 0
    header = _header(path)
    about = json.loads(header.get("__metadata__", {}).get("s2s", "{}"))
    if not about.get("position") or not any(name.startswith("state.") for name in header):
        raise UserError(
            f"Run {run.id}'s checkpoint lacks what resuming needs; `python -m s2s train --continue "
            f"{run.id}` goes on from its weights in a new run."
        )
    iteration = int(about["iteration"])
    if iteration > run.iterations_done:
        raise UserError(
            f"Run {run.id}'s records end before its checkpoint; `python -m s2s train --continue "
            f"{run.id}` goes on from its weights in a new run."
        )
    return iteration


def _header(path: Path) -> dict[str, Any]:
    """Of a safetensors file: its length in 8 bytes, then JSON. Empty where it is none.

    So a page need not load torch.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > path.stat().st_size:
                return {}
            header = json.loads(file.read(length))
        return header if isinstance(header, dict) else {}
    except (OSError, ValueError):
        return {}
