"""The estimator of the dashboard: durations of new runs and sweeps, measured in the background."""

import dataclasses
import time
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from s2s.background.estimates import (
    RunEstimate,
    StepTime,
    SweepEstimate,
    estimate_parts,
    estimate_run,
    estimate_sweep,
    measure_step_time,
    step_time_from_runs,
    step_times_from_runs,
)
from s2s.background.work import BackgroundWork, Job
from s2s.config import SweepConfig, TrainConfig
from s2s.locks import lease
from s2s.records import SweepPart
from s2s.runs import lost_gpu
from s2s.store import Store
from s2s.sweeps.plan import plan

_ERROR_SECONDS = 5.0
"""A failed trial is repeated after this time: its cause may have been repaired."""
_T = TypeVar("_T", StepTime, SweepEstimate)


class Estimator:
    """Answers at once from earlier runs; else tries a few steps in the background. Thread-safe."""

    def __init__(self, store: Store, work: BackgroundWork) -> None:
        self._store, self._work = store, work
        self._devices: list[str] = []
        self._trials: dict[Hashable, Job[StepTime]] = {}
        self._sweep_trials: dict[Hashable, Job[SweepEstimate]] = {}

    def devices(self) -> list[str]:
        """Return the devices that a run can use, best first; empty until torch is loaded."""
        if not self._devices and not self._work.is_busy("devices"):
            self._work.submit("devices", self._find_devices)
        return self._devices

    def estimate_run(self, config: TrainConfig) -> RunEstimate | None:
        """Estimate the duration of a run.

        Returns:
            None while steps are being tried, which waits for a training run to end: ask again.

        Raises:
            UserError: The configuration cannot run.
        """
        device = self._device(config.device)
        if device is None:
            return None
        step_time = step_time_from_runs(config, self._store.runs(archived=True), device)
        if step_time is None:
            key = (
                *config.timing_key(),
                config.batch_size,
                config.device,
                config.continue_from,
            )
            self._start("trial", self._trials, key, lambda: _try_steps(config))
            step_time = _result(self._trials.get(key))
        return estimate_run(config, step_time, device) if step_time else None

    def estimate_sweep(
        self, config: SweepConfig, parts: Sequence[SweepPart], *, try_steps: bool = False
    ) -> SweepEstimate | None:
        """Estimate the duration of parts of a sweep.

        Args:
            try_steps: Try steps in the background if earlier runs are not enough.

        Returns:
            None if it is not known, or not yet: ask again.

        Raises:
            UserError: The sweep cannot run.
        """
        device = self._device(config.base.device)
        if device is None:
            return None
        times = step_times_from_runs(config, self._store.runs(archived=True), device)
        total = estimate_parts(config, parts, times, device)
        if total is not None:
            return SweepEstimate(total, times, "earlier runs", device)
        if try_steps:
            self._start("sweep-trial", self._sweep_trials, config, lambda: self._try_sweep(config))
        trial = _result(self._sweep_trials.get(config))
        if trial is None:
            return None
        times = {**trial.times, **times}
        total = estimate_parts(config, parts, times, device)
        return dataclasses.replace(trial, total_seconds=total, times=times)

    def _device(self, name: str) -> str | None:
        """Return the device that a name stands for; None until torch is loaded."""
        if name == "auto":
            return next(iter(self.devices()), None)
        return "cuda:0" if name == "cuda" else name

    def _find_devices(self) -> None:
        from s2s.training.device import device_names

        self._devices = device_names()

    def _start(
        self,
        name: str,
        trials: dict[Hashable, Job[_T]],
        key: Hashable,
        work: Callable[[], _T],
    ) -> None:
        """Start a trial that was not made or failed a while ago, unless another is running."""
        trial = trials.get(key)
        if trial and not (trial.error and time.monotonic() - trial.ended_at > _ERROR_SECONDS):
            return
        if not self._work.is_busy(name):
            trials[key] = Job(lambda _: work())
            self._work.submit(name, trials[key].run)

    def _try_sweep(self, config: SweepConfig) -> SweepEstimate:
        lost_gpu.check_not_blocked(config.base.device)
        runs = self._store.runs(archived=True)
        return estimate_sweep(config, plan(config), runs, lambda *_: None)


def _try_steps(config: TrainConfig) -> StepTime:
    from s2s.training.device import resolve_device

    lost_gpu.check_not_blocked(config.device)
    device = str(resolve_device(config.device))
    try:
        with lease(device, lambda: False):
            return measure_step_time(config)
    except Exception as error:
        lost_gpu.note_error(error, device)
        raise


def _result(trial: Job[_T] | None) -> _T | None:
    """Return the trial's result, or None if there is none yet; raise its error."""
    if trial and trial.error:
        raise trial.error
    return trial.result if trial else None
