"""How a run ended, and the sentences that say so."""

import traceback
from dataclasses import dataclass

from s2s.errors import UserError
from s2s.records import Run, RunState
from s2s.runs import lost_gpu as cuda_context
from s2s.runs.files import has_checkpoint
from s2s.store import Store
from s2s.training.device import ran_out_of_memory


@dataclass(frozen=True)
class Ending:
    state: RunState
    message: str = ""
    details: str = ""
    """The traceback of an error."""
    cannot_resume: str = ""
    """Why a run that was to go on could not; what is wrong can be put right."""

    def told(self, store: Store, run: Run) -> str:
        """All that the run's message says."""
        return " ".join(filter(None, [self.message, self.cannot_resume or self._how(store, run)]))

    def _how(self, store: Store, run: Run) -> str:
        if self.state is RunState.INTERRUPTED:
            return shut_down(store, run.id)
        if run.resumed_at:
            each = ", ".join(f"{iteration:,}" for iteration in run.resumed_at)
            return f"It was interrupted, and resumed from iteration {each}."
        return ""


def diverged(run_id: int) -> Ending:
    told = "The loss is no longer a finite number; a smaller learning rate usually helps."
    if has_checkpoint(run_id):
        told += " The last good weights were kept."
    return Ending(RunState.DIVERGED, told)


def failed(error: Exception) -> Ending:
    """By an error that is being handled."""
    return Ending(_verdict(error), sentence(error), traceback.format_exc())


def shut_down(store: Store, run_id: int) -> str:
    sweep_id = store.parent_sweep(run_id)
    if sweep_id is None and store.run(run_id).iterations_done and not has_checkpoint(run_id):
        return "The program was shut down, and no checkpoint had been kept; start the run anew."
    again = f"resume {run_id}" if sweep_id is None else f"sweep --resume {sweep_id}"
    return f"The program was shut down; `python -m s2s {again}` goes on."


def sentence(error: Exception) -> str:
    if isinstance(error, UserError):
        return str(error)
    if _verdict(error) is RunState.OUT_OF_MEMORY:
        return "The memory did not suffice; a smaller batch size or hidden size needs less of it."
    first_line = (str(error).splitlines() or [""])[0][:300]
    told = f"{type(error).__name__}: {first_line}"
    return f"{told} {cuda_context.sentence()}" if cuda_context.spoils_context(error) else told


def _verdict(error: Exception) -> RunState:
    return RunState.OUT_OF_MEMORY if ran_out_of_memory(error) else RunState.FAILED
