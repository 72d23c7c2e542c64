"""One run from start to end: device lease, corpus, training, records, checkpoints, result."""

import dataclasses
import gc
import os
import time
import traceback
from collections.abc import Callable, Generator
from threading import Event
from typing import Any, TypeVar

import torch

from s2s.analysis.run.interference import busy
from s2s.analysis.run.readings import peak_memory_bytes
from s2s.config import TrainConfig
from s2s.errors import UserError
from s2s.locks import lease
from s2s.machine.gpus import Sampler
from s2s.machine.host import system_info
from s2s.machine.interference import OthersMeter
from s2s.machine.state import machine_state
from s2s.paths import run_folder
from s2s.records import (
    DeviceSample,
    Evaluation,
    MachineState,
    Run,
    RunState,
    StepRecord,
    Summary,
)
from s2s.runs import lost_gpu as cuda_context
from s2s.runs.checkpoints import save, tidy
from s2s.runs.ending import Ending, diverged, failed, sentence, shut_down
from s2s.runs.quality import quality_on_test_part
from s2s.runs.recorder import DivergedError, Recorder
from s2s.store import Store
from s2s.store import errors as store_error
from s2s.store.errors import StoreError, retry_while_unavailable
from s2s.task import open_task
from s2s.training.checkpoint import load_checkpoint
from s2s.training.device import resolve_device, trim_heap
from s2s.training.trainer import Trainer, never_stop

CHECKPOINT_SECONDS = 60.0
"""A process that is killed loses this much training and what a step more takes."""
_TORCHS_OWN_THREADS = torch.get_num_threads()
Watch = Callable[[StepRecord | Evaluation], object]
_Returned = TypeVar("_Returned")
Events = Generator[StepRecord | Evaluation, None, _Returned]
"""Of the loop as they come."""
Training = Events[RunState]
"""Returns how the run ended."""


def nobody(event: StepRecord | Evaluation) -> None:
    """The Watch that does nothing."""


def execute(store: Store, run_id: int, stop: Event, watch: Watch = nobody) -> RunState:
    """Trains the queued run in this thread and returns how it ended.

    As `executing`; `watch` sees each event of the loop. What it raises stops the run.
    """
    training = executing(store, run_id, stop)
    try:
        while True:
            watch(next(training))
    except StopIteration as end:
        return RunState(end.value)
    finally:
        training.close()


def executing(store: Store, run_id: int, stop: Event) -> Training:
    """Trains the queued run in this thread.

    Waits until no other run, of this process or another, holds the device. Whatever goes wrong
    is kept as the run's result; nothing is raised. Who leaves off early stops the run. `stop`
    without a request in the store interrupts it: the program ends, and the run can be resumed.
    """
    try:
        run = retry_while_unavailable(lambda: store.run(run_id))
        cuda_context.check(run.config.device)
        device = _device_of(run)
        with lease(str(device), lambda: stop.is_set() or _asked_to_stop(store, run_id)) as held:
            environment = _environment()
            if not held or not retry_while_unavailable(
                lambda: store.start_run(run_id, str(device), environment), stop.is_set
            ):
                interrupted = store.interrupt_run(run_id, shut_down(store, run_id))
                return RunState.INTERRUPTED if interrupted else RunState.STOPPED
            return (yield from _train(store, run, device, stop))
    except _CannotResumeError as error:
        store.interrupt_run(run_id, str(error))
        return RunState.INTERRUPTED
    except Exception as error:
        store.fail_run(run_id, sentence(error), traceback.format_exc())
        return RunState.FAILED
    finally:
        # Outside the except block: its traceback would keep the tensors alive.
        free_memory()
        store.write_error = ""


def build_trainer(
    config: TrainConfig,
    device: torch.device,
    resumes: int | None = None,
    look: Callable[[], object] = never_stop,
) -> Trainer:
    """The corpus opened and the model built, or UserError.

    `resumes`: the run that is to go on from its own checkpoint. `look`: see Trainer.
    """
    torch.set_num_threads(config.threads or _TORCHS_OWN_THREADS)
    start, source = None, config.continue_from if resumes is None else resumes
    if source is not None:
        start = load_checkpoint(run_folder(source), with_state=True)
    task = open_task(config, device)
    look()
    return Trainer(task, start, resume=resumes is not None, check_stop=look)


class _CannotResumeError(Exception):
    """The text says why. What is wrong can be put right, so the run stays interrupted."""


class _EndedError(Exception):
    """Stop was asked for, or the program ends, within something long."""


def _device_of(run: Run) -> torch.device:
    """A run goes on where it was: elsewhere its numbers would be others."""
    if not run.resumed_at:
        return resolve_device(run.config.device)
    try:
        return resolve_device(run.device)
    except UserError:
        raise _CannotResumeError(
            f"It trained on {run.device}, which is not here now; resume it where that is, or go on "
            f"from its weights with `python -m s2s train --continue {run.id}`."
        ) from None


def _trainer_of(run: Run, device: torch.device, look: Callable[[], object]) -> Trainer:
    if not run.resumed_at:
        return build_trainer(run.config, device, look=look)
    try:
        return build_trainer(run.config, device, run.id, look)
    except UserError as error:
        raise _CannotResumeError(str(error)) from error


def _train(store: Store, run: Run, device: torch.device, stop: Event) -> Training:
    others = OthersMeter()
    sampler = Sampler(str(device))
    sampler.start()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    recorder = Recorder(store, run.id, run.config, sampler)
    try:
        ending = yield from _trained(store, run, device, stop, recorder, others)
    except GeneratorExit:
        ending = Ending(RunState.STOPPED)

    def patient(work: Callable[[], _Returned]) -> _Returned:
        """A program that ends waits for no disk."""
        return retry_while_unavailable(
            work, lambda: stop.is_set() and not _asked_to_stop(store, run.id)
        )

    after = _machine_after(device, others)
    sampler.stop()
    patient(recorder.finish)
    samples = patient(lambda: store.device_samples(run.id))
    peak = _peak_memory_bytes(device, sampler, samples if run.resumed_at else [])
    summary = patient(lambda: recorder.summary(ending.state, peak))
    before = patient(lambda: store.run(run.id)).machine_before
    if before and after:
        patient(lambda: store.save_machine_state(run.id, before, after))
        beside = patient(lambda: busy(store.run(run.id), samples))
        summary = dataclasses.replace(summary, interference=beside)
    if ending.state is RunState.FINISHED and run.config.measure_quality and not recorder.unsaved:
        summary, ending = _with_quality(store, run, stop, summary, ending)
    message = ending.told(store, run)
    patient(lambda: store.finish_run(run.id, ending.state, summary, message, ending.details))
    if ending.state is not RunState.INTERRUPTED:
        tidy(run)  # after the state is known: whoever pressed Stop need not wait for it
    return ending.state


def _trained(
    store: Store,
    run: Run,
    device: torch.device,
    stop: Event,
    recorder: Recorder,
    others: OthersMeter,
) -> Events[Ending]:
    """Whatever goes wrong is the ending; it holds no tensor."""

    def look() -> None:
        if stop.is_set() or _asked_to_stop(store, run.id):
            raise _EndedError

    try:
        trainer = _trainer_of(run, device, look)
        before = machine_state(str(device), others.read())
        retry_while_unavailable(lambda: store.save_machine_state(run.id, before), stop.is_set)
        state = yield from _follow(store, run, trainer, recorder, stop)
        return Ending(state, " ".join([*trainer.notes, *recorder.notes()]))
    except _EndedError:
        return Ending(_ended(store, run))
    except _CannotResumeError as error:
        return Ending(RunState.INTERRUPTED, cannot_resume=str(error))
    except DivergedError:
        return diverged(run.id)
    except Exception as error:
        cuda_context.note(error, str(device))
        return failed(error)


def _follow(store: Store, run: Run, trainer: Trainer, recorder: Recorder, stop: Event) -> Training:
    """The events of the loop into the store, a checkpoint at each evaluation and at the end, and
    one every so often in between."""
    saved_at = time.monotonic()
    try:
        for event in trainer.run():
            if isinstance(event, Evaluation):
                recorder.evaluation(event)
            elif recorder.step(event) and _asked_to_stop(store, run.id):
                stop.set()
            settled = event.iteration == trainer.iteration  # no burst whose weights are further
            late = run.config.keep_weights and time.monotonic() - saved_at >= CHECKPOINT_SECONDS
            if isinstance(event, Evaluation) or (settled and late):
                recorder.flush()
                recorder.unsaved = save(store, run, trainer)
                trim_heap()
                saved_at = time.monotonic()
            yield event
            if settled and stop.is_set():
                raise _EndedError
    except _EndedError:
        recorder.flush()
        recorder.unsaved = save(store, run, trainer)
        return _ended(store, run)
    deadline = time.monotonic() + store_error.RETRY_LIMIT_SECONDS
    while recorder.unsaved and not stop.is_set() and time.monotonic() < deadline:
        stop.wait(store_error.RETRY_INTERVAL_SECONDS)
        recorder.unsaved = save(store, run, trainer)
    return RunState.FINISHED


def _asked_to_stop(store: Store, run_id: int) -> bool:
    """False where the store cannot be read just now: a run does not end by that."""
    try:
        return store.is_stop_requested(run_id)
    except StoreError:
        return False


def _machine_after(device: torch.device, others: OthersMeter) -> MachineState | None:
    """None where the GPU cannot be asked any more."""
    if cuda_context.is_held(device.type):
        return None
    return machine_state(str(device), others.read())


def _peak_memory_bytes(
    device: torch.device, sampler: Sampler, before: list[DeviceSample]
) -> int | None:
    """`before`: readings of the run, where another process trained a part of it."""
    if device.type == "cpu":
        peak = sampler.peak_memory_bytes
    elif cuda_context.is_held(device.type):
        return None
    else:
        peak = torch.cuda.max_memory_allocated(device)
    return max(filter(None, [peak, peak_memory_bytes(before, str(device))]), default=None)


def _ended(store: Store, run: Run) -> RunState:
    """Without a request in the store it is the program that ends."""
    return RunState.STOPPED if _asked_to_stop(store, run.id) else RunState.INTERRUPTED


def _with_quality(
    store: Store, run: Run, stop: Event, summary: Summary, ending: Ending
) -> tuple[Summary, Ending]:
    """Measured after all else, so that it adds to no time and no memory of the run.

    The run stays finished whatever happens here: a sentence says why there is no quality, and
    details may follow it.
    """

    def go_on(_share: float) -> None:
        if stop.is_set() or store.is_stop_requested(run.id):
            raise _EndedError

    def without(why: str, details: str = "") -> tuple[Summary, Ending]:
        told = " ".join(filter(None, [ending.message, why]))
        return summary, dataclasses.replace(ending, message=told, details=details)

    try:
        found = quality_on_test_part(run.id, progress=go_on)
        return dataclasses.replace(summary, bleu=found.bleu, chrf=found.chrf), ending
    except _EndedError:
        later = f"`python -m s2s evaluate --run {run.id}` measures it."
        return without(f"Stopped before its quality was measured; {later}")
    except UserError as error:
        return without(f"Its quality was not measured: {error}")
    except Exception as error:
        why = f"Its quality was not measured ({sentence(error)})."
        return without(why, traceback.format_exc())


def _environment() -> dict[str, Any]:
    return {**system_info(), "pid": os.getpid()}


def free_memory() -> None:
    """Lets go of what nothing holds any more, on the GPU too."""
    gc.collect()
    if not cuda_context.spoilt_device() and torch.cuda.is_available():
        torch.cuda.empty_cache()
