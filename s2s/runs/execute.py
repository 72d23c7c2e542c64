"""One run from start to end: device lease, corpus, training, records, checkpoints, result."""

import dataclasses
import gc
import os
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from threading import Event
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError

from s2s.analysis.busy import busy
from s2s.config import TrainConfig, UserError
from s2s.data.catalog import open_corpus
from s2s.home import corpora_folder, home, make_folder, run_folder
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
    is kept as the run's result; nothing is raised. Who leaves off early stops the run.
    """
    try:
        run = store.run(run_id)
        device = resolve_device(run.config.device)
        with lease(str(device), lambda: stop.is_set() or store.stop_requested(run_id)) as held:
            if not held or not store.start_run(run_id, str(device), _environment()):
                store.request_stop(run_id)
                return RunState.STOPPED
            return (yield from _train(store, run, device, stop))
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
    make_folder(folder)
    lock = FileLock(folder / f"{device.replace(':', '-')}.lock", thread_local=False)
    try:
        while not lock.is_locked and not given_up():
            with suppress(Timeout):
                lock.acquire(timeout=_LEASE_POLL_SECONDS)
        yield lock.is_locked
    finally:
        lock.release()


def build_trainer(config: TrainConfig, device: torch.device) -> Trainer:
    """The corpus opened and the model built, or UserError."""
    torch.set_num_threads(config.threads or _TORCHS_OWN_THREADS)
    start = None
    if config.continues is not None:
        start = load_checkpoint(run_folder(config.continues), with_state=True)
    return Trainer(config, open_corpus(corpora_folder(), config.corpus), device, start)


def _train(store: Store, run: Run, device: torch.device, stop: Event) -> Training:
    others, before = OthersMeter(), None
    sampler = Sampler(str(device))
    sampler.start()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    recorder = Recorder(store, run.id, run.config, sampler)
    message, details = "", ""
    try:
        trainer = build_trainer(run.config, device)
        before = machine_state(str(device), others.read())
        store.note_machine(run.id, before)
        state = yield from _follow(store, run, trainer, recorder, stop)
        message = " ".join(trainer.notes)
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
    peak = (
        torch.cuda.max_memory_allocated(device)
        if device.type == "cuda"
        else sampler.peak_memory_bytes
    )
    beside = busy(store.run(run.id), store.device_samples(run.id))
    summary = recorder.summary(state, peak, beside)
    if state is RunState.FINISHED and run.config.measure_quality:
        summary, why_not, details = _with_quality(store, run, stop, summary)
        message = " ".join(filter(None, [message, why_not]))
    store.finish_run(run.id, state, summary, message, details)
    _tidy(run)  # after the state is known: whoever pressed Stop need not wait for it
    return state


def _follow(store: Store, run: Run, trainer: Trainer, recorder: Recorder, stop: Event) -> Training:
    """The events of the loop into the store, a checkpoint at each evaluation and at the end."""
    for event in trainer.run():
        if isinstance(event, Evaluation):
            recorder.evaluation(event)
            _save(run, trainer)
        elif recorder.step(event) and store.stop_requested(run.id):
            stop.set()
        yield event
        if stop.is_set():
            recorder.flush()
            _save(run, trainer)
            return RunState.STOPPED
    return RunState.FINISHED


class _StoppedError(Exception):
    """Stop was asked for while the quality was measured."""


def _with_quality(
    store: Store, run: Run, stop: Event, summary: Summary
) -> tuple[Summary, str, str]:
    """Measured after all else, so that it adds to no time and no memory of the run.

    The run stays finished whatever happens here: a sentence says why there is no quality, and
    details may follow it.
    """

    def go_on(_share: float) -> None:
        if stop.is_set() or store.stop_requested(run.id):
            raise _StoppedError

    later = f"`python -m s2s evaluate --run {run.id}` measures it."
    try:
        found = quality_on_test_part(run.id, progress=go_on)
        return dataclasses.replace(summary, bleu=found.bleu, chrf=found.chrf), "", ""
    except _StoppedError:
        return summary, f"Stopped before its quality was measured; {later}", ""
    except UserError as error:
        return summary, f"Its quality was not measured: {error}", ""
    except Exception as error:
        why = f"Its quality was not measured ({_sentence(error)})."
        return summary, why, traceback.format_exc()


def _save(run: Run, trainer: Trainer) -> None:
    """A finite loss can still have made weights that are not; those never replace good ones."""
    checkpoint = trainer.checkpoint()
    if not all(bool(weight.isfinite().all()) for weight in checkpoint.weights.values()):
        raise DivergedError
    if run.config.keep_weights:
        make_folder(run_folder(run.id))
        save_checkpoint(run_folder(run.id), checkpoint)


def _tidy(run: Run) -> None:
    """The optimizer's state is two thirds of a checkpoint; few runs are ever trained on."""
    if run.config.keep_weights and not run.config.keep_optimizer:
        # It may have ended before its first checkpoint, or the disk may be full.
        with suppress(UserError, OSError, SafetensorError):
            drop_state(run_folder(run.id))


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
