"""Record a run while it trains: its steps in blocks, and its summary at the end."""

import dataclasses
import math
import os
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import torch

from s2s.analysis.run.summarize import summarize
from s2s.machine.sampler import DeviceSampler
from s2s.records import STEP_DTYPE, Evaluation, Remark, RemarkKind, RunState, StepRecord, Summary
from s2s.store import Store
from s2s.store import errors as store_errors
from s2s.store.errors import StoreError

FLUSH_SECONDS = 0.5
_RETRY_SECONDS = 5.0
"""Pause between writes while the store is unavailable; each attempt can delay training by 1 s."""
_BLOCK_ROWS = 1024


class DivergedError(Exception):
    """The training diverged: a loss or a weight is NaN or infinite."""


class Recorder:
    """The recorder of one run, in the thread that trains it.

    Only unwritten records are in memory; they accumulate while the store is unavailable.
    """

    def __init__(self, store: Store, run_id: int, sampler: DeviceSampler) -> None:
        self._store, self._run_id, self._sampler = store, run_id, sampler
        self._block = np.empty(0, STEP_DTYPE)
        """The last block of steps; rows are added until it is full."""
        self._pending: list[StepRecord] = []
        self._flushed_at = self._began_at = time.perf_counter()
        self._times = os.times()
        self._unwritten: dict[tuple[str, float], Callable[[], None]] = {}
        """Pending writes by kind and first iteration or time. A grown block replaces its write."""
        self._failing_since: float | None = None
        self._failing_seconds = 0.0

    def record_step(self, record: StepRecord) -> bool:
        """Record one step; return whether it is in the store. Errors are those of `flush`."""
        self._pending.append(record)
        pause = FLUSH_SECONDS if self._failing_since is None else _RETRY_SECONDS
        return time.perf_counter() - self._flushed_at >= pause and self.flush()

    def record_evaluation(self, evaluation: Evaluation) -> None:
        """Record an evaluation. Errors are those of `flush`, also for the validation loss."""
        self.flush()
        write = partial(self._store.add_evaluation, self._run_id, evaluation)
        self._unwritten["evaluation", evaluation.iteration] = write
        self._try_to_write()
        loss = evaluation.validation_loss_per_token
        if loss is not None and not math.isfinite(loss):
            raise DivergedError

    def flush(self) -> bool:
        """Write everything to the store; return whether the store is available.

        Raises:
            DivergedError: A loss is NaN or infinite.
            StoreError: The store has been unavailable for ten minutes, or is damaged.
        """
        rows = self._collect()
        is_written = self._try_to_write()
        self._flushed_at = time.perf_counter()
        if not np.isfinite(rows["loss_sum"]).all():
            raise DivergedError
        return is_written

    def finish(self) -> None:
        """Write everything to the store; after a StoreError it can be called again."""
        self._collect()
        self._write()

    def list_remarks(self) -> list[Remark]:
        """Return a remark on how long the store was unavailable, if it was."""
        seconds = self._failing_seconds
        return [Remark(RemarkKind.STORE_UNAVAILABLE, number=seconds)] if seconds else []

    def summarize(self, state: RunState, peak_memory_bytes: int | None) -> Summary:
        """Summarize the ended run from the store, with the peak that this process measured."""
        times, ended_at, store = os.times(), time.perf_counter(), self._store
        run = store.run(self._run_id)
        summary = summarize(
            run, store.steps(run.id), store.evaluations(run.id), store.device_samples(run.id)
        )
        peaks = filter(None, [peak_memory_bytes, summary.peak_memory_bytes])
        return dataclasses.replace(
            summary,
            state=state,
            user_seconds=times.user - self._times.user,
            system_seconds=times.system - self._times.system,
            wall_seconds=None if run.resumed_at else ended_at - self._began_at,
            peak_memory_bytes=max(peaks, default=None),
            loss_per_sentence=_finite(summary.loss_per_sentence),
            loss_per_token=_finite(summary.loss_per_token),
            validation_loss_per_token=_finite(summary.validation_loss_per_token),
        )

    def _collect(self) -> npt.NDArray[np.void]:
        """Queue writes of new steps and device samples; return the steps as STEP_DTYPE rows."""
        records, self._pending = self._pending, []
        # All losses are transferred from the device at once.
        losses = torch.stack([record.loss_sum for record in records]).tolist() if records else []
        values = [
            (
                each.iteration, loss, each.samples, each.source_tokens, each.target_tokens,
                each.padded_tokens, each.seconds, each.timed, *each.phase_seconds, each.interfered,
            )
            for each, loss in zip(records, losses, strict=True)
        ]  # fmt: skip
        rows = np.array(values, STEP_DTYPE)
        for start in range(0, len(rows), _BLOCK_ROWS):
            added = rows[start : start + _BLOCK_ROWS]
            is_full = len(self._block) + len(added) > _BLOCK_ROWS
            self._block = added if is_full else np.concatenate((self._block, added))
            write = partial(self._store.write_steps, self._run_id, self._block)
            self._unwritten["steps", int(self._block["iteration"][0])] = write
        if samples := self._sampler.drain():
            write = partial(self._store.add_device_samples, self._run_id, samples)
            self._unwritten["samples", samples[0].at] = write
        return rows

    def _try_to_write(self) -> bool:
        try:
            self._write()
        except StoreError as error:
            now = time.monotonic()
            self._failing_since = self._failing_since or now
            failing_seconds = now - self._failing_since
            if not error.is_temporary or failing_seconds > store_errors.RETRY_LIMIT_SECONDS:
                raise
            self._store.write_error = (
                f"{error} Run {self._run_id} continues; its records are kept in memory."
            )
            return False
        return True

    def _write(self) -> None:
        while self._unwritten:
            first = next(iter(self._unwritten))
            self._unwritten[first]()
            del self._unwritten[first]
        if self._failing_since is not None:
            self._failing_seconds += time.monotonic() - self._failing_since
            self._failing_since, self._store.write_error = None, ""


def _finite(value: float | None) -> float | None:
    """Return the value, or `None` for NaN and infinity, which JSON does not have."""
    return value if value is not None and math.isfinite(value) else None
