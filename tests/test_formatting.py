"""Numbers and run states in words."""

import dataclasses
import math

import pytest

from s2s import formatting as words
from s2s.analysis.run.step_time import StepTime
from s2s.errors import shorten
from s2s.records import RunState
from s2s.text.run import describe_excluded_steps, describe_state
from tests.plausible import RUN, summary

SUMMARY = summary(7, RunState.FINISHED, RUN.config, 940)  # 94 s


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (94, "1 min 34 s"),
        (3599.6, "1 h 00 min"),
        (7500, "2 h 05 min"),
        (86_399, "1 d 0 h"),
        (273_600, "3 d 4 h"),
    ],
)
def test_durations(seconds: float, expected: str) -> None:
    assert words.format_duration(seconds) == expected


def test_shares() -> None:
    assert [words.format_estimate(each) for each in (0.0312, 3.14, 9.96, 312, 12_345)] == [
        "0.031", "3.1", "10", "310", "12,000",
    ]  # fmt: skip
    assert words.format_percent(0.076) == "8 %"
    assert words.format_percent(1.5) == "150 %"


def test_how_much_steps_vary() -> None:
    assert words.format_iqr(0.07, "") == "IQR 7 %"
    assert words.format_iqr(0.17, "noisy") == "IQR 17 %, noisy"
    assert words.format_iqr(None, None) == ""


def test_what_is_left_out_of_the_timing() -> None:
    timing = StepTime(0.1, None, 3, 0.25, 1, 0.0102)
    assert describe_excluded_steps(timing) == (
        "Left out of the timing: 3 steps of warm-up (250 ms) and 1 step beside a translation "
        "(10.2 ms)."
    )
    assert (
        describe_excluded_steps(StepTime(0.1, None, 0, 0.0, 0, 0.0))
        == describe_excluded_steps(SUMMARY)
        == ""
    )


def test_doubts() -> None:
    assert words.format_timing_warnings(None, "") == words.format_timing_warnings("", "") == ""
    assert words.format_timing_warnings("noisy", "Measured on ...") == "noisy, busy machine"
    assert words.format_timing_warnings("", "Measured on ...") == "busy machine"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(None, "–"), (0.00085, "850 µs"), (0.0123, "12.3 ms"), (0.1604, "160 ms"), (1.2, "1.2 s")],
)
def test_step_times(seconds: float | None, expected: str) -> None:
    assert words.format_step_time(seconds) == expected


def test_sizes_rates_and_losses() -> None:
    assert words.format_bytes(None) == words.format_rate(None) == words.format_loss(None) == "–"
    assert words.format_bytes(600 * 2**20) == "600 MiB"
    assert words.format_bytes(3 * 2**29) == "1.50 GiB"
    assert words.format_bytes(252 * 2**30) == "252 GiB"
    assert words.format_rate(21.274) == "21.3"
    assert words.format_rate(226.95) == "227"
    assert words.format_rate(12_437) == "12,400"
    assert words.format_loss(85.04, 1) == "85.0"
    assert words.format_loss(math.nan) == "no number"


def test_a_long_output_is_clipped() -> None:
    assert shorten("short", 5) == "short"
    assert shorten("on and on", 8) == "on and…"


@pytest.mark.parametrize("state", list(RunState))
def test_every_state_has_a_sentence_of_its_own(state: RunState) -> None:
    said = describe_state(dataclasses.replace(RUN, state=state))
    assert said.endswith(".")
    others = {
        describe_state(dataclasses.replace(RUN, state=other))
        for other in RunState
        if other is not state
    }
    assert said not in others


def test_an_ended_run_says_what_it_did_and_why_it_ended() -> None:
    def said(state: RunState, message: str = "") -> str:
        return describe_state(
            dataclasses.replace(
                RUN, state=state, message=message, iterations_done=1000, summary=SUMMARY
            )
        )

    assert said(RunState.FINISHED) == ("Finished at iteration 1,000 after 1 min 34 s of training.")
    assert said(RunState.FINISHED, "By fused.").endswith("of training. By fused.")
    assert said(RunState.STOPPED, "By fused.").endswith("is kept. By fused.")
    assert said(RunState.FAILED, "The disk is full.") == (
        "Failed at iteration 1,000. The disk is full."
    )
    assert "batch size 32. Too little." in said(RunState.OUT_OF_MEMORY, "Too little.")
    assert said(RunState.DIVERGED, "No number.") == "Diverged at iteration 1,000. No number."
    unstarted = dataclasses.replace(RUN, state=RunState.STOPPED)
    assert describe_state(unstarted) == "Stopped on request before its first step."
    assert said(RunState.RUNNING) == "Training: iteration 1,000."


def test_a_device_has_a_name_for_people() -> None:
    assert words.format_device("cpu") == "the processor"
    assert words.format_device("cuda:1") == "GPU 1"
