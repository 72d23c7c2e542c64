"""Runs side by side in figures."""

import dataclasses

import pytest

from s2s.analysis.comparison import (
    Row,
    bars_text,
    choices,
    differences,
    doubts_text,
    fairness,
    marks,
    ratio,
    ratio_text,
    row,
)
from s2s.analysis.steps import Axis
from s2s.config import UNLIMITED, Engine, TrainConfig
from s2s.records import DeviceSample, RunState
from tests.plausible import MIB, RUN, evaluation, steps, summary

STEPS = steps(
    (1, 40.0, 2, 6, 10, 24, 3.0, False),
    (2, 24.0, 2, 8, 8, 20, 0.5, True),
    (3, 12.0, 2, 4, 6, 16, 1.5, True),
)
READINGS = [DeviceSample(0.0, "cpu", None, 80 * MIB, None, None)]


def a_row(batch_size: int) -> Row:
    config = dataclasses.replace(RUN.config, batch_size=batch_size)
    return row(dataclasses.replace(RUN, config=config), STEPS, [], [])


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
        disturbed_steps=0,
        busy="",
        samples_per_second=2.0,
        target_tokens_per_second=7.0,
        padded_share=pytest.approx(0.3),
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


def test_the_articles_ratio() -> None:
    assert ratio_text(ratio(226.95, 21.27)) == "10.7x"
    assert ratio_text(ratio(None, 21.27)) == ratio_text(ratio(226.95, None)) == "–"
    assert ratio(5.0, 0.0) is None


def test_a_comparison_says_what_is_equal_and_what_is_not() -> None:
    pair = [a_row(32), a_row(2)]
    assert "batch 32 has seen 16 times the sentences of batch 2" in fairness(pair, Axis.ITERATIONS)
    assert "batch 2 has made 16 times the updates of batch 32" in fairness(pair, Axis.SAMPLES)
    assert len({fairness(pair, axis) for axis in Axis}) == len(Axis)
    alike = [a_row(32), a_row(32)]
    assert "times" not in " ".join(fairness(alike, axis) for axis in Axis)


def test_bars_in_words() -> None:
    assert bars_text([a_row(2)], ["21.3"], "Throughput in samples/s") == (
        "Throughput in samples/s. run 7 · starter · batch 32: 21.3."
    )
    assert bars_text([], [], "Throughput").endswith("No runs.")


def test_doubts_in_words() -> None:
    busy = [DeviceSample(0.0, "cpu", None, None, None, None, others_cores=0.8)]
    disturbed = steps(*([*each] for each in STEPS.tolist()))
    disturbed["disturbed"][2] = True
    doubtful = row(RUN, disturbed, [], busy)
    assert marks(doubtful) == "busy machine"
    assert marks(dataclasses.replace(doubtful, noise="very noisy")) == "very noisy, busy machine"
    assert doubts_text([doubtful, a_row(2)]) == (
        "Run 7 · starter · batch 32: Measured on a busy machine: other programs took 0.8 of the "
        "processor's one core. Steps left out because of translations: 1 of run 7."
    )
    assert marks(a_row(2)) == doubts_text([a_row(2)]) == ""
    assert bars_text([doubtful], ["9"], "Throughput", ["noisy"]).endswith("batch 32: 9 (noisy).")


def test_choices_in_words() -> None:
    said = choices(TrainConfig(iterations=10_000, sentences=("un", "deux"), continues=None))
    assert said["iterations"] == "10,000"
    assert said["learning rate"] == "0.001"
    assert said["sentences"] == "un / deux"
    assert said["keep optimizer"] == "no"
    assert said["continues"] == "–"
    assert "max seconds" not in said


def test_only_differences_are_told() -> None:
    first = TrainConfig(batch_size=2, max_seconds=60.0)
    second = TrainConfig(batch_size=32, engine=Engine.ARTICLE)
    assert differences([first, second]) == {
        "batch size": ["2", "32"],
        "max seconds": ["60", "–"],
        "engine": ["fused", "article"],
    }
    assert differences([first, first]) == differences([first]) == differences([]) == {}


def test_a_run_by_time_shows_no_number_of_iterations() -> None:
    by_time = TrainConfig(max_seconds=60.0, iterations=UNLIMITED)
    assert differences([by_time, TrainConfig()]) == {
        "iterations": ["–", "1,000"],
        "max seconds": ["60", "–"],
    }
