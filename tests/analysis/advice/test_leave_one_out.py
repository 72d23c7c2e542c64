"""Leave-one-out error of times whose steps and step times are known."""

import dataclasses

import pytest

from s2s.analysis.advice.leave_one_out import cross_validate_sweep
from s2s.analysis.estimate import LeaveOneOutCheck
from s2s.config import Engine
from s2s.records import Evaluation, Sweep
from tests import studies

SECONDS_AT_8 = 100 * (1 + 32 / 8) * (0.01 + 0.0005 * 8)


def check_8(study: Sweep, evaluations: dict[int, list[Evaluation]]) -> LeaveOneOutCheck:
    checks = cross_validate_sweep(study, Engine.FUSED, evaluations, 3.0)
    assert [each.batch_size for each in checks] == [8, 32, 128]
    return checks[0]


def test_known_times_are_predicted_without_the_size_that_is_left_out() -> None:
    study = studies.sweep()
    evaluations = studies.all_evaluations(study)
    exact = check_8(study, evaluations)
    assert exact.relative_error == pytest.approx(0, abs=0.02)
    assert exact.measured == pytest.approx(SECONDS_AT_8, rel=1e-3)
    # Each run takes four times as long: the geometric mean follows, the prediction does not.
    for repeat in range(3):
        run_id = studies.run(8, repeat).id
        evaluations[run_id] = [
            dataclasses.replace(each, training_seconds=4 * each.training_seconds)
            for each in evaluations[run_id]
        ]
    slow = check_8(study, evaluations)
    assert slow.predicted == exact.predicted
    assert slow.measured == pytest.approx(4 * SECONDS_AT_8, rel=1e-3)


def test_gaps_where_a_run_missed_the_target_or_the_others_allow_no_fit() -> None:
    study = studies.sweep()
    evaluations = studies.all_evaluations(study)
    del evaluations[studies.run(8, 0).id][-2:]
    check = check_8(study, evaluations)
    assert check.measured is check.relative_error is None
    missed = {
        run_id: each if run_id // 100 in (2, 8) else each[:-2]
        for run_id, each in evaluations.items()
    }
    assert check_8(study, missed).predicted is None
    untimed = studies.without_speeds(study, 8, 32, 128, 512)
    assert check_8(untimed, evaluations).predicted is None
