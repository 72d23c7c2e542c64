import dataclasses

import pytest

from s2s.analysis.sweep_advice import confirmation, confirming_run, sweep_advice
from s2s.config import Engine, UserError
from s2s.records import Evaluation, RunState
from tests import studies


def test_the_law_behind_the_records_is_found() -> None:
    study = studies.sweep()
    found = sweep_advice(study, Engine.FUSED, studies.all_evaluations(study), 3.0)
    law = found.advice.law
    assert law.b_crit.value == pytest.approx(studies.B_CRIT, rel=0.05)
    assert law.s_min.value == pytest.approx(studies.S_MIN, rel=0.05)
    # sqrt(alpha * B_crit / beta) = sqrt(20 * 32) = 25.3
    assert found.advice.recommended in (16, 32)
    assert set(found.advice.good_sizes) >= {16, 32}
    # 100 * (1 + 32 / 32) steps of 26 ms
    at_32 = next(each for each in found.advice.times.predictions if each.batch_size == 32)
    assert at_32.seconds.value == pytest.approx(200 * 0.026, rel=0.05)


def test_without_a_target_the_lowest_that_all_reached() -> None:
    study = studies.sweep()
    found = sweep_advice(study, Engine.FUSED, studies.all_evaluations(study))
    assert found.advice.target_loss == 2.0
    assert found.notes[0].startswith("The target is a validation loss of 2 per token")


def test_runs_without_a_result_are_told() -> None:
    states = {(512, repeat): RunState.OUT_OF_MEMORY for repeat in range(3)}
    study = studies.sweep(states | {(2, repeat): RunState.DIVERGED for repeat in range(3)})
    found = sweep_advice(study, Engine.FUSED, studies.all_evaluations(study), 3.0)
    assert found.notes[-1] == "Runs at 512 found no memory. Runs at 2 diverged."


def test_a_sweep_without_a_finished_run() -> None:
    study = dataclasses.replace(studies.sweep(), parts=())
    with pytest.raises(UserError, match="no finished run yet"):
        sweep_advice(study, Engine.FUSED, {}, 3.0)


def test_the_confirming_run_and_what_it_confirms() -> None:
    study = studies.sweep()
    found = sweep_advice(study, Engine.FUSED, studies.all_evaluations(study), 3.0)
    config = confirming_run(study, found)
    assert config.batch_size == found.advice.recommended
    assert config.seed == 3  # after those of three repeats
    assert config.target_loss == 3.0
    assert config.iterations == pytest.approx(2 * found.predicted.steps, abs=1)
    predicted = found.predicted.seconds.value
    exact = [Evaluation(0, 0.0, 10.0, ()), Evaluation(9, 1.5 * predicted, 3.0, ())]
    assert confirmation(found, exact).endswith("50% more.")
    assert confirmation(found, exact[:1]).endswith("did not reach the target.")


def test_two_sizes_are_a_line_without_draws() -> None:
    study = studies.sweep()
    few = dataclasses.replace(
        study, parts=tuple(part for part in study.parts if part.batch_size in (8, 128))
    )
    found = sweep_advice(few, Engine.FUSED, studies.all_evaluations(study), 3.0)
    assert found.speed.law.draws is None
    assert found.advice.times.predictions
