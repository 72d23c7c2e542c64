"""Record a run while it trains: its steps, evaluations and device samples, and its summary."""

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
"""Pause between writes while the store is unavailable. Each attempt can delay training by 1 s."""
_BLOCK_ROWS = 1024


class DivergedError(Exception):
    """The training diverged: a loss or a weight is NaN or infinite."""


class Recorder:
    """Records one run, in the thread that trains it.

    While the store is unavailable, unwritten records accumulate in memory.
    """

    def __init__(self, store: Store, run_id: int, sampler: DeviceSampler) -> None:
        self._store, self._run_id, self._sampler = store, run_id, sampler
        self._last_block = np.empty(0, STEP_DTYPE)
        """The last block of steps. It grows to _BLOCK_ROWS rows; then a new block begins."""
        self._pending_steps: list[StepRecord] = []
        self._flushed_at = self._started_at = time.perf_counter()
        self._times_at_start = os.times()
        self._unwritten: dict[tuple[str, float], Callable[[], None]] = {}
        """Pending writes by kind and iteration or time. A growing block replaces its write."""
        self._unavailable_since: float | None = None
        self._unavailable_seconds = 0.0

    def record_step(self, record: StepRecord) -> bool:
        """Record one step; return whether it is in the store. May raise the errors of `flush`."""
        self._pending_steps.append(record)
        pause = FLUSH_SECONDS if self._unavailable_since is None else _RETRY_SECONDS
        return time.perf_counter() - self._flushed_at >= pause and self.flush()

    def record_evaluation(self, evaluation: Evaluation) -> None:
        """Record an evaluation. May raise the errors of `flush`, even for its own loss."""
        self.flush()
        write = partial(self._store.add_evaluation, self._run_id, evaluation)
        self._unwritten["evaluation", evaluation.iteration] = write
        self._try_to_write()
        loss = evaluation.validation_loss_per_token
        if loss is not None and not math.isfinite(loss):
            raise DivergedError

    def flush(self) -> bool:
        """Write all records to the store; return False if the store is unavailable.

        Raises:
            DivergedError: A loss is NaN or infinite.
            StoreError: The store is damaged, or has been unavailable for RETRY_LIMIT_SECONDS.
        """
        rows = self._queue_writes()
        is_written = self._try_to_write()
        self._flushed_at = time.perf_counter()
        if not np.isfinite(rows["loss_sum"]).all():
            raise DivergedError
        return is_written

    def finish(self) -> None:
        """Write all remaining records to the store. It can be called again after a StoreError."""
        self._queue_writes()
        self._write()

    def list_remarks(self) -> list[Remark]:
        """Return a remark on how long the store was unavailable, or nothing if it never was."""
        seconds = self._unavailable_seconds
        return [Remark(RemarkKind.STORE_UNAVAILABLE, number=seconds)] if seconds else []

    def summarize(self, state: RunState, peak_memory_bytes: int | None) -> Summary:
        """Summarize the ended run. `peak_memory_bytes` is the peak that this process measured."""
        times, ended_at, store = os.times(), time.perf_counter(), self._store
        run = store.run(self._run_id)
        summary = summarize(
            run, store.steps(run.id), store.evaluations(run.id), store.device_samples(run.id)
        )
        peaks = filter(None, [peak_memory_bytes, summary.peak_memory_bytes])
        return dataclasses.replace(
            summary,
            state=state,
            user_seconds=times.user - self._times_at_start.user,
            system_seconds=times.system - self._times_at_start.system,
            wall_seconds=None if run.resumed_at else ended_at - self._started_at,
            peak_memory_bytes=max(peaks, default=None),
            loss_per_sentence=_finite(summary.loss_per_sentence),
            loss_per_token=_finite(summary.loss_per_token),
            validation_loss_per_token=_finite(summary.validation_loss_per_token),
        )

    def _queue_writes(self) -> npt.NDArray[np.void]:
        """Queue writes of new steps and device samples. Return these steps as STEP_DTYPE rows."""
        records, self._pending_steps = self._pending_steps, []
        # Transfer all losses from the device together.
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
            is_full = len(self._last_block) + len(added) > _BLOCK_ROWS
            self._last_block = added if is_full else np.concatenate((self._last_block, added))
            write = partial(self._store.write_steps, self._run_id, self._last_block)
            self._unwritten["steps", int(self._last_block["iteration"][0])] = write
        if samples := self._sampler.drain():
            write = partial(self._store.add_device_samples, self._run_id, samples)
            self._unwritten["samples", samples[0].at] = write
        return rows

    def _try_to_write(self) -> bool:
        try:
            self._write()
        except StoreError as error:
            now = time.monotonic()
            self._unavailable_since = self._unavailable_since or now
            unavailable_seconds = now - self._unavailable_since
            if not error.is_temporary or unavailable_seconds > store_errors.RETRY_LIMIT_SECONDS:
                raise
            self._store.write_error = (
                f"{error} Run {self._run_id} continues. Its records are kept in memory."
            )
            return False
        return True

    def _write(self) -> None:
        while self._unwritten:
            first = next(iter(self._unwritten))
            self._unwritten[first]()
            del self._unwritten[first]
        if self._unavailable_since is not None:
            self._unavailable_seconds += time.monotonic() - self._unavailable_since
            self._unavailable_since, self._store.write_error = None, ""


def _finite(value: float | None) -> float | None:
    """Return the value, or `None` if it is NaN or infinite: JSON has neither."""
    return value if value is not None and math.isfinite(value) else None
