"""The manager: trains queued runs in background threads, one at a time on a device."""

import dataclasses
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from s2s.background.estimates import (
    Expected,
    StepTime,
    expected,
    step_time_from_runs,
    step_time_from_trial,
)
from s2s.background.sweep_time import SweepTime, seconds_of, sweep_time, times_from_runs
from s2s.config import SweepConfig, TrainConfig
from s2s.data.catalog import remove_leftovers
from s2s.errors import UserError
from s2s.locks import lease
from s2s.paths import corpora_folder
from s2s.records import SweepPart
from s2s.runs import lost_gpu
from s2s.runs.files import purge_deleted, remove_leftovers
from s2s.runs.resume import resume
from s2s.store import Store
from s2s.store import errors as store_error
from s2s.store.errors import StoreError
from s2s.store.ownership import DashboardLock
from s2s.store.sweeps import claim_sweep, read_sweep, release_sweep, request_sweep_stop
from s2s.sweeps.plan import create_sweep, plan

_Trial = TypeVar("_Trial", StepTime, SweepTime)
JOIN_SECONDS = 2.5
"""A program that is shut down is gone within 3 s."""
_ERROR_SECONDS = 5.0
"""How long a failed trial is remembered: what was wrong can be put right."""


class Manager:
    """One for the process; any thread may call it.

    Each device that runs ask for has a daemon thread, which trains its runs in the order in
    which they came. torch is imported in these threads, so that a page that only reads does
    without it.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._presence = None if store.read_only else DashboardLock()
        if self._presence:
            store.mark_interrupted()
            remove_leftovers(store)
            remove_leftovers(corpora_folder())
            if self._presence.is_only_dashboard:  # else another dashboard still offers Undo
                purge_deleted(store)
        self._lock = threading.Lock()
        self._incoming: deque[tuple[int, str]] = deque()
        """Runs and the device that each asks for, which may be `auto`."""
        self._queues: dict[str, deque[int]] = {}
        self._stops: dict[int, threading.Event] = {}
        self._sweeps: dict[int, threading.Event] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._trials: dict[tuple[object, ...], tuple[StepTime | UserError, float]] = {}
        """With the time at which each ended."""
        self._sweep_trials: dict[SweepConfig, tuple[SweepTime | UserError, float]] = {}
        self._devices: list[str] = []
        self._noise: dict[int, float | UserError] = {}
        """By run: the share that is done of a measurement that goes on, or why there is none."""

    def submit(self, configs: Sequence[TrainConfig]) -> list[int]:
        """Queues one run for each configuration, in this order; returns their ids."""
        ids = [self.store.create_run(config) for config in configs]
        self._enqueue([(run_id, each.device) for run_id, each in zip(ids, configs, strict=True)])
        return ids

    def resume(self, run_id: int) -> None:
        """Queues an interrupted run again, to go on from its checkpoint.

        UserError where it cannot be resumed.
        """
        run = resume(self.store, run_id)
        self._enqueue([(run_id, run.device or run.config.device)])

    def _enqueue(self, runs: Sequence[tuple[int, str]]) -> None:
        """Runs of the store, each with the device that it asks for."""
        with self._lock:
            self._stops |= {run_id: threading.Event() for run_id, _ in runs}
            self._incoming += runs
            self._start("s2s-queue", self._hand_out)

    def stop(self, run_id: int, wait_seconds: float = 0.0) -> None:
        """Asks the run to stop after the step it is in; a queued one never starts.

        Returns when the run is over, or after `wait_seconds`.
        """
        with self._lock:
            if run_id in self._stops:
                self._stops[run_id].set()
        self.store.request_stop(run_id)
        deadline = time.monotonic() + wait_seconds
        while time.monotonic() < deadline and not self.store.run(run_id).state.is_finished():
            time.sleep(0.01)

    def submit_sweep(self, config: SweepConfig) -> int:
        """Begins a sweep in a thread of its own; returns its id.

        Its parts take turns on the device with single runs: those come in between two parts.
        """
        sweep_id = create_sweep(self.store, config)
        self.resume_sweep(sweep_id)
        return sweep_id

    def resume_sweep(self, sweep_id: int) -> None:
        """Goes on with the parts that have no result. UserError where the sweep is going on."""
        claim_sweep(self.store, sweep_id)
        name = f"s2s-sweep-{sweep_id}"
        with self._lock:
            last = self._threads.get(name)
        if last:  # it has left the sweep and is about to end
            last.join()
        with self._lock:
            self._sweeps[sweep_id] = threading.Event()
            self._start(name, self._sweep, sweep_id, self._sweeps[sweep_id])

    def stop_sweep(self, sweep_id: int) -> None:
        """Asks the sweep to stop after the step it is in, whoever does it; its results stay."""
        request_sweep_stop(self.store, sweep_id)
        with self._lock:
            if sweep_id in self._sweeps:
                self._sweeps[sweep_id].set()

    def close(self) -> None:
        """Interrupts what this process trains, and waits for its last checkpoint.

        It can be resumed: nobody asked it to stop.
        """
        deadline = time.monotonic() + JOIN_SECONDS
        with self._lock:
            for stop in (*self._sweeps.values(), *self._stops.values()):
                stop.set()
            threads = sorted(self._threads.values(), key=lambda thread: "trial" in thread.name)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if self._presence:
            self._presence.release()

    def expected_seconds(self, config: TrainConfig) -> Expected | None:
        """How long the run would take; None while that is being measured: ask again.

        From earlier runs where there are any of its kind, else from trial steps in the
        background, which wait for a training run to end. Raises UserError where the
        configuration cannot run at all.
        """
        device = self._device(config.device)
        if device is None:
            return None
        known: StepTime | UserError | None
        known = step_time_from_runs(config, self.store.runs(archived=True), device)
        with self._lock:
            known = known or self._tried(config)
            if known is None:
                self._start("s2s-trial", self._try, config)
        if isinstance(known, UserError):
            raise known
        return expected(config, known, device) if known else None

    def measure_noise(self, run_id: int) -> None:
        """Measures the run's gradient noise in the background, and keeps it in the store."""
        with self._lock:
            self._noise[run_id] = 0.0
            self._start(f"s2s-noise-{run_id}", self._measure_noise, run_id)

    def noise_progress(self, run_id: int) -> float | UserError | None:
        """The share that is done, why it could not be measured, or None: nothing goes on."""
        return self._noise.get(run_id)

    def _measure_noise(self, run_id: int) -> None:
        from s2s.runs.measure import measure_gradient_noise

        def progress(share: float) -> None:
            self._noise[run_id] = share

        try:
            self.store.save_gradient_noise(measure_gradient_noise(run_id, progress))
        except UserError as error:
            self._noise[run_id] = error
        except Exception as error:
            said = f"The gradient noise could not be measured ({type(error).__name__}: {error})."
            self._noise[run_id] = UserError(said)
        else:
            del self._noise[run_id]

    def expected_sweep(
        self, config: SweepConfig, parts: Sequence[SweepPart], *, try_steps: bool = False
    ) -> SweepTime | None:
        """How long these parts would take; None where that is not known.

        From earlier runs, or from trial steps in the background where `try_steps` asks for them:
        ask again until they are made, which waits for a training run to end. Raises UserError
        where they found that the sweep cannot run at all.
        """
        device = self._device(config.base.device)
        if device is None:
            return None
        known = times_from_runs(config, self.store.runs(archived=True), device)
        total = seconds_of(config, parts, known, device)
        if total is not None:
            return SweepTime(total, known, "earlier runs", device)
        with self._lock:
            tried = _fresh(self._sweep_trials.get(config))
            if tried is None and try_steps:
                self._start("s2s-sweep-trial", self._try_sweep, config)
        if isinstance(tried, UserError):
            raise tried
        if tried is None:
            return None
        times = {**tried.times, **known}
        total = seconds_of(config, parts, times, device)
        return dataclasses.replace(tried, total_seconds=total, times=times)

    def _device(self, asked: str) -> str | None:
        """What `auto` stands for; None until torch is loaded."""
        if asked == "auto":
            return next(iter(self.devices()), None)
        return "cuda:0" if asked == "cuda" else asked

    def _tried(self, config: TrainConfig) -> StepTime | UserError | None:
        return _fresh(self._trials.get(_trial_key(config)))

    def devices(self) -> list[str]:
        """What a run can be asked to use, the best first; empty until torch is loaded."""
        with self._lock:
            if not self._devices:
                self._start("s2s-devices", self._find_devices)
            return self._devices

    def _hand_out(self) -> None:
        """Incoming runs to the queues of their devices."""
        from s2s.training.device import resolve_device

        while True:
            with self._lock:
                if not self._incoming:
                    del self._threads[threading.current_thread().name]
                    return
                run_id, device = self._incoming.popleft()
            with suppress(UserError):  # the run itself will end with that sentence
                held = device == "auto" and lost_gpu.lost_device()
                device = held or str(resolve_device(device))
            with self._lock:
                self._queues.setdefault(device, deque()).append(run_id)
                self._start(f"s2s-trainer-{device}", self._work, device)

    def _work(self, device: str) -> None:
        from s2s.runs.execute import execute

        while True:
            with self._lock:
                if not self._queues[device] or lost_gpu.is_blocked(device):
                    del self._threads[threading.current_thread().name]
                    return
                run_id = self._queues[device].popleft()
                stop = self._stops[run_id]
            try:
                execute(self.store, run_id, stop)
            except (sqlite3.Error, StoreError) as error:
                self._keep_as_failed(run_id, error)
            with self._lock:
                del self._stops[run_id]

    def _sweep(self, sweep_id: int, stop: threading.Event) -> None:
        from s2s.sweeps.runner import run_sweep

        try:
            for _ in run_sweep(self.store, sweep_id, stop):
                pass
        except (sqlite3.Error, StoreError) as error:
            self._keep_as_stopped(sweep_id, error)
        finally:
            with self._lock:
                del self._sweeps[sweep_id], self._threads[threading.current_thread().name]

    def _keep_as_stopped(self, sweep_id: int, error: Exception) -> None:
        def keep() -> None:
            for part in read_sweep(self.store, sweep_id).parts:
                if part.run and not part.run.state.is_finished():
                    self.store.fail_run(part.run.id, f"{error}", "")
            release_sweep(self.store, sweep_id)

        self._in_the_end(f"s2s-keep-sweep-{sweep_id}", keep)

    def _keep_as_failed(self, run_id: int, error: Exception) -> None:
        self._in_the_end(f"s2s-keep-{run_id}", lambda: self.store.fail_run(run_id, f"{error}", ""))

    def _in_the_end(self, name: str, write: Callable[[], None]) -> None:
        """The store could not be written, on a full disk, say: tries again until it can be."""

        def keep() -> None:
            while True:
                try:
                    write()
                    break
                except StoreError as error:
                    if not error.is_temporary:
                        break
                except (UserError, sqlite3.ProgrammingError):  # it is gone, or the store is closed
                    break
                except sqlite3.Error:
                    pass
                time.sleep(store_error.RETRY_INTERVAL_SECONDS)
            with self._lock:
                del self._threads[name]

        with self._lock:
            self._start(name, keep)

    def _try(self, config: TrainConfig) -> None:
        from s2s.training.device import resolve_device

        result: StepTime | UserError
        try:
            lost_gpu.check_not_blocked(config.device)
            with lease(str(resolve_device(config.device)), lambda: False):
                result = step_time_from_trial(config)
        except UserError as error:
            result = error
        except Exception as error:
            lost_gpu.note_error(error, "cuda:0" if config.device == "auto" else config.device)
            result = UserError(f"A trial step failed ({type(error).__name__}: {error}).")
        with self._lock:
            self._trials[_trial_key(config)] = (result, time.monotonic())

    def _try_sweep(self, config: SweepConfig) -> None:
        result: SweepTime | UserError
        try:
            lost_gpu.check_not_blocked(config.base.device)
            runs = self.store.runs(archived=True)
            result = sweep_time(config, plan(config), runs, lambda *_: None)
        except UserError as error:
            result = error
        except Exception as error:
            result = UserError(f"A trial step failed ({type(error).__name__}: {error}).")
        with self._lock:
            self._sweep_trials[config] = (result, time.monotonic())

    def _find_devices(self) -> None:
        from s2s.training.device import device_names

        self._devices = device_names()

    def _start(self, name: str, work: Callable[..., None], *arguments: object) -> None:
        """A daemon thread of this name, where none is at work. The caller holds the lock."""
        if name not in self._threads or not self._threads[name].is_alive():
            thread = threading.Thread(target=work, args=arguments, name=name, daemon=True)
            self._threads[name] = thread
            thread.start()


def _fresh(trial: tuple[_Trial | UserError, float] | None) -> _Trial | UserError | None:
    """Its result; None where there is none, or an error that may have been put right."""
    result, ended_at = trial or (None, 0.0)
    if isinstance(result, UserError) and time.monotonic() - ended_at > _ERROR_SECONDS:
        return None
    return result


def _trial_key(config: TrainConfig) -> tuple[object, ...]:
    return (*config.timing_key(), config.batch_size, config.device, config.continue_from)
