"""Leave-one-out error of the predicted time to target."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from s2s.analysis.advice.steps_fit import fit_steps
from s2s.analysis.advice.target import (
    StepsToTarget,
    find_all_steps_to_target,
    find_seconds_to_target,
)
from s2s.analysis.sweep.runs import finished_runs
from s2s.analysis.sweep.throughput import fit_speed_curve, measured_speeds
from s2s.config import Engine
from s2s.errors import UserError
from s2s.records import Evaluation, Sweep


@dataclass(frozen=True)
class TimeCheck:
    """A batch size left out of the fits, between the smallest and the largest."""

    batch_size: int
    predicted_seconds: float | None
    """Time to target by the fits to the other sizes; None if these allow no fit."""
    measured_seconds: float | None
    """Geometric mean of its runs' times; None if one of them did not reach the target."""

    @property
    def relative_error(self) -> float | None:
        """Above 0 if the prediction is too high."""
        if self.predicted_seconds is None or self.measured_seconds is None:
            return None
        return self.predicted_seconds / self.measured_seconds - 1


def cross_validate_sweep(
    sweep: Sweep,
    engine: Engine,
    evaluations: Mapping[int, Sequence[Evaluation]],
    target_loss: float,
) -> list[TimeCheck]:
    """Check each inner size of the engine's finished runs; `evaluations` by run id."""
    runs = finished_runs(sweep, engine)
    seconds: dict[int, list[float | None]] = {}
    for run in runs:
        run_seconds = find_seconds_to_target(evaluations[run.id], target_loss)
        seconds.setdefault(run.config.batch_size, []).append(run_seconds)
    points = find_all_steps_to_target(runs, evaluations, target_loss)
    return cross_validate_times(points, measured_speeds(runs), seconds)


def cross_validate_times(
    points: Sequence[StepsToTarget],
    speeds: Mapping[int, Sequence[float]],
    seconds: Mapping[int, Sequence[float | None]],
) -> list[TimeCheck]:
    """Predict each inner size's time T = S * t from fits to the other sizes.

    Args:
        speeds: Samples per second of each size's runs.
        seconds: Measured times to target of each size's runs; None if missed.
    """
    sizes = sorted({point.batch_size for point in points})
    return [
        TimeCheck(
            size,
            _predict(
                size,
                [point for point in points if point.batch_size != size],
                {other: each for other, each in speeds.items() if other != size},
            ),
            _geometric_mean(seconds[size]),
        )
        for size in sizes[1:-1]
    ]


def _predict(
    size: int, points: Sequence[StepsToTarget], speeds: Mapping[int, Sequence[float]]
) -> float | None:
    try:
        steps = float(fit_steps(points).expected_steps([size])[0])
    except UserError:  # too few of the others crossed the target
        return None
    band = fit_speed_curve("", speeds).fit.step_seconds([size])
    return None if band is None else steps * float(band.value[0])


def _geometric_mean(seconds: Sequence[float | None]) -> float | None:
    """Return None if any value is missing."""
    reached = [each for each in seconds if each is not None]
    if not reached or len(reached) < len(seconds):
        return None
    return math.exp(float(np.mean(np.log(reached))))
