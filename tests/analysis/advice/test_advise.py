"""The recommendation: from fits, and from the records of a sweep."""

import dataclasses
import math

import numpy as np
import pytest

from s2s.analysis.advice.advise import advise, plan_confirming_run, select_noise_run
from s2s.analysis.advice.steps_fit import fit_steps
from s2s.analysis.advice.time_to_target import recommend
from s2s.config import Engine
from s2s.errors import UserError
from s2s.records import RunState, Sweep
from tests import studies
from tests.analysis.advice.test_steps_fit import study


def test_a_sound_study_and_one_that_says_nothing() -> None:
    # 1000*(1 + 32/B) steps of 64 + B ms: least 186.5 s, at B = 45; 192 s at 32 and at 64.
    line = np.array([[0.064, 0.001]])
    sound = recommend(fit_steps(study((8, 16, 32, 64, 128, 256), 1000.0, spread=0.01)), line)
    assert sound.range == (32, 64)
    assert sound.best.batch_size in (32, 64)
    assert sound.best.seconds.value == pytest.approx(192, rel=0.01)
    unknown = recommend(fit_steps(study((16, 32, 64), spread=2.0)), line)
    assert unknown.range == ()
    assert unknown.best in unknown.predictions


def test_a_sweep_with_known_steps_and_step_times() -> None:
    sweep = studies.sweep({(512, repeat): RunState.OUT_OF_MEMORY for repeat in range(3)})
    advice = advise(sweep, Engine.FUSED, studies.all_evaluations(sweep), 3.0)
    assert advice.sizes_without_result == {RunState.OUT_OF_MEMORY: [512]}
    recommendation, fit = advice.recommendation, advice.recommendation.fit
    assert fit.sizes == [2, 8, 32, 128]
    assert fit.b_crit.value == pytest.approx(studies.B_CRIT, rel=0.05)
    assert fit.curve.log_parameters[0] == pytest.approx(math.log(studies.S_MIN), abs=0.05)
    # sqrt(alpha * B_crit / beta) = sqrt(20 * 32) = 25.3
    assert recommendation.best.batch_size in (16, 32)
    assert set(recommendation.range) >= {16, 32}
    assert advice.speed.fit.knee.ends[0] < 180 < advice.speed.fit.knee.ends[1]
    # 100 * (1 + 32 / 32) steps of 26 ms
    at_32 = next(each for each in recommendation.predictions if each.batch_size == 32)
    assert at_32.seconds.value == pytest.approx(200 * 0.026, rel=0.05)


def test_the_target_is_the_given_one_then_the_sweeps_then_the_lowest_all_reached() -> None:
    sweep = studies.sweep(budget="target", target_loss=2.5)
    evaluations = studies.all_evaluations(sweep)
    for asked, given, target in ((sweep, 3.0, 3.0), (sweep, 0.0, 2.5), (studies.sweep(), 0.0, 2.0)):
        advice = advise(asked, Engine.FUSED, evaluations, given)
        assert (advice.target_loss, advice.target_is_suggested) == (target, target == 2.0)


def test_the_confirming_run_and_the_run_for_gradient_noise() -> None:
    sweep = studies.sweep(budget="seconds", amount=0.5)
    advice = advise(sweep, Engine.FUSED, studies.all_evaluations(sweep), 3.0)
    config = plan_confirming_run(sweep, advice)
    assert config.batch_size == advice.recommendation.best.batch_size
    assert config.seed == 3  # after those of three repeats
    assert (config.target_loss, config.max_seconds, config.keep_weights) == (3.0, 0.0, True)
    # Twice 200 steps, which the fit to noisy seeds makes 199.9, evaluated forty times.
    assert (config.iterations, config.evaluate_every) == (400, 10)
    assert select_noise_run(sweep, advice).config.batch_size == 32
    assert select_noise_run(only(sweep), advice) is None


def only(sweep: Sweep, *sizes: int) -> Sweep:
    parts = tuple(part for part in sweep.parts if part.batch_size in sizes)
    return dataclasses.replace(sweep, parts=parts)


def test_two_sizes_are_a_fit_without_draws() -> None:
    sweep = only(studies.sweep(), 2, 8)
    advice = advise(sweep, Engine.FUSED, studies.all_evaluations(sweep), 3.0)
    assert advice.speed.fit.draws is None
    # 1700 steps of 11 ms at 2, and 500 of 14 ms at 8.
    predictions = advice.recommendation.predictions
    seconds = {each.batch_size: each.seconds.value for each in predictions}
    assert (seconds[2], seconds[8]) == pytest.approx((18.7, 7.0), rel=0.01)
    assert plan_confirming_run(sweep, advice).batch_size == 8


def test_sweeps_that_allow_no_recommendation() -> None:
    sweep = studies.sweep()
    evaluations = studies.all_evaluations(sweep)
    untimed = studies.without_speeds(sweep, 2, 8, 128, 512)
    for refused in (only(sweep), only(sweep, 32), untimed):
        with pytest.raises(UserError):
            advise(refused, Engine.FUSED, evaluations, 3.0)
