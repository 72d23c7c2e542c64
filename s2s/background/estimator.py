"""Estimate durations for the dashboard's pages, with trial steps in the background."""

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
"""Time after which a failed trial is repeated, because the user may have repaired its cause."""
_T = TypeVar("_T")


class Estimator:
    """Estimates durations at once from earlier runs, or else from trial steps. Thread-safe."""

    def __init__(self, store: Store, work: BackgroundWork) -> None:
        self._store, self._work = store, work
        self._trials: dict[Hashable, Job[Any]] = {}

    def devices(self) -> list[str]:
        """Return the devices that a run can use, best first; empty until torch is loaded."""

        def find() -> list[str]:
            from s2s.training.device import device_names

            return device_names()

        return self._try("devices", "devices", find) or []

    def estimate_run(self, config: TrainConfig) -> RunEstimate | None:
        """Estimate the duration of a run.

        Returns:
            `None` while trial steps wait for the device or are measured; call again later.

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
            try_steps: Whether to try steps in the background if earlier runs are not enough.

        Returns:
            `None` if the duration is unknown so far.

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
        """Return the device of this name; `None` for "auto" until torch is loaded."""
        if name == "auto":
            return next(iter(self.devices()), None)
        return "cuda:0" if name == "cuda" else name

    def _try(self, thread: str, key: Hashable, work: Callable[[], _T] | None) -> _T | None:
        """Return the result of a trial, `None` until it has ended, or raise its error.

        Args:
            thread: Name of the thread, which runs one trial at a time.
            key: What is tried.
            work: The trial. It starts if there is none of this key, or if that one failed a while
                ago.
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
