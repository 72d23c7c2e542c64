"""The estimator of the dashboard: durations of new runs and sweeps, measured in the background."""

import dataclasses
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

from s2s.background import estimates
from s2s.background.estimates import RunEstimate, SweepEstimate
from s2s.background.work import BackgroundWork, Job
from s2s.config import SweepConfig, TrainConfig
from s2s.records import SweepPart
from s2s.store import Store
from s2s.sweeps.plan import plan

_ERROR_SECONDS = 5.0
"""A failed trial is repeated after this time: its cause may have been repaired."""
_T = TypeVar("_T")


class Estimator:
    """Answers at once from earlier runs; else tries a few steps in the background. Thread-safe."""

    def __init__(self, store: Store, work: BackgroundWork) -> None:
        self._store, self._work = store, work
        self._devices: list[str] = []
        self._trials: dict[Hashable, Job[Any]] = {}

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
        runs = self._store.runs(archived=True)
        step_time = estimates.step_time_from_runs(config, runs, device)
        if step_time is None:
            key = (config.timing_key(), config.batch_size, config.device, config.continue_from)
            step_time = self._try("trial", key, lambda: estimates.measure_step_time(config))
        return estimates.estimate_run(config, step_time, device) if step_time else None

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
        runs = self._store.runs(archived=True)
        times = estimates.step_times_from_runs(config, runs, device)
        total = estimates.estimate_parts(config, parts, times, device)
        if total is not None:
            return SweepEstimate(total, times, "earlier runs", device)

        def try_sizes() -> SweepEstimate:
            return estimates.estimate_sweep(config, plan(config), runs, lambda *_: None)

        trial = self._try("sweep-trial", config, try_sizes if try_steps else None)
        if trial is None:
            return None
        times = {**trial.times, **times}
        total = estimates.estimate_parts(config, parts, times, device)
        return dataclasses.replace(trial, total_seconds=total, times=times)

    def _device(self, name: str) -> str | None:
        """Return the device that a name stands for; None until torch is loaded."""
        if name == "auto":
            return next(iter(self.devices()), None)
        return "cuda:0" if name == "cuda" else name

    def _find_devices(self) -> None:
        from s2s.training.device import device_names

        self._devices = device_names()

    def _try(self, thread: str, key: Hashable, work: Callable[[], _T] | None) -> _T | None:
        """Return the result of a trial, or None if there is none yet; raise its error.

        Args:
            work: Started if there is no trial of this key, or it failed a while ago, unless the
                thread runs another.
        """
        trial = self._trials.get(key)
        is_due = trial is None or (
            trial.error and time.monotonic() - trial.ended_at > _ERROR_SECONDS
        )
        if work and is_due and not self._work.is_busy(thread):
            trial = self._trials[key] = Job(lambda _: work())
            self._work.submit(thread, trial.run)
        if trial and trial.error:
            raise trial.error
        return trial.result if trial else None
