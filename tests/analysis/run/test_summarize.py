"""The figures of a run, worked out by hand."""

import dataclasses

import pytest

from s2s.analysis.run.summarize import summarize
from s2s.records import DeviceSample, Interference, RunState, Summary
from tests.analysis.run.test_steps import THREE
from tests.plausible import MIB, RUN, evaluation, some_steps, steps, summary

READINGS = [DeviceSample(0.0, "cpu", None, 80 * MIB, None, None)]


def test_a_run_in_progress() -> None:
    evaluations = [evaluation(1, 5.0), evaluation(3, 4.0), evaluation(4, None)]
    assert summarize(RUN, THREE, evaluations, READINGS) == Summary(
        run_id=7,
        state=RunState.QUEUED,
        engine="fused",
        batch_size=32,
        iterations=3,
        samples=6,
        seconds=5.0,
        user_seconds=None,
        system_seconds=None,
        samples_per_second=2.0,
        target_tokens_per_second=7.0,
        padding_ratio=pytest.approx(0.3),
        loss_per_token=76 / 24,
        loss_per_sentence=pytest.approx(38 / 3),
        validation_loss_per_token=4.0,
        peak_memory_bytes=80 * MIB,
        interference=Interference(None, 1, (), None),
        step_seconds=1.0,
        warmup_steps=1,
        warmup_seconds=3.0,
        interfered_steps=0,
        interfered_seconds=0.0,
        max_padded_tokens=24,
    )
    interfered = steps((1, 40.0, 2, 6, 10, 24, 3.0, False, *[0.1] * 4, True))
    found = summarize(RUN, interfered, [], [])
    assert (found.warmup_steps, found.interfered_steps, found.interfered_seconds) == (0, 1, 3.0)
    assert summarize(RUN, some_steps(9, 2), [], []).phase_seconds == pytest.approx(
        {"data": 0.01, "forward": 0.05, "backward": 0.03, "optimizer": 0.008, "between": 0.002}
    )


def test_only_the_stored_summary_knows_processor_time_quality_and_torchs_peak() -> None:
    stored = summary(7, RunState.FINISHED, RUN.config, 3, peak=90 * MIB)
    stored = dataclasses.replace(stored, bleu=20.0, chrf=40.0)
    found = summarize(dataclasses.replace(RUN, summary=stored), THREE, [], READINGS)
    for name in ("peak_memory_bytes", "user_seconds", "wall_seconds", "bleu", "chrf"):
        assert getattr(found, name) == getattr(stored, name)
    assert found.loss_per_token == 76 / 24
    unmeasured = dataclasses.replace(stored, peak_memory_bytes=None)
    run = dataclasses.replace(RUN, summary=unmeasured)
    assert summarize(run, THREE, [], READINGS).peak_memory_bytes == 80 * MIB


def test_a_run_without_steps() -> None:
    empty = summarize(RUN, steps(), [], [])
    assert (empty.iterations, empty.samples, empty.seconds) == (0, 0, 0.0)
    assert empty.step_seconds is empty.samples_per_second is empty.loss_per_token is None
    assert empty.peak_memory_bytes is empty.validation_loss_per_token is None
    assert empty.phase_seconds is None
