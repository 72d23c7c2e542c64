"""The recorder: step records into the store in blocks, and the run's summary at the end."""

import math
import os
import time

import numpy as np
import numpy.typing as npt
import torch

from s2s.analysis.anatomy import anatomy
from s2s.analysis.step_time import step_time
from s2s.analysis.steps import (
    LossScale,
    last_loss,
    padded_share,
    samples_per_second,
    target_tokens_per_second,
)
from s2s.config import TrainConfig
from s2s.metrics.devices import Sampler
from s2s.records import STEP_DTYPE, Evaluation, RunState, StepRecord, Summary
from s2s.runs.store import Store

FLUSH_SECONDS = 0.5
_BLOCK_ROWS = 1024


class DivergedError(Exception):
    """A step's loss is not a finite number."""


class Recorder:
    """Belongs to the thread that trains. `store_seconds` is what it cost that thread.

    Of a run that is resumed the store holds the beginning, which belongs to the summary too.
    """

    def __init__(self, store: Store, run_id: int, config: TrainConfig, sampler: Sampler) -> None:
        self._store, self._run_id, self._config = store, run_id, config
        self._sampler = sampler
        self._block = np.empty(_BLOCK_ROWS, STEP_DTYPE)
        self._filled = 0
        self._pending: list[StepRecord] = []
        self._flushed_at = self._began_at = time.perf_counter()
        self._steps: list[npt.NDArray[np.void]] = [store.steps(run_id)]
        evaluations = store.evaluations(run_id)
        self._validation_loss = evaluations[-1].validation_loss_per_token if evaluations else None
        self._times = os.times()
        self.store_seconds = 0.0

    def step(self, record: StepRecord) -> bool:
        """Keeps the record; True where the store was brought up to date with it.

        Raises DivergedError where a loss among those brought up to date is not finite.
        """
        self._pending.append(record)
        if time.perf_counter() - self._flushed_at < FLUSH_SECONDS:
            return False
        self.flush()
        return True

    def evaluation(self, evaluation: Evaluation) -> None:
        self.flush()
        self._validation_loss = evaluation.validation_loss_per_token
        self._store.add_evaluation(self._run_id, evaluation)

    def flush(self) -> None:
        """Everything so far into the store."""
        started = time.perf_counter()
        rows = self._fetch()
        for start in range(0, len(rows), _BLOCK_ROWS):
            self._write(rows[start : start + _BLOCK_ROWS])
        if samples := self._sampler.drain():
            self._store.add_device_samples(self._run_id, samples)
        self._flushed_at = time.perf_counter()
        self.store_seconds += self._flushed_at - started
        if not np.isfinite(rows["loss_sum"]).all():
            raise DivergedError

    def summary(self, state: RunState, peak_memory_bytes: int | None, busy: str = "") -> Summary:
        """`busy`: what else the machine did, in a sentence."""
        steps = np.concatenate([*self._steps, self._block[: self._filled]])
        times = os.times()
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
            padded_share=padded_share(steps),
            loss_per_sentence=_finite(last_loss(steps, LossScale.SENTENCE)),
            loss_per_token=_finite(last_loss(steps, LossScale.TOKEN)),
            validation_loss_per_token=_finite(self._validation_loss),
            peak_memory_bytes=peak_memory_bytes,
            step_seconds=timing.seconds,
            step_relative_iqr=timing.relative_iqr,
            noise=timing.noise,
            warmup_steps=timing.warmup_steps,
            warmup_seconds=timing.warmup_seconds,
            disturbed_steps=timing.disturbed_steps,
            disturbed_seconds=timing.disturbed_seconds,
            phase_seconds=parts.named() if parts else None,
            busy=busy,
            most_cells=int(steps["cells"].max()) if len(steps) else None,
            wall_seconds=None if len(self._steps[0]) else time.perf_counter() - self._began_at,
        )

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
                    record.cells,
                    record.seconds,
                    record.timed,
                    *record.phase_seconds,
                    record.disturbed,
                )
                for record, loss in zip(records, losses, strict=True)
            ],
            STEP_DTYPE,
        )

    def _write(self, rows: npt.NDArray[np.void]) -> None:
        """Grows the last block, so that a long run ends as few large blocks."""
        if self._filled + len(rows) > _BLOCK_ROWS:
            self._steps.append(self._block[: self._filled].copy())
            self._filled = 0
        self._block[self._filled : self._filled + len(rows)] = rows
        self._filled += len(rows)
        self._store.write_steps(self._run_id, self._block[: self._filled])


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
