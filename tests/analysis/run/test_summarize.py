"""A run in figures."""

import dataclasses

import pytest

from s2s.analysis.run.summarize import Row, row
from s2s.records import DeviceSample, RunState
from tests.plausible import MIB, RUN, evaluation, steps, summary

STEPS = steps(
    (1, 40.0, 2, 6, 10, 24, 3.0, False),
    (2, 24.0, 2, 8, 8, 20, 0.5, True),
    (3, 12.0, 2, 4, 6, 16, 1.5, True),
)
READINGS = [DeviceSample(0.0, "cpu", None, 80 * MIB, None, None)]


def test_a_row_by_hand() -> None:
    evaluations = [evaluation(1, 5.0), evaluation(3, 4.0), evaluation(4, None)]
    assert row(RUN, STEPS, evaluations, READINGS) == Row(
        run_id=7,
        label="7 · starter · batch 32",
        batch_size=32,
        state="queued",
        device="cpu",
        iterations=3,
        samples=6,
        wall_seconds=5.0,
        step_seconds=1.0,
        step_relative_iqr=None,
        noise=None,
        warmup_steps=1,
        warmup_seconds=3.0,
        interfered_steps=0,
        busy="",
        samples_per_second=2.0,
        target_tokens_per_second=7.0,
        padding_ratio=pytest.approx(0.3),
        loss_per_token=76 / 24,
        loss_per_sentence=pytest.approx(38 / 3),
        validation_loss_per_token=4.0,
        peak_memory_bytes=80 * MIB,
    )


def test_a_finished_runs_memory_is_its_summarys() -> None:
    finished = summary(7, RunState.FINISHED, RUN.config, 3, peak=90 * MIB)
    run = dataclasses.replace(RUN, summary=finished)
    assert row(run, STEPS, [], READINGS).peak_memory_bytes == 90 * MIB
    unknown = dataclasses.replace(
        run, summary=dataclasses.replace(finished, peak_memory_bytes=None)
    )
    assert row(unknown, STEPS, [], READINGS).peak_memory_bytes == 80 * MIB


def test_a_run_without_steps_knows_little() -> None:
    empty = row(RUN, steps(), [], [])
    assert (empty.iterations, empty.samples, empty.wall_seconds) == (0, 0, 0.0)
    assert empty.step_seconds is empty.samples_per_second is empty.loss_per_token is None
    assert empty.peak_memory_bytes is empty.validation_loss_per_token is None
