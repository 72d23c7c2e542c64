import dataclasses

import pytest

from s2s.analysis.advice.sweep_advice import confirmation, confirming_run, sweep_advice
from s2s.config import Engine
from s2s.errors import UserError
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
    assert found.notes[0].startswith("fused: at most 2,000 samples/s, 90 % of that at batch 180")
    knee = found.speed.law.knee_work
    assert knee
    assert knee.low
    assert knee.high
    assert knee.low < 180 < knee.high
    assert f"({knee.low:,.0f} to {knee.high:,.0f})." in found.notes[0]
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
    # Twice 200 steps, which the fit to noisy seeds makes 199.9, evaluated forty times.
    assert (config.iterations, config.evaluate_every) == (400, 10)
    assert config.keep_weights
    predicted = found.predicted.seconds.value
    exact = [Evaluation(0, 0.0, 10.0, ()), Evaluation(9, 1.5 * predicted, 3.0, ())]
    assert confirmation(found, exact).endswith("50% more.")
    sooner = [exact[0], Evaluation(9, 0.75 * predicted, 3.0, ())]
    assert confirmation(found, sooner) == (
        "Predicted: 5.2 s (5.1 s to 5.3 s). Actual: 3.9 s, 25% less."
    )
    assert confirmation(found, exact[:1]).endswith("did not reach the target.")


def test_two_sizes_are_a_line_without_draws() -> None:
    study = studies.sweep()
    few = dataclasses.replace(
        study, parts=tuple(part for part in study.parts if part.batch_size in (2, 8))
    )
    found = sweep_advice(few, Engine.FUSED, studies.all_evaluations(study), 3.0)
    assert found.speed.law.draws is None
    # 1700 steps of 11 ms at 2, and 500 of 14 ms at 8.
    seconds = {each.batch_size: each.seconds.value for each in found.advice.times.predictions}
    assert (seconds[2], seconds[8]) == pytest.approx((18.7, 7.0), rel=0.01)
    assert confirming_run(few, found).batch_size == found.predicted.batch_size == 8


def test_a_target_that_is_asked_for_goes_before_the_sweeps_own() -> None:
    study = studies.sweep(budget="target", target_loss=2.0)
    evaluations = studies.all_evaluations(study)
    assert sweep_advice(study, Engine.FUSED, evaluations, 3.0).advice.target_loss == 3.0
    own = sweep_advice(study, Engine.FUSED, evaluations)
    assert own.advice.target_loss == 2.0
    assert not any("The target is" in note for note in own.notes)


@pytest.mark.parametrize(
    ("rule", "words"),
    [("constant", "here all sizes had the same one"), ("sqrt", "here it only followed a rule")],
)
def test_the_rule_of_the_learning_rates_is_told(rule: str, words: str) -> None:
    study = studies.sweep(learning_rate_rule=rule)
    found = sweep_advice(study, Engine.FUSED, studies.all_evaluations(study), 3.0)
    assert words in found.advice.paragraph


def test_a_confirming_run_ends_at_the_target_and_not_with_the_time_of_a_part() -> None:
    study = studies.sweep(budget="seconds", amount=0.5)
    found = sweep_advice(study, Engine.FUSED, studies.all_evaluations(study), 3.0)
    assert confirming_run(study, found).max_seconds == 0.0


def test_only_the_engines_own_runs_are_told_of() -> None:
    study = studies.sweep(
        {(2, 0): RunState.FAILED, (512, 1): RunState.FAILED, (128, 2): RunState.DIVERGED}
    )
    others = tuple(
        dataclasses.replace(part, engine=Engine.ARTICLE)
        for part in study.parts
        if part.batch_size == 128
    )
    both = dataclasses.replace(
        study,
        parts=(*reversed([part for part in study.parts if part.batch_size != 128]), *others),
    )
    found = sweep_advice(both, Engine.FUSED, studies.all_evaluations(study), 3.0)
    assert found.notes[-1] == "Runs at 2, 512 failed."
    assert {point.batch_size for point in found.points} == {2, 8, 32, 512}


def test_one_size_gives_no_line() -> None:
    study = studies.sweep()
    one = dataclasses.replace(
        study, parts=tuple(part for part in study.parts if part.batch_size == 32)
    )
    with pytest.raises(UserError, match="two"):
        sweep_advice(one, Engine.FUSED, studies.all_evaluations(study), 3.0)


def test_speeds_of_one_size_give_no_line() -> None:
    study = studies.sweep()
    parts = []
    for part in study.parts:
        assert part.run
        assert part.run.summary
        if part.batch_size != 32:
            summary = dataclasses.replace(part.run.summary, samples_per_second=None)
            part = dataclasses.replace(part, run=dataclasses.replace(part.run, summary=summary))
        parts.append(part)
    untimed = dataclasses.replace(study, parts=tuple(parts))
    with pytest.raises(UserError, match="sweep at least two"):
        sweep_advice(untimed, Engine.FUSED, studies.all_evaluations(study), 3.0)
