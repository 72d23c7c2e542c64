"""One run from start to end: device lease, corpus, training, records, checkpoints, result."""

import dataclasses
import gc
import os
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from threading import Event
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError

from s2s.analysis.busy import busy
from s2s.analysis.readings import peak_memory_bytes
from s2s.config import TrainConfig, UserError
from s2s.data.catalog import open_corpus
from s2s.home import corpora_folder, home, run_folder
from s2s.metrics.devices import Sampler
from s2s.metrics.machine import machine_state
from s2s.metrics.others import OthersMeter
from s2s.metrics.system import system_info
from s2s.records import Evaluation, Run, RunState, StepRecord, Summary
from s2s.runs.evaluate import quality_on_test_part
from s2s.runs.recorder import DivergedError, Recorder
from s2s.runs.store import Store
from s2s.training.checkpoint import drop_state, load_checkpoint, save_checkpoint
from s2s.training.device import ran_out_of_memory, resolve_device
from s2s.training.loop import Trainer

_LEASE_POLL_SECONDS = 0.2
CHECKPOINT_SECONDS = 60.0
"""A process that is killed loses this much training and what a step more takes."""
_TORCHS_OWN_THREADS = torch.get_num_threads()
Watch = Callable[[StepRecord | Evaluation], object]
Training = Generator[StepRecord | Evaluation, None, RunState]
"""Events of the loop as they come; returns how the run ended."""


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
        run = store.run(run_id)
        device = _device_of(run)
        with lease(str(device), lambda: stop.is_set() or store.stop_requested(run_id)) as held:
            if not held or not store.start_run(run_id, str(device), _environment()):
                interrupted = store.interrupt_run(run_id, _shut_down(store, run_id))
                return RunState.INTERRUPTED if interrupted else RunState.STOPPED
            return (yield from _train(store, run, device, stop))
    except _CannotResumeError as error:
        store.interrupt_run(run_id, str(error))
        return RunState.INTERRUPTED
    except Exception as error:
        store.fail_run(run_id, _sentence(error), traceback.format_exc())
        return RunState.FAILED
    finally:
        # Outside the except block: its traceback would keep the tensors alive.
        free_memory()


@contextmanager
def lease(device: str, given_up: Callable[[], bool]) -> Iterator[bool]:
    """Holds the device against other runs; False where `given_up` became true first.

    A lock on a file, which the system lets go of even when a process is killed.
    """
    folder = home() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{device.replace(':', '-')}.lock", thread_local=False)
    try:
        while not lock.is_locked and not given_up():
            with suppress(Timeout):
                lock.acquire(timeout=_LEASE_POLL_SECONDS)
        yield lock.is_locked
    finally:
        lock.release()


def build_trainer(
    config: TrainConfig,
    device: torch.device,
    resumes: int | None = None,
    look: Callable[[], object] = bool,
) -> Trainer:
    """The corpus opened and the model built, or UserError.

    `resumes`: the run that is to go on from its own checkpoint. `look`: see Trainer.
    """
    torch.set_num_threads(config.threads or _TORCHS_OWN_THREADS)
    start, source = None, config.continues if resumes is None else resumes
    if source is not None:
        start = load_checkpoint(run_folder(source), with_state=True)
    corpus = open_corpus(corpora_folder(), config.corpus)
    look()
    return Trainer(config, corpus, device, start, resume=resumes is not None, look=look)


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
    others, before = OthersMeter(), None
    sampler = Sampler(str(device))
    sampler.start()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    recorder = Recorder(store, run.id, run.config, sampler)
    message, details, cannot = "", "", ""

    def look() -> None:
        if stop.is_set() or store.stop_requested(run.id):
            raise _EndedError

    try:
        trainer = _trainer_of(run, device, look)
        before = machine_state(str(device), others.read())
        store.note_machine(run.id, before)
        state = yield from _follow(store, run, trainer, recorder, stop)
        message = " ".join(trainer.notes)
    except _EndedError:
        state = _ended(store, run)
    except _CannotResumeError as error:
        state, cannot = RunState.INTERRUPTED, str(error)
    except DivergedError:
        state = RunState.DIVERGED
        message = "The loss is no longer a finite number; a smaller learning rate usually helps."
        if run.config.keep_weights:
            message += " The last good weights were kept."
    except GeneratorExit:
        state = RunState.STOPPED
    except Exception as error:
        state, message, details = _verdict(error), _sentence(error), traceback.format_exc()
    if before:
        store.note_machine(run.id, before, machine_state(str(device), others.read()))
    sampler.stop()
    with suppress(DivergedError):  # noted already
        recorder.flush()
    summary = recorder.summary(state, *_peak_and_busy(store, run, sampler, device))
    if state is RunState.FINISHED and run.config.measure_quality:
        summary, why_not, details = _with_quality(store, run, stop, summary)
        message = " ".join(filter(None, [message, why_not]))
    how = cannot or _how_it_went(store, run, state)
    store.finish_run(run.id, state, summary, " ".join(filter(None, [message, how])), details)
    if state is not RunState.INTERRUPTED:
        _tidy(run)  # after the state is known: whoever pressed Stop need not wait for it
    return state


def _peak_and_busy(
    store: Store, run: Run, sampler: Sampler, device: torch.device
) -> tuple[int | None, str]:
    """The run's peak memory in bytes, and what else the machine did."""
    samples = store.device_samples(run.id)
    peaks = [
        torch.cuda.max_memory_allocated(device)
        if device.type == "cuda"
        else sampler.peak_memory_bytes,
        peak_memory_bytes(samples, str(device)) if run.resumed_at else None,
    ]
    return max(filter(None, peaks), default=None), busy(store.run(run.id), samples)


def _follow(store: Store, run: Run, trainer: Trainer, recorder: Recorder, stop: Event) -> Training:
    """The events of the loop into the store, a checkpoint at each evaluation and at the end, and
    one every so often in between."""
    saved_at = time.monotonic()
    try:
        for event in trainer.run():
            if isinstance(event, Evaluation):
                recorder.evaluation(event)
            elif recorder.step(event) and store.stop_requested(run.id):
                stop.set()
            settled = event.iteration == trainer.iteration  # no burst whose weights are further
            late = run.config.keep_weights and time.monotonic() - saved_at >= CHECKPOINT_SECONDS
            if isinstance(event, Evaluation) or (settled and late):
                recorder.flush()
                _save(store, run, trainer)
                saved_at = time.monotonic()
            yield event
            if settled and stop.is_set():
                raise _EndedError
    except _EndedError:
        recorder.flush()
        _save(store, run, trainer)
        return _ended(store, run)
    return RunState.FINISHED


def _ended(store: Store, run: Run) -> RunState:
    """Without a request in the store it is the program that ends."""
    return RunState.STOPPED if store.stop_requested(run.id) else RunState.INTERRUPTED


def _with_quality(
    store: Store, run: Run, stop: Event, summary: Summary
) -> tuple[Summary, str, str]:
    """Measured after all else, so that it adds to no time and no memory of the run.

    The run stays finished whatever happens here: a sentence says why there is no quality, and
    details may follow it.
    """

    def go_on(_share: float) -> None:
        if stop.is_set() or store.stop_requested(run.id):
            raise _EndedError

    later = f"`python -m s2s evaluate --run {run.id}` measures it."
    try:
        found = quality_on_test_part(run.id, progress=go_on)
        return dataclasses.replace(summary, bleu=found.bleu, chrf=found.chrf), "", ""
    except _EndedError:
        return summary, f"Stopped before its quality was measured; {later}", ""
    except UserError as error:
        return summary, f"Its quality was not measured: {error}", ""
    except Exception as error:
        why = f"Its quality was not measured ({_sentence(error)})."
        return summary, why, traceback.format_exc()


def _save(store: Store, run: Run, trainer: Trainer) -> None:
    """A finite loss can still have made weights that are not; those never replace good ones."""
    checkpoint = trainer.checkpoint()
    if not all(bool(weight.isfinite().all()) for weight in checkpoint.weights.values()):
        raise DivergedError
    if run.config.keep_weights:
        store.sync()  # its records first: a run is resumed only where they reach as far
        run_folder(run.id).mkdir(parents=True, exist_ok=True)
        save_checkpoint(run_folder(run.id), checkpoint)


def _tidy(run: Run) -> None:
    """The optimizer's state is two thirds of a checkpoint; few runs are ever trained on."""
    if run.config.keep_weights and not run.config.keep_optimizer:
        # It may have ended before its first checkpoint, or the disk may be full.
        with suppress(UserError, OSError, SafetensorError):
            drop_state(run_folder(run.id))


def _how_it_went(store: Store, run: Run, state: RunState) -> str:
    if state is RunState.INTERRUPTED:
        return _shut_down(store, run.id)
    if run.resumed_at:
        each = ", ".join(f"{iteration:,}" for iteration in run.resumed_at)
        return f"It was interrupted, and resumed from iteration {each}."
    return ""


def _shut_down(store: Store, run_id: int) -> str:
    part = store.read("SELECT sweep_id FROM sweep_parts WHERE run_id = ?", (run_id,))
    again = f"sweep --resume {part[0]['sweep_id']}" if part else f"resume {run_id}"
    return f"The program was shut down; `python -m s2s {again}` goes on."


def _verdict(error: Exception) -> RunState:
    return RunState.OUT_OF_MEMORY if ran_out_of_memory(error) else RunState.FAILED


def _sentence(error: Exception) -> str:
    if isinstance(error, UserError):
        return str(error)
    if _verdict(error) is RunState.OUT_OF_MEMORY:
        return "The memory did not suffice; a smaller batch size or hidden size needs less of it."
    first_line = (str(error).splitlines() or [""])[0][:300]
    return f"{type(error).__name__}: {first_line}"


def _environment() -> dict[str, Any]:
    return {**system_info(), "pid": os.getpid()}


def free_memory() -> None:
    """Lets go of what nothing holds any more, on the GPU too."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
