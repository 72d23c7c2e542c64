"""Sentences about a run."""

import dataclasses
from typing import Any

from s2s.analysis.run.progress import Progress
from s2s.records import Interference, Remark, RemarkKind, Run, RunState, Summary
from s2s.text import run as text
from tests.golden_text import check_golden
from tests.plausible import QUIET, RUN, summary

DISTURBED = Interference(0.7, 2, (9, 12), 0.25)


def a_run(state: RunState, iterations: int, **changes: Any) -> Run:
    result = summary(7, state, RUN.config, 940) if state.has_ended() and iterations else None
    return dataclasses.replace(
        RUN, state=state, iterations_done=iterations, summary=result, **changes
    )


def a_summary(**changes: Any) -> Summary:
    return dataclasses.replace(summary(7, RunState.FINISHED, RUN.config, 940), **changes)


def test_golden_text() -> None:
    details = {
        RemarkKind.LOST_GPU: "cuda:0",
        RemarkKind.CANNOT_RESUME: "its checkpoint is missing.",
        RemarkKind.QUALITY_NOT_MEASURED: "the corpus has no test split.",
    }
    remarks = {kind: Remark(kind, details.get(kind, "why"), 12.0) for kind in RemarkKind}
    interrupted = a_run(RunState.INTERRUPTED, 430)
    timed = dataclasses.replace(RUN.config, max_seconds=60.0)
    noisy = a_summary(step_relative_iqr=0.3, interference=DISTURBED)
    excluded = a_summary(warmup_steps=3, warmup_seconds=0.25)
    excluded = dataclasses.replace(excluded, interfered_steps=1, interfered_seconds=0.01)
    check_golden(
        "run",
        {
            **{
                f"{state}, {when}": text.describe_state(a_run(state, done))
                for when, done in (("before its first step", 0), ("after 1,000 steps", 1000))
                for state in RunState
            },
            "resumed": text.describe_state(a_run(RunState.FINISHED, 1000, resumed_at=(300, 600))),
            "failed with an error": text.describe_state(
                a_run(RunState.FAILED, 9, error="Disk full.")
            ),
            **{
                f"remark: {kind}": text.describe_remark(each, RUN.id)
                for kind, each in remarks.items()
            },
            "stopped before its quality was measured": text.describe_remark(
                Remark(RemarkKind.QUALITY_NOT_MEASURED), RUN.id
            ),
            "shut down outside a sweep": text.describe_remark(Remark(RemarkKind.SHUT_DOWN), RUN.id),
            "no lost device": text.describe_lost_device(""),
            "interrupted, resumes from a checkpoint": text.describe_interruption(interrupted, 400),
            "interrupted, resumes where it stopped": text.describe_interruption(interrupted, 430),
            "interrupted, starts over": text.describe_interruption(interrupted, 0),
            "interrupted before its first step": text.describe_interruption(RUN, 0),
            "excluded steps": text.describe_excluded_steps(excluded),
            "no excluded steps": text.describe_excluded_steps(a_summary()),
            "interference": text.describe_interference(DISTURBED),
            "no interference": text.describe_interference(QUIET),
            "timing warnings": text.describe_timing_warnings(noisy),
            "timing warnings in short": text.format_timing_warnings(noisy),
            "no timing warnings": text.format_timing_warnings(a_summary(step_relative_iqr=0.05)),
            "noisy": text.format_variation(0.17),
            "steady": text.format_variation(0.07),
            "unknown variation": text.format_variation(None),
            "progress": text.describe_progress(RUN.config, Progress(430, 0.43, 41.0)),
            "progress by time": text.describe_progress(timed, Progress(430, 0.43, 41.0)),
            "progress before a timed step": text.describe_progress(
                RUN.config, Progress(0, 0.0, None)
            ),
            "tab title": text.format_tab_title(12, Progress(430, 0.43, 41.0)),
            "tab title before a timed step": text.format_tab_title(12, Progress(0, 0.0, None)),
        },
    )
