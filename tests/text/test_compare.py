"""Sentences and cells of a comparison."""

import dataclasses
import math

from s2s.analysis.estimate import Estimate
from s2s.analysis.run.anatomy import fit_run_anatomies
from s2s.analysis.run.steps import Axis
from s2s.config import MAX_ITERATIONS, Engine, TrainConfig
from s2s.records import Interference, RunState
from s2s.text import compare as text
from tests.charts.examples import step_anatomy
from tests.golden_text import check_golden, format_row
from tests.plausible import RUN, summary


def test_golden_text() -> None:
    small, large = (
        summary(7, RunState.FINISHED, dataclasses.replace(RUN.config, batch_size=size), 20)
        for size in (2, 32)
    )
    disturbed = dataclasses.replace(
        large, interference=Interference(0.8, 2, (), None), interfered_steps=3
    )
    anatomies = [step_anatomy(2), step_anatomy(32)]
    fit = fit_run_anatomies(anatomies)
    other_kind = dataclasses.replace(anatomies[0], timing_key=("cuda:0",))
    ratios = (Estimate(226.95 / 21.27), Estimate(10.0, 5.0, 20.0), None, Estimate(math.nan))
    timed = TrainConfig(batch_size=2, max_seconds=60.0, iterations=MAX_ITERATIONS)
    article = TrainConfig(batch_size=32, engine=Engine.ARTICLE)
    choices = text.list_choices(TrainConfig(iterations=10_000, sentences=("un", "deux")))
    check_golden(
        "compare",
        {
            **{
                f"two sizes along {axis}": text.describe_axis([large, small], axis) for axis in Axis
            },
            **{f"one size along {axis}": text.describe_axis([small, small], axis) for axis in Axis},
            "interference": text.describe_interferences([RUN, RUN], [disturbed, small]),
            "no interference": text.describe_interferences([RUN], [small]),
            "anatomy fit": text.describe_anatomy_fit(fit),
            "one batch size": text.describe_missing_fit(anatomies[:1]),
            "two kinds of runs": text.describe_missing_fit([other_kind, anatomies[1]]),
            "ratios": "\n".join(map(text.format_ratio, ratios)),
            "choices": format_row(choices),
            "differing choices": format_row(text.list_differences([timed, article])),
            "equal choices": format_row(text.list_differences([timed, timed])),
        },
    )
    assert text.list_differences([timed]) == text.list_differences([]) == {}
