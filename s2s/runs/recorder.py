"""The recorder: step records into the store in blocks, and the run's summary at the end."""

import itertools
import math
import os
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import torch

from s2s.analysis.run.anatomy import anatomy
from s2s.analysis.run.step_time import step_time
from s2s.analysis.run.steps import (
    LossScale,
    last_loss,
    padding_ratio,
    samples_per_second,
    target_tokens_per_second,
)
from s2s.config import TrainConfig
from s2s.formatting import format_duration
from s2s.machine.gpus import Sampler
from s2s.records import STEP_DTYPE, Evaluation, RunState, StepRecord, Summary
from s2s.store import Store
from s2s.store import errors as store_error
from s2s.store.errors import StoreError

FLUSH_SECONDS = 0.5
_RETRY_SECONDS = 5.0
"""While the store cannot be written: each try can take a second from the training."""
_BLOCK_ROWS = 1024


class DivergedError(Exception):
    """A step's loss is not a finite number."""


class Recorder:
    """Belongs to the thread that trains. `store_seconds` is what it cost that thread.

    Records that are written are the store's alone: while it trains a long run takes no more memory
    than a short one.
    """

    def __init__(self, store: Store, run_id: int, config: TrainConfig, sampler: Sampler) -> None:
        self._store, self._run_id, self._config = store, run_id, config
        self._sampler = sampler
        self._block = np.empty(_BLOCK_ROWS, STEP_DTYPE)
        self._filled = 0
        self._pending: list[StepRecord] = []
        self._flushed_at = self._began_at = time.perf_counter()
        self._resumed = bool(store.run(run_id).resumed_at)
        evaluations = store.evaluations(run_id)
        self._validation_loss = evaluations[-1].validation_loss_per_token if evaluations else None
        self._times = os.times()
        self.store_seconds = 0.0
        self.unsaved = ""
        """Why the last checkpoint is missing; empty where it is not."""
        self._unwritten: dict[tuple[str, int], Callable[[], None]] = {}
        """What the store does not hold yet, in order; a later write of a block replaces one."""
        self._numbers = itertools.count()
        self._failing_since: float | None = None
        self._failing_seconds = 0.0

    def step(self, record: StepRecord) -> bool:
        """Keeps the record; True where the store was brought up to date with it.

        Raises as `flush` does.
        """
        self._pending.append(record)
        pause = FLUSH_SECONDS if self._failing_since is None else _RETRY_SECONDS
        if time.perf_counter() - self._flushed_at < pause:
            return False
        return self.flush()

    def evaluation(self, evaluation: Evaluation) -> None:
        """Raises as `flush` does, and DivergedError for a validation loss that is not finite."""
        self.flush()
        loss = self._validation_loss = evaluation.validation_loss_per_token
        self._later("evaluation", partial(self._store.add_evaluation, self._run_id, evaluation))
        self._try_to_write()
        if loss is not None and not math.isfinite(loss):
            raise DivergedError

    def flush(self) -> bool:
        """Everything so far into the store; False where that cannot be written just now.

        It is kept then, and written with the next flush. Raises StoreError where that has gone on
        for ten minutes or cannot pass, and DivergedError where a loss is not finite.
        """
        started = time.perf_counter()
        rows = self._collect()
        written = self._try_to_write()
        self._flushed_at = time.perf_counter()
        self.store_seconds += self._flushed_at - started
        if not np.isfinite(rows["loss_sum"]).all():
            raise DivergedError
        return written

    def finish(self) -> None:
        """Everything into the store. Raises StoreError where it cannot be written; try again."""
        self._collect()
        self._write_out()

    def notes(self) -> list[str]:
        """What a user should know of how the run was recorded, a sentence each."""
        notes = [self.unsaved] if self.unsaved else []
        if self._failing_seconds:
            notes.append(
                f"For {format_duration(self._failing_seconds)} the store could not be written; the "
                "records were kept in memory and written afterwards."
            )
        return notes

    def summary(self, state: RunState, peak_memory_bytes: int | None, busy: str = "") -> Summary:
        """`busy`: what else the machine did, in a sentence.

        After `finish`, since the store has all steps then. Raises StoreError where it cannot be
        read.
        """
        times, ended_at = os.times(), time.perf_counter()
        steps = self._store.steps(self._run_id)
        timing = step_time(steps, self._config.teacher_forcing)
        parts = anatomy(steps)
        return Summary(
            run_id=self._run_id,
            state=state,
            engine=self._config.engine,
            batch_size=self._config.batch_size,
            iterations=len(steps),
            seconds=float(steps["seconds"].sum()),
            user_seconds=times.user - self._times.user,
            system_seconds=times.system - self._times.system,
            samples_per_second=samples_per_second(steps),
            target_tokens_per_second=target_tokens_per_second(steps),
            padding_ratio=padding_ratio(steps),
            loss_per_sentence=_finite(last_loss(steps, LossScale.SENTENCE)),
            loss_per_token=_finite(last_loss(steps, LossScale.TOKEN)),
            validation_loss_per_token=_finite(self._validation_loss),
            peak_memory_bytes=peak_memory_bytes,
            step_seconds=timing.seconds,
            step_relative_iqr=timing.relative_iqr,
            timing_variation=timing.noise,
            warmup_steps=timing.warmup_steps,
            warmup_seconds=timing.warmup_seconds,
            interfered_steps=timing.interfered_steps,
            interfered_seconds=timing.interfered_seconds,
            phase_seconds=parts.named() if parts else None,
            interference=busy,
            max_padded_tokens=int(steps["padded_tokens"].max()) if len(steps) else None,
            wall_seconds=None if self._resumed else ended_at - self._began_at,
        )

    def _collect(self) -> npt.NDArray[np.void]:
        """New rows and samples, made ready to be written; returns the rows."""
        rows = self._fetch()
        for start in range(0, len(rows), _BLOCK_ROWS):
            self._keep(rows[start : start + _BLOCK_ROWS])
        if samples := self._sampler.drain():
            self._later("samples", partial(self._store.add_device_samples, self._run_id, samples))
        return rows

    def _later(self, kind: str, write: Callable[[], None], number: int | None = None) -> None:
        self._unwritten[kind, next(self._numbers) if number is None else number] = write

    def _try_to_write(self) -> bool:
        try:
            self._write_out()
        except StoreError as error:
            now = time.monotonic()
            self._failing_since = self._failing_since or now
            if (
                not error.is_temporary
                or now - self._failing_since > store_error.RETRY_LIMIT_SECONDS
            ):
                raise
            self._store.write_error = (
                f"{error} Run {self._run_id} goes on meanwhile: its records are kept in memory."
            )
            return False
        return True

    def _write_out(self) -> None:
        while self._unwritten:
            first = next(iter(self._unwritten))
            self._unwritten[first]()
            del self._unwritten[first]
        if self._failing_since is not None:
            self._failing_seconds += time.monotonic() - self._failing_since
            self._failing_since, self._store.write_error = None, ""

    def _fetch(self) -> npt.NDArray[np.void]:
        """The pending records as rows; all losses come from the device in one transfer."""
        records, self._pending = self._pending, []
        losses = torch.stack([record.loss_sum for record in records]).tolist() if records else []
        return np.array(
            [
                (
                    record.iteration,
                    loss,
                    record.samples,
                    record.source_tokens,
                    record.target_tokens,
                    record.padded_tokens,
                    record.seconds,
                    record.timed,
                    *record.phase_seconds,
                    record.interfered,
                )
                for record, loss in zip(records, losses, strict=True)
            ],
            STEP_DTYPE,
        )

    def _keep(self, rows: npt.NDArray[np.void]) -> None:
        """Grows the last block, so that a long run ends as few large blocks."""
        if self._filled + len(rows) > _BLOCK_ROWS:
            self._filled = 0
        self._block[self._filled : self._filled + len(rows)] = rows
        self._filled += len(rows)
        block = self._block[: self._filled].copy()
        write = partial(self._store.write_steps, self._run_id, block)
        self._later("steps", write, int(block["iteration"][0]))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
