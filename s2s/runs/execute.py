"""Execute one run: device lease, corpus, training, records, checkpoints, result."""

import dataclasses
import gc
import os
import time
import traceback
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import TypeVar

import torch
from safetensors import SafetensorError

from s2s.config import TrainConfig
from s2s.errors import UserError
from s2s.locks import lease
from s2s.machine.host import read_machine_state, read_system_info
from s2s.machine.interference import OtherLoadMeter
from s2s.machine.sampler import DeviceSampler
from s2s.paths import make_folder, run_folder
from s2s.records import Evaluation, MachineState, Remark, RemarkKind, Run, RunState, StepRecord
from s2s.runs import lost_gpu
from s2s.runs.files import has_checkpoint
from s2s.runs.measure import measure_quality
from s2s.runs.recorder import DivergedError, Recorder
from s2s.store import Store
from s2s.store import errors as store_errors
from s2s.store.errors import StoreError, retry_while_unavailable
from s2s.task import open_task
from s2s.training.checkpoint import drop_state, load_checkpoint, save_checkpoint
from s2s.training.device import ran_out_of_memory, resolve_device, trim_heap
from s2s.training.trainer import Trainer, never_stop

CHECKPOINT_SECONDS = 60.0
"""A process that is killed loses at most this much training and one step."""
_DEFAULT_THREADS = torch.get_num_threads()

TrainingEvent = StepRecord | Evaluation
_T = TypeVar("_T")


class _StopError(Exception):
    """The run is to stop, or the program is ending."""


class _CannotResumeError(Exception):
    """The message says why. The user can repair the cause, so the run stays interrupted."""


@dataclass(frozen=True)
class Ending:
    """The end of a run, without a reference to its tensors."""

    state: RunState
    remarks: tuple[Remark, ...] = ()
    error: str = ""
    traceback: str = ""


def execute(
    store: Store,
    run_id: int,
    stop: Event,
    watch: Callable[[TrainingEvent], object] | None = None,
) -> RunState:
    """Train a queued run in this thread; return its final state.

    Args:
        stop: As in `Execution`.
        watch: Called with each event of the training loop; if it raises, the run stops.
    """
    execution = Execution(store, run_id, stop)
    with closing(execution.run()) as events:
        for event in events:
            if watch:
                watch(event)
    return execution.state


class Execution:
    """One run from the queue to its result, in this thread."""

    def __init__(self, store: Store, run_id: int, stop: Event) -> None:
        """Prepare the execution of a queued run.

        Args:
            stop: Set when the program is ending, so that the run can be resumed. A user's request
                to stop comes through the store.
        """
        self._store, self._run_id, self._stop = store, run_id, stop
        self.state = RunState.QUEUED
        """Final state, once the run has ended."""
        self._machine_before: MachineState | None = None
        self._unsaved: Remark | None = None
        """Why the last checkpoint was not written."""

    def run(self) -> Generator[TrainingEvent, None, None]:
        """Train to the end, and yield the events of the training loop.

        Waits until no other run, of any process, uses the device. Errors become the run's result.
        Closing the iterator stops the run.
        """
        try:
            run = retry_while_unavailable(lambda: self._store.run(self._run_id))
            lost_gpu.check_not_blocked(run.config.device)
            device = self._find_device(run)
            with lease(str(device), self._should_stop) as acquired:
                if not (acquired and self._start(device)):
                    self._interrupt(self._explain_interruption())
                    return
                trainer, ending = None, Ending(RunState.FINISHED)
                try:
                    trainer = self._prepare(run, device)
                    yield from self._loop(run, trainer)
                except GeneratorExit:
                    ending = Ending(RunState.STOPPED)
                except Exception as error:
                    ending = self._explain(error, device)
                notes = trainer.task.remarks if trainer else []
                trainer = None  # free its memory
                self._finish(run, device, ending, notes)
        except _CannotResumeError as error:
            self._interrupt((Remark(RemarkKind.CANNOT_RESUME, str(error)),))
        except Exception as error:
            self.state = RunState.FAILED
            self._store.fail_run(self._run_id, _message(error), traceback.format_exc())
        finally:
            # Outside the except blocks: a traceback would keep tensors alive.
            free_memory()
            self._store.write_error = ""

    def _interrupt(self, remarks: tuple[Remark, ...]) -> None:
        """End a run that has not started, unless it was stopped or deleted meanwhile."""
        is_interrupted = self._store.interrupt_run(self._run_id, remarks)
        self.state = RunState.INTERRUPTED if is_interrupted else RunState.STOPPED

    # Prepare

    def _find_device(self, run: Run) -> torch.device:
        """Return the device. A resumed run keeps its own: another computes other numbers."""
        if not run.resumed_at:
            return resolve_device(run.config.device)
        try:
            return resolve_device(run.device)
        except UserError:
            raise _CannotResumeError(
                f"It trained on {run.device}, which is not available now. Resume it where that "
                f"device is, or train on with `python -m s2s train --continue {run.id}`."
            ) from None

    def _start(self, device: torch.device) -> bool:
        """Mark the run as running and start measuring; return False if it was stopped meanwhile."""
        environment = {**read_system_info(), "pid": os.getpid()}
        start = partial(self._store.start_run, self._run_id, str(device), environment)
        if not retry_while_unavailable(start, self._stop.is_set):
            return False
        self._load_meter = OtherLoadMeter()
        self._sampler = DeviceSampler(str(device))
        self._sampler.start()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        self._recorder = Recorder(self._store, self._run_id, self._sampler)
        return True

    def _prepare(self, run: Run, device: torch.device) -> Trainer:
        """Open the corpus and build the model."""
        resume_from = run.id if run.resumed_at else None
        try:
            trainer = build_trainer(run.config, device, resume_from, self._check_stop)
        except UserError as error:
            if run.resumed_at:
                raise _CannotResumeError(str(error)) from error
            raise
        self._machine_before = read_machine_state(str(device), self._load_meter.read())
        save = partial(self._store.save_machine_state, run.id, self._machine_before)
        retry_while_unavailable(save, self._stop.is_set)
        return trainer

    # Loop

    def _loop(self, run: Run, trainer: Trainer) -> Generator[TrainingEvent, None, None]:
        """Record the events; save a checkpoint at each evaluation, each minute and at the end."""
        saved_at = time.monotonic()
        try:
            for event in trainer.run():
                if isinstance(event, Evaluation):
                    self._recorder.evaluation(event)
                elif self._recorder.step(event) and self._is_stop_requested():
                    self._stop.set()
                # On a GPU steps come in bursts; the weights are those of the last one.
                is_settled = event.iteration == trainer.iteration
                is_due = run.config.keep_weights and (
                    time.monotonic() - saved_at >= CHECKPOINT_SECONDS
                )
                if isinstance(event, Evaluation) or (is_settled and is_due):
                    self._save(run, trainer)
                    saved_at = time.monotonic()
                yield event
                if is_settled and self._stop.is_set():
                    raise _StopError
        except _StopError:
            self._save(run, trainer)
            raise
        deadline = time.monotonic() + store_errors.RETRY_LIMIT_SECONDS
        while self._unsaved and not self._stop.is_set() and time.monotonic() < deadline:
            self._stop.wait(store_errors.RETRY_INTERVAL_SECONDS)
            self._save(run, trainer)

    def _save(self, run: Run, trainer: Trainer) -> None:
        """Save a checkpoint; if that fails, on a full disk for example, `_unsaved` says why."""
        self._recorder.flush()
        checkpoint = trainer.checkpoint()
        # A finite loss does not exclude it. Such weights never replace finite ones.
        if not all(bool(weight.isfinite().all()) for weight in checkpoint.weights.values()):
            raise DivergedError
        self._unsaved = None
        if run.config.keep_weights:
            try:
                self._store.sync()  # a run is resumed only where its records reach as far
                make_folder(run_folder(run.id))
                save_checkpoint(run_folder(run.id), checkpoint)
            except (OSError, SafetensorError, StoreError) as error:
                self._unsaved = Remark(
                    RemarkKind.CHECKPOINT_NOT_WRITTEN, str(error), checkpoint.iteration
                )
        trim_heap()

    def _should_stop(self) -> bool:
        return self._stop.is_set() or self._is_stop_requested()

    def _check_stop(self) -> None:
        if self._should_stop():
            raise _StopError

    def _is_stop_requested(self) -> bool:
        """Return whether the user asked for a stop; an unreadable store does not end a run."""
        try:
            return self._store.is_stop_requested(self._run_id)
        except StoreError:
            return False

    # Finish

    def _explain(self, error: Exception, device: torch.device) -> Ending:
        """Turn an exception into an ending, while it is being handled."""
        match error:
            case _StopError():
                if self._is_stop_requested():
                    return Ending(RunState.STOPPED)
                return Ending(RunState.INTERRUPTED, self._explain_interruption())
            case _CannotResumeError():
                remark = Remark(RemarkKind.CANNOT_RESUME, str(error))
                return Ending(RunState.INTERRUPTED, (remark,))
            case DivergedError():
                is_kept = has_checkpoint(self._run_id)
                remarks = (Remark(RemarkKind.WEIGHTS_KEPT),) if is_kept else ()
                return Ending(RunState.DIVERGED, remarks)
        lost_gpu.note_error(error, str(device))
        if ran_out_of_memory(error):
            return Ending(RunState.OUT_OF_MEMORY, traceback=traceback.format_exc())
        lost = lost_gpu.loses_gpu(error)
        remarks = (Remark(RemarkKind.LOST_GPU, lost_gpu.lost_device()),) if lost else ()
        return Ending(RunState.FAILED, remarks, _message(error), traceback.format_exc())

    def _explain_interruption(self) -> tuple[Remark, ...]:
        sweep_id = self._store.parent_sweep(self._run_id)
        iterations = self._store.run(self._run_id).iterations_done
        if sweep_id is None and iterations and not has_checkpoint(self._run_id):
            return (Remark(RemarkKind.NO_CHECKPOINT),)
        return (Remark(RemarkKind.SHUT_DOWN, number=sweep_id),)

    def _finish(self, run: Run, device: torch.device, ending: Ending, notes: list[Remark]) -> None:
        """Save the run's result, and shrink its checkpoint."""
        is_lost = lost_gpu.is_blocked(device.type)
        after = None if is_lost else read_machine_state(str(device), self._load_meter.read())
        self._sampler.stop()
        self._retry(self._recorder.finish)
        if self._machine_before and after:
            self._retry(
                partial(self._store.save_machine_state, run.id, self._machine_before, after)
            )
        peak = self._sampler.peak_memory_bytes
        if device.type == "cuda" and not is_lost:
            peak = torch.cuda.max_memory_allocated(device)
        summary = self._retry(lambda: self._recorder.summary(ending.state, peak))
        remarks = [*notes, *self._recorder.remarks(), *ending.remarks]
        details = ending.traceback
        if self._unsaved:
            remarks.append(self._unsaved)
        elif ending.state is RunState.FINISHED and run.config.measure_quality:
            # Last, so that it adds to neither time nor memory of the run.
            try:
                quality = measure_quality(run.id, lambda _: self._check_stop())
                summary = dataclasses.replace(summary, bleu=quality.bleu, chrf=quality.chrf)
            except _StopError:
                remarks.append(Remark(RemarkKind.QUALITY_NOT_MEASURED))
            except Exception as error:
                remarks.append(Remark(RemarkKind.QUALITY_NOT_MEASURED, _message(error)))
                if not isinstance(error, UserError):
                    details = traceback.format_exc()
        self._retry(lambda: self._store.finish_run(run.id, summary, remarks, ending.error, details))
        self.state = ending.state
        is_kept = run.config.keep_weights and not run.config.keep_optimizer
        if is_kept and ending.state is not RunState.INTERRUPTED:
            # The optimizer's state is two thirds of a checkpoint, and few runs are trained further.
            # Dropped last, so that a user who pressed Stop need not wait for it. There may be no
            # checkpoint, and the disk may be full.
            with suppress(UserError, OSError, SafetensorError):
                drop_state(run_folder(run.id))

    def _retry(self, operation: Callable[[], _T]) -> _T:
        """Retry while the store is unavailable, unless the program is ending."""
        return retry_while_unavailable(
            operation, lambda: self._stop.is_set() and not self._is_stop_requested()
        )


def build_trainer(
    config: TrainConfig,
    device: torch.device,
    resume_from: int | None = None,
    check_stop: Callable[[], object] = never_stop,
) -> Trainer:
    """Open the corpus and build the model.

    Args:
        resume_from: The run itself, if it resumes from its own checkpoint.
        check_stop: As in `Trainer`.

    Raises:
        UserError: The corpus or the checkpoint is missing, or they do not fit.
    """
    torch.set_num_threads(config.threads or _DEFAULT_THREADS)
    source = config.continue_from if resume_from is None else resume_from
    start = None if source is None else load_checkpoint(run_folder(source), with_state=True)
    task = open_task(config, device)
    check_stop()
    return Trainer(task, start, resume=resume_from is not None, check_stop=check_stop)


def free_memory() -> None:
    """Collect garbage, and return torch's unused GPU memory to the system."""
    gc.collect()
    if not lost_gpu.lost_device() and torch.cuda.is_available():
        torch.cuda.empty_cache()


def _message(error: Exception) -> str:
    """Return the error's message in one line, with its type unless it is a UserError."""
    if isinstance(error, UserError):
        return str(error)
    first_line = (str(error).splitlines() or [""])[0][:300]
    return f"{type(error).__name__}: {first_line}"
