"""How well the laws foretell a batch size that was left out of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from s2s.analysis.advice.batch_law import fit_batch_law
from s2s.analysis.advice.target import StepsToTarget, seconds_to_target
from s2s.analysis.sweep.figures import finished_runs, speeds, steps_to_targets
from s2s.analysis.sweep.speed_curve import speed_curve
from s2s.config import Engine
from s2s.errors import UserError
from s2s.records import Evaluation, Sweep


@dataclass(frozen=True)
class LeftOut:
    """One batch size between the smallest and the largest."""

    batch_size: int
    predicted_seconds: float | None
    """Training time to the target by the laws of the other sizes; None where they give none."""
    measured_seconds: float | None
    """The mean, of logs, of its own runs' times; None where one did not cross the target."""

    @property
    def relative_error(self) -> float | None:
        """Above 0 where too much was predicted."""
        if self.predicted_seconds is None or self.measured_seconds is None:
            return None
        return self.predicted_seconds / self.measured_seconds - 1


def check_sweep(
    sweep: Sweep,
    engine: Engine,
    evaluations: Mapping[int, Sequence[Evaluation]],
    target_loss: float,
) -> list[LeftOut]:
    """Of each inner size of the engine's finished runs. `evaluations`: by run id."""
    runs = finished_runs(sweep, engine)
    seconds: dict[int, list[float | None]] = {}
    for run in runs:
        took = seconds_to_target(evaluations[run.id], target_loss)
        seconds.setdefault(run.config.batch_size, []).append(took)
    return leave_each_out(steps_to_targets(runs, evaluations, target_loss), speeds(runs), seconds)


def check_text(found: Sequence[LeftOut]) -> str:
    """A line a size, and the errors' median and worst."""
    lines = ["Each size left out of the laws, which then foretell its time to the target:"]
    for each in found:
        predicted, measured, error = (
            each.predicted_seconds, each.measured_seconds, each.relative_error,
        )  # fmt: skip
        lines.append(
            f"{each.batch_size:>8,}"
            f"  predicted {'?' if predicted is None else f'{predicted:.1f} s':>9}"
            f"  measured {'?' if measured is None else f'{measured:.1f} s':>9}"
            f"  {'?' if error is None else f'{error:+.0%}'}"
        )
    errors = [abs(each.relative_error) for each in found if each.relative_error is not None]
    if errors:
        lines.append(
            f"Off by {float(np.median(errors)):.0%} at the median, {max(errors):.0%} at worst."
        )
    return "\n".join(lines)


def leave_each_out(
    points: Sequence[StepsToTarget],
    speeds: Mapping[int, Sequence[float]],
    seconds: Mapping[int, Sequence[float | None]],
) -> list[LeftOut]:
    """Of each inner size, in order: T = S*t from fits that know nothing of it.

    `speeds`: samples/s of each size's runs, `seconds`: their measured times to the target, None
    where missed.
    """
    sizes = sorted({point.batch_size for point in points})
    return [
        LeftOut(
            size,
            _predicted(
                size,
                [point for point in points if point.batch_size != size],
                {other: each for other, each in speeds.items() if other != size},
            ),
            _middle(seconds[size]),
        )
        for size in sizes[1:-1]
    ]


def _predicted(
    size: int, points: Sequence[StepsToTarget], speeds: Mapping[int, Sequence[float]]
) -> float | None:
    try:
        steps = float(fit_batch_law(points).expected_steps([size])[0])
    except UserError:  # too few of the others crossed the target
        return None
    line = speed_curve("", speeds).law.step_seconds([size])
    return None if line is None else steps * float(line.value[0])


def _middle(seconds: Sequence[float | None]) -> float | None:
    known = [each for each in seconds if each is not None]
    if not known or len(known) < len(seconds):
        return None
    return math.exp(float(np.mean(np.log(known))))
