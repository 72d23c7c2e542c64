"""How well the laws foretell a batch size that was left out of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from s2s.analysis.batch_law import fit_batch_law
from s2s.analysis.speed_curve import speed_curve
from s2s.analysis.target import StepsToTarget


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


def leave_each_out(
    points: Sequence[StepsToTarget],
    speeds: Mapping[int, Sequence[float]],
    seconds: Mapping[int, Sequence[float | None]],
) -> list[LeftOut]:
    """Of each inner size, in order: T = S*t from fits that know nothing of it.

    `speeds`: samples/s of each size's runs, `seconds`: their measured times to the target, None
    where missed. Raises UserError where the other sizes allow no law.
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
    steps = float(fit_batch_law(points).steps([size])[0])
    line = speed_curve("", speeds).law.step_seconds([size])
    return None if line is None else steps * float(line.value[0])


def _middle(seconds: Sequence[float | None]) -> float | None:
    known = [each for each in seconds if each is not None]
    if not known or len(known) < len(seconds):
        return None
    return math.exp(float(np.mean(np.log(known))))
