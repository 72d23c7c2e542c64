"""What a run's step times say: how much they vary, and what was left out of them."""

import math
from dataclasses import dataclass

from s2s.analysis.run.steps import Steps, median_step_seconds
from s2s.analysis.run.timing import Spread, noise, spread

_WORK_IQR = 0.05
_IQR_OF_NORMAL = 1.349
"""In standard deviations."""
_STEPS, _MIXED_STEPS = 8, 256
_FEWEST_STRETCHES = 5


@dataclass(frozen=True)
class StepTime:
    """Of a run's timed steps, and of those left out."""

    seconds: float | None
    """The median step's; None before the first timed step."""
    relative_iqr: float | None
    """See `step_spread`; None where the run is too short to tell."""
    warmup_steps: int
    warmup_seconds: float
    interfered_steps: int
    """Left out because the same process translated meanwhile."""
    interfered_seconds: float

    @property
    def noise(self) -> str | None:
        """Empty, `noisy` (above 10 %) or `very noisy` (above 25 %); None where not known."""
        return noise(self.relative_iqr)


def step_time(steps: Steps, teacher_forcing: float = 1.0) -> StepTime:
    """`teacher_forcing`: the share of batches decoded along the reference."""
    varies = step_spread(steps, teacher_forcing)
    interfered = steps["interfered"]
    warmup = ~(steps["timed"] | interfered)
    return StepTime(
        median_step_seconds(steps),
        varies.relative_iqr if varies else None,
        int(warmup.sum()),
        float(steps["seconds"][warmup].sum()),
        int(interfered.sum()),
        float(steps["seconds"][interfered].sum()),
    )


def step_spread(steps: Steps, teacher_forcing: float = 1.0) -> Spread | None:
    """Of the mean step time over stretches of successive timed steps; None of fewer than five.

    Steps differ in work, because sentences differ in length, and that is no noise. Dividing each
    step by its tokens would not mend it: a small batch's time is mostly fixed, so a quiet machine
    would look noisy in proportion to the lengths. But batches come in random order, so work evens
    out within a stretch, while what a machine does lasts. A stretch is as long as it takes for
    its real tokens to have an IQR of 5 % of their mean (1.35 standard deviations, were they
    normal), so that lengths alone never reach the 10 % that count as noisy. It has 8 steps or
    more, so that single stumbles of the system do not count, and 256 where only a part of the
    batches is teacher-forced, since the others take a multiple of the time.
    """
    timed = steps["timed"]
    seconds = steps["seconds"][timed]
    if not len(seconds):
        return None
    tokens = (steps["source_tokens"] + steps["target_tokens"])[timed]
    evened_out = math.ceil((_IQR_OF_NORMAL * tokens.std() / tokens.mean() / _WORK_IQR) ** 2)
    size = max(_STEPS if teacher_forcing in (0, 1) else _MIXED_STEPS, evened_out)
    count = len(seconds) // size
    if count < _FEWEST_STRETCHES:
        return None
    stretches = seconds[: count * size].reshape(count, size)
    return spread(stretches.mean(axis=1).tolist())
