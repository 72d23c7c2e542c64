"""Execute a run: wait for the device, train, record, and save checkpoints and the result."""

import dataclasses
import gc
import os
import time
import traceback
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from functools import partial
from threading import Event
from typing import TypeVar

import torch
from safetensors import SafetensorError

from s2s.config import TrainConfig
from s2s.errors import UserError
from s2s.locks import lease
from s2s.machine.host import OtherLoadMeter, read_machine_state, read_system_info
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
from s2s.training.device import is_out_of_memory, resolve_device, trim_heap
from s2s.training.trainer import Trainer

CHECKPOINT_SECONDS = 60.0
"""Time between checkpoints. If the process is killed, at most this time and one step are lost."""
_DEFAULT_THREADS = torch.get_num_threads()

TrainingEvent = StepRecord | Evaluation
_T = TypeVar("_T")


class _StopError(Exception):
    """A request to stop the run: by the user, or because the program is ending."""


class _CannotResumeError(Exception):
    """The run cannot be resumed now. The message says why, and what the user can do."""


def execute(
    store: Store,
    run_id: int,
    stop: Event,
    watch: Callable[[TrainingEvent], object] = lambda _: None,
) -> RunState:
    """Train a queued run in this thread. Return its final state.

    Args:
        stop: Set when the program is ending, as in `Execution`.
        watch: Called with each event of the training loop. An exception that it raises stops the
            run.
    """
    execution = Execution(store, run_id, stop)
    with closing(execution.run()) as events:
        for event in events:
            watch(event)
    return execution.state


class Execution:
    """The execution of one run, from the queue to its result, in one thread."""

    def __init__(self, store: Store, run_id: int, stop: Event) -> None:
        """Prepare the execution of a queued run.

        Args:
            stop: Set when the program is ending, so that the run can be resumed later. If the user
                stops the run, the store says so.
        """
        self._store, self._run_id, self._stop = store, run_id, stop
        self.state = RunState.QUEUED
        """The final state, once the run has ended."""
        self._error = self._traceback = ""
        self._remarks: tuple[Remark, ...] = ()
        self._machine_before: MachineState | None = None
        self._unsaved: Remark | None = None
        """Why the last checkpoint was not written; `None` if it was."""

    def run(self) -> Generator[TrainingEvent, None, None]:
        """Wait for the device, train to the end, and yield the events of the training loop.

        Across all processes, only one run at a time trains on a device. Errors are not raised, but
        saved as the run's result. Closing the iterator stops the run.
        """
        try:
            run = self._retry(lambda: self._store.run(self._run_id))
            lost_gpu.check_not_blocked(run.config.device)
            device = self._find_device(run)
            with lease(str(device), self._should_stop) as acquired:
                if not (acquired and self._start(device)):
                    self._interrupt(self._explain_interruption())
                    return
                trainer = None
                try:
                    trainer = self._prepare(run, device)
                    yield from self._loop(run, trainer)
                    self.state = RunState.FINISHED
                except GeneratorExit:
                    self.state = RunState.STOPPED
                except Exception as error:
                    self._set_outcome(error, run, device)
                task_remarks = trainer.task.remarks if trainer else []
                trainer = None  # before `_finish`, to free its memory
                self._finish(run, device, task_remarks)
        except _CannotResumeError as error:
            self._interrupt((Remark(RemarkKind.CANNOT_RESUME, str(error)),))
        except Exception as error:
            self.state = RunState.FAILED
            self._store.fail_run(self._run_id, _format_error(error), traceback.format_exc())
        finally:
            # Not inside the except blocks, where a traceback keeps tensors alive.
            free_memory()
            self._store.write_error = ""

    def _interrupt(self, remarks: tuple[Remark, ...]) -> None:
        """Interrupt a run that has not started, unless it was stopped or deleted meanwhile."""
        is_interrupted = self._store.interrupt_run(self._run_id, remarks)
        self.state = RunState.INTERRUPTED if is_interrupted else RunState.STOPPED

    # Prepare

    def _find_device(self, run: Run) -> torch.device:
        """Return the device. A resumed run keeps its own: results would differ on another one."""
        if not run.resumed_at:
            return resolve_device(run.config.device)
        try:
            return resolve_device(run.device)
        except UserError:
            raise _CannotResumeError(
                f"It trained on {run.device}, which is not available now. Resume it on a machine "
                f"with that device, or train on with `python -m s2s train --continue {run.id}`."
            ) from None

    def _start(self, device: torch.device) -> bool:
        """Mark the run as running and start measuring; return False if it is no longer queued."""
        environment = {**read_system_info(), "pid": os.getpid()}
        if not self._retry(lambda: self._store.start_run(self._run_id, str(device), environment)):
            return False
        self._load_meter = OtherLoadMeter()
        self._sampler = DeviceSampler(str(device))
        self._sampler.start()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        self._recorder = Recorder(self._store, self._run_id, self._sampler)
        return True

    def _prepare(self, run: Run, device: torch.device) -> Trainer:
        """Open the data, build the model, and read the state of the machine."""
        resume_from = run.id if run.resumed_at else None
        trainer = build_trainer(run.config, device, resume_from, self._check_stop)
        self._machine_before = read_machine_state(str(device), self._load_meter.read())
        self._retry(partial(self._store.save_machine_state, run.id, self._machine_before))
        return trainer

    # Loop

    def _loop(self, run: Run, trainer: Trainer) -> Generator[TrainingEvent, None, None]:
        """Record the events. Save a checkpoint at each evaluation, each minute, and at the end."""
        saved_at = time.monotonic()
        try:
            for event in trainer.run():
                if isinstance(event, Evaluation):
                    self._recorder.record_evaluation(event)
                elif self._recorder.record_step(event) and self._store.is_stop_requested(run.id):
                    self._stop.set()
                # On a GPU, the trainer yields several steps after it has computed all of them. The
                # weights are then those after the last of these steps.
                is_latest = event.iteration == trainer.iteration
                is_checkpoint_due = run.config.keep_weights and (
                    time.monotonic() - saved_at >= CHECKPOINT_SECONDS
                )
                if isinstance(event, Evaluation) or (is_latest and is_checkpoint_due):
                    self._save(run, trainer)
                    saved_at = time.monotonic()
                yield event
                if is_latest and self._stop.is_set():
                    raise _StopError
        except _StopError:
            self._save(run, trainer)
            raise
        deadline = time.monotonic() + store_errors.RETRY_LIMIT_SECONDS
        while self._unsaved and not self._stop.is_set() and time.monotonic() < deadline:
            self._stop.wait(store_errors.RETRY_INTERVAL_SECONDS)
            self._save(run, trainer)

    def _save(self, run: Run, trainer: Trainer) -> None:
        """Save a checkpoint. If that fails, for example on a full disk, set `_unsaved`."""
        self._recorder.flush()
        checkpoint = trainer.checkpoint()
        # Weights can be NaN after a step whose loss was finite. Keep the last finite weights.
        if not all(weight.isfinite().all() for weight in checkpoint.weights.values()):
            raise DivergedError
        self._unsaved = None
        if run.config.keep_weights:
            try:
                self._store.sync()  # records that end before the checkpoint would prevent resuming
                make_folder(run_folder(run.id))
                save_checkpoint(run_folder(run.id), checkpoint)
            except (OSError, SafetensorError, StoreError) as error:
                self._unsaved = Remark(
                    RemarkKind.CHECKPOINT_NOT_WRITTEN, str(error), checkpoint.iteration
                )
        trim_heap()

    def _should_stop(self) -> bool:
        return self._stop.is_set() or self._store.is_stop_requested(self._run_id)

    def _check_stop(self) -> None:
        if self._should_stop():
            raise _StopError

    # Finish

    def _set_outcome(self, error: Exception, run: Run, device: torch.device) -> None:
        """Set the run's state, remarks and error from the exception that ended its training."""
        match error:
            case _StopError() if self._store.is_stop_requested(self._run_id):
                self.state = RunState.STOPPED
            case _StopError():
                self.state, self._remarks = RunState.INTERRUPTED, self._explain_interruption()
            case UserError() if run.resumed_at and not self._machine_before:  # `_prepare` failed
                self.state = RunState.INTERRUPTED
                self._remarks = (Remark(RemarkKind.CANNOT_RESUME, str(error)),)
            case DivergedError():
                self.state = RunState.DIVERGED
                if has_checkpoint(self._run_id):
                    self._remarks = (Remark(RemarkKind.WEIGHTS_KEPT),)
            case _:
                self._traceback = traceback.format_exc()
                lost_gpu.note_lost_device(error, str(device))
                if is_out_of_memory(error):
                    self.state = RunState.OUT_OF_MEMORY
                    return
                self.state, self._error = RunState.FAILED, _format_error(error)
                if lost_gpu.is_fatal_to_gpu(error):
                    self._remarks = (Remark(RemarkKind.LOST_GPU, lost_gpu.lost_device()),)

    def _explain_interruption(self) -> tuple[Remark, ...]:
        """Return a remark that says why the run was interrupted."""
        sweep_id = self._store.parent_sweep(self._run_id)
        iterations = self._store.run(self._run_id).iterations_done
        if sweep_id is None and iterations and not has_checkpoint(self._run_id):
            return (Remark(RemarkKind.NO_CHECKPOINT),)
        return (Remark(RemarkKind.SHUT_DOWN, number=sweep_id),)

    def _finish(self, run: Run, device: torch.device, task_remarks: list[Remark]) -> None:
        """Save the run's result, and shrink its checkpoint."""
        self._sampler.stop()
        is_gpu_lost = lost_gpu.is_blocked(device.type)
        if (before := self._machine_before) and not is_gpu_lost:
            after = read_machine_state(str(device), self._load_meter.read())
            self._retry(lambda: self._store.save_machine_state(run.id, before, after))
        self._retry(self._recorder.finish)
        peak = self._sampler.peak_memory_bytes
        if device.type == "cuda" and not is_gpu_lost:
            peak = torch.cuda.max_memory_allocated(device)
        summary = self._retry(lambda: self._recorder.summarize(self.state, peak))
        remarks = [*task_remarks, *self._recorder.list_remarks(), *self._remarks]
        if self._unsaved:
            remarks.append(self._unsaved)
        elif self.state is RunState.FINISHED and run.config.measure_quality:
            # Measure quality last, so that it adds to neither the time nor the memory of the run.
            try:
                quality = measure_quality(run.id, lambda _: self._check_stop())
                summary = dataclasses.replace(summary, bleu=quality.bleu, chrf=quality.chrf)
            except _StopError:
                remarks.append(Remark(RemarkKind.QUALITY_NOT_MEASURED))
            except Exception as error:
                remarks.append(Remark(RemarkKind.QUALITY_NOT_MEASURED, _format_error(error)))
                if not isinstance(error, UserError):
                    self._traceback = traceback.format_exc()
        results = (summary, remarks, self._error, self._traceback)
        self._retry(lambda: self._store.finish_run(run.id, *results))
        keep_only_weights = run.config.keep_weights and not run.config.keep_optimizer
        if keep_only_weights and self.state is not RunState.INTERRUPTED:
            # The optimizer's state is two thirds of a checkpoint, and few runs are trained further.
            # Drop it last, so that a user who pressed Stop does not wait for it. Ignore that there
            # is no checkpoint or that the disk is full.
            with suppress(UserError, OSError, SafetensorError):
                drop_state(run_folder(run.id))

    def _retry(self, operation: Callable[[], _T]) -> _T:
        """Retry the operation while the store is unavailable, unless the program is ending."""

        def is_ending() -> bool:
            return self._stop.is_set() and not self._store.is_stop_requested(self._run_id)

        return retry_while_unavailable(operation, is_ending)


def build_trainer(
    config: TrainConfig,
    device: torch.device,
    resume_from: int | None = None,
    check_stop: Callable[[], object] = lambda: None,
) -> Trainer:
    """Open the corpus and build the model. Load a checkpoint if the run starts from one.

    Args:
        resume_from: The run's own id, if it is resumed from its checkpoint.
        check_stop: Called several times per second. It may raise an exception to stop training.
    """
    torch.set_num_threads(config.threads or _DEFAULT_THREADS)
    source = config.continue_from if resume_from is None else resume_from
    checkpoint = None if source is None else load_checkpoint(run_folder(source), with_state=True)
    task = open_task(config, device)
    check_stop()
    return Trainer(task, checkpoint, resume=resume_from is not None, check_stop=check_stop)


def free_memory() -> None:
    """Collect garbage, and release the GPU memory that torch no longer uses."""
    gc.collect()
    if not lost_gpu.lost_device() and torch.cuda.is_available():
        torch.cuda.empty_cache()


def _format_error(error: Exception) -> str:
    """Return the message of a UserError, or type and first line of any other error."""
    if isinstance(error, UserError):
        return str(error)
    first_line = (str(error).splitlines() or [""])[0][:300]
    return f"{type(error).__name__}: {first_line}"
