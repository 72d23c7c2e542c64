"""Runs with plausible records that were not trained, for the tests of charts and pages."""

import dataclasses
import math
from typing import Any

import numpy as np

from s2s.analysis.run.steps import Steps
from s2s.bench_report import BenchReport, BenchRow
from s2s.config import TrainConfig
from s2s.records import (
    PHASES,
    STEP_DTYPE,
    DeviceSample,
    Evaluation,
    Interference,
    Run,
    RunState,
    SampleTranslation,
    Summary,
)
from s2s.store import Store

MIB = 2**20
QUIET = Interference(0.0, 8, (), None)
RUN = Run(
    id=7,
    name="starter · batch 32",
    state=RunState.QUEUED,
    config=TrainConfig(batch_size=32),
    environment={},
    created_at=0.0,
    started_at=None,
    finished_at=None,
    device="cpu",
    iterations_done=0,
    summary=None,
)


def steps(*rows: tuple[Any, ...]) -> Steps:
    """Return step records with the first columns of STEP_DTYPE given; phases are unknown."""
    defaults = (*[0] * 8, *[math.nan] * len(PHASES), False)
    return np.array([(*row, *defaults[len(row) :]) for row in rows], dtype=STEP_DTYPE)


def some_steps(count: int, batch_size: int) -> Steps:
    """Return steps of 0.1 s with 5 target tokens per sentence and a falling loss.

    The loss starts at 8 nats per token and falls by 1% per step. A step takes 10 ms for data, 50
    for the forward pass, 30 for the backward pass and 8 for the optimizer.
    """
    return steps(
        *(
            (
                i, 8 * 0.99**i * 5 * batch_size, batch_size, 4 * batch_size, 5 * batch_size,
                12 * batch_size, 0.1, i > 2, 0.01, 0.05, 0.03, 0.008,
            )
            for i in range(1, count + 1)
        )
    )  # fmt: skip


def summary(
    run_id: int, state: RunState, config: TrainConfig, done: int, peak: int | None = 600 * MIB
) -> Summary:
    return Summary(
        run_id=run_id,
        state=state,
        engine=config.engine.value,
        batch_size=config.batch_size,
        iterations=done,
        samples=done * config.batch_size,
        seconds=done * 0.1,
        user_seconds=1.0,
        system_seconds=0.1,
        samples_per_second=config.batch_size / 0.1,
        target_tokens_per_second=config.batch_size / 0.02,
        padding_ratio=0.25,
        loss_per_sentence=20.0,
        loss_per_token=4.0,
        validation_loss_per_token=4.5,
        peak_memory_bytes=peak,
        interference=QUIET,
        wall_seconds=done * 0.1,
    )


def evaluation(iteration: int, validation: float | None, output: str = "i see .") -> Evaluation:
    translations = (SampleTranslation("je vois *tout* .", "i see everything .", output),)
    return Evaluation(iteration, iteration * 0.1, validation, translations)


def add_started_run(store: Store, config: TrainConfig, count: int = 20) -> int:
    """Add a running run of `count` steps; return its id."""
    run_id = store.create_run(config)
    assert store.start_run(run_id, "cpu", {})
    if count:
        store.write_steps(run_id, some_steps(count, config.batch_size))
        store.add_evaluation(run_id, evaluation(0, 8.0, "the the the"))
        store.add_evaluation(run_id, evaluation(count, 7.0))
        store.add_device_samples(
            run_id,
            [
                DeviceSample(1000.0, "cpu", 0.5, 500 * MIB, None, None),
                DeviceSample(1001.0, "cpu", None, None, None, None),
            ],
        )
    return run_id


def add_ended_run(
    store: Store,
    config: TrainConfig,
    state: RunState = RunState.FINISHED,
    count: int = 20,
    error: str = "",
    traceback: str = "",
) -> int:
    """Add a run that ended in `state` after `count` steps; return its id."""
    run_id = add_started_run(store, config, count)
    figures = summary(run_id, state, config, count)
    store.finish_run(run_id, figures, error=error, traceback=traceback)
    return run_id


MACHINE = {
    "device": "cpu", "device_name": "A processor", "processor": "A processor", "cores": 2,
    "threads": 2, "thread_variables": {}, "torch": "2.13.0", "load_before": 0.25,
    "load_after": 1.5, "other_load_cores": 0.1, "gpus_before": [], "gpus_after": [],
}  # fmt: skip


def bench_report() -> BenchReport:
    """Return a report of two rows: one with all figures, one with few."""
    full = BenchRow(
        engine="fused", precision="fp32", batch_size=512, rounds=5, steps=100,
        samples_per_second=2000.0, samples_per_second_iqr=300.0, timing_variation="noisy",
        tokens_per_second=30_000.0, target_tokens_per_second=14_000.0, step_seconds=0.25,
        padding_ratio=0.5, peak_memory_bytes=64 * MIB, roofline_seconds=0.2, roofline_share=0.75,
    )  # fmt: skip
    unknown = dict.fromkeys(
        ("samples_per_second_iqr", "timing_variation", "peak_memory_bytes", "roofline_seconds",
         "roofline_share")
    )  # fmt: skip
    bare = dataclasses.replace(
        full, engine="article", batch_size=2, rounds=1, steps=5, samples_per_second=20.0,
        tokens_per_second=300.0, target_tokens_per_second=140.0, step_seconds=0.1,
        padding_ratio=0.0, **unknown,
    )  # fmt: skip
    return BenchReport(
        at=1_700_000_000.0,
        command="python -m s2s bench --rounds 5",
        corpus="starter",
        machine=MACHINE,
        rows=(full, bare),
        copy_rate_bytes=20e9,
        notes=("Skipped a thing: a reason.",),
        complete=True,
    )
