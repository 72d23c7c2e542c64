"""Leave-one-out error of the predicted time to target."""

from collections.abc import Mapping, Sequence
from statistics import geometric_mean

from s2s.analysis.advice.steps_fit import fit_steps
from s2s.analysis.advice.target import find_seconds_to_target, find_steps_to_target
from s2s.analysis.estimate import LeaveOneOutCheck
from s2s.analysis.sweep.runs import list_finished_runs
from s2s.analysis.sweep.throughput import collect_speeds, fit_speed_curve
from s2s.config import Engine
from s2s.errors import UserError
from s2s.records import Evaluation, Run, Sweep


def cross_validate_sweep(
    sweep: Sweep,
    engine: Engine,
    evaluations: Mapping[int, Sequence[Evaluation]],
    target_loss: float,
) -> list[LeaveOneOutCheck]:
    """Predict the time to target of each size between the extremes from runs of the other sizes.

    The measured time is the geometric mean over the size's runs. `evaluations` are by run id.
    """
    runs = list_finished_runs(sweep, engine)
    points = find_steps_to_target(runs, evaluations, target_loss)
    checks = []
    for size in sorted({point.batch_size for point in points})[1:-1]:
        others = [run for run in runs if run.config.batch_size != size]
        times = [
            find_seconds_to_target(evaluations[run.id], target_loss)
            for run in runs
            if run.config.batch_size == size
        ]
        reached_times = [each for each in times if each]
        measured = geometric_mean(reached_times) if len(reached_times) == len(times) else None
        checks.append(
            LeaveOneOutCheck(size, _predict(size, others, evaluations, target_loss), measured)
        )
    return checks


def _predict(
    size: int,
    runs: Sequence[Run],
    evaluations: Mapping[int, Sequence[Evaluation]],
    target_loss: float,
) -> float | None:
    """Return the time to target at `size`: expected steps × expected seconds per step."""
    try:
        fit = fit_steps(find_steps_to_target(runs, evaluations, target_loss))
    except UserError:  # too few of these runs crossed the target
        return None
    band = fit_speed_curve("", collect_speeds(runs)).fit.step_seconds([size])
    return None if band is None else float(fit.expected_steps([size])[0] * band.value[0])
