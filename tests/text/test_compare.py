"""Sentences and cells of a comparison."""

import dataclasses
import math

from s2s.analysis.estimate import Estimate
from s2s.analysis.run.anatomy import fit_run_anatomies
from s2s.analysis.run.steps import Axis
from s2s.config import MAX_ITERATIONS, Engine, TrainConfig
from s2s.records import Interference, RunState
from s2s.text.compare import (
    describe_anatomy_fit,
    describe_axis,
    describe_interferences,
    describe_missing_fit,
    format_ratio,
    list_choices,
    list_differences,
)
from tests.charts.examples import step_anatomy
from tests.golden_text import check_golden
from tests.plausible import RUN, summary


def test_sentences() -> None:
    small, large = (
        summary(7, RunState.FINISHED, dataclasses.replace(RUN.config, batch_size=size), 20)
        for size in (2, 32)
    )
    disturbed = dataclasses.replace(
        large, interference=Interference(0.8, 2, (), None), interfered_steps=3
    )
    anatomies = [step_anatomy(2), step_anatomy(32)]
    fit = fit_run_anatomies(anatomies)
    assert fit is not None
    other_kind = dataclasses.replace(anatomies[0], timing_key=("cuda:0",))
    check_golden(
        "compare",
        {
            **{f"two sizes along {axis}": describe_axis([large, small], axis) for axis in Axis},
            **{f"one size along {axis}": describe_axis([small, small], axis) for axis in Axis},
            "interference": describe_interferences([RUN, RUN], [disturbed, small]),
            "no interference": describe_interferences([RUN], [small]),
            "anatomy fit": describe_anatomy_fit(fit),
            "one batch size": describe_missing_fit(anatomies[:1]),
            "two kinds of runs": describe_missing_fit([other_kind, anatomies[1]]),
        },
    )


def test_ratios() -> None:
    assert format_ratio(Estimate(226.95 / 21.27)) == "10.7×"
    assert format_ratio(Estimate(10.0, 5.0, 20.0)) == "10× (5 to 20)"
    assert format_ratio(None) == "–"
    assert format_ratio(Estimate(math.nan)) == "NaN or infinite"


def test_choices() -> None:
    choices = list_choices(TrainConfig(iterations=10_000, sentences=("un", "deux")))
    assert choices["iterations"] == "10,000"
    assert choices["learning rate"] == "0.001"
    assert choices["sentences"] == "un / deux"
    assert (choices["keep optimizer"], choices["keep weights"]) == ("no", "yes")
    assert "max seconds" not in choices
    assert list_choices(TrainConfig())["sentences"] == "–"


def test_only_differing_choices_are_listed() -> None:
    first = TrainConfig(batch_size=2, max_seconds=60.0, iterations=MAX_ITERATIONS)
    second = TrainConfig(batch_size=32, engine=Engine.ARTICLE)
    assert list_differences([first, second]) == {
        "batch size": ["2", "32"],
        "iterations": ["–", "1,000"],
        "max seconds": ["60", "–"],
        "engine": ["fused", "article"],
    }
    assert list_differences([first, first]) == list_differences([first]) == {}
    assert list_differences([]) == {}
