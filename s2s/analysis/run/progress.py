"""The progress of a run and the time that remains."""

from dataclasses import dataclass

from s2s.analysis.run.steps import Steps, measure_step_seconds
from s2s.config import TrainConfig

_RECENT_STEPS = 200
"""Number of steps that tell how long the remaining ones take: the speed changes during a run."""


@dataclass(frozen=True)
class Progress:
    iterations: int
    """Steps of this run alone, even if it continues another."""
    share: float
    """Share of the iterations or of the time limit, whichever ends the run sooner, 0 to 1."""
    seconds_left: float | None
    """Training time left; `None` before the first timed step."""


def measure_progress(config: TrainConfig, steps: Steps) -> Progress:
    """Return the progress of a run after these steps."""
    step_seconds = measure_step_seconds(steps[-_RECENT_STEPS:])
    return estimate_progress(config, len(steps), float(steps["seconds"].sum()), step_seconds)


def estimate_progress(
    config: TrainConfig, iterations: int, seconds: float, step_seconds: float | None
) -> Progress:
    """Return the progress after steps that took `seconds`.

    Args:
        step_seconds: Expected time per remaining step, if known.
    """
    share = iterations / config.iterations
    left = None if step_seconds is None else (config.iterations - iterations) * step_seconds
    if config.max_seconds:
        share = max(share, seconds / config.max_seconds)
        time_left = max(0.0, config.max_seconds - seconds)
        left = time_left if left is None else min(left, time_left)
    return Progress(iterations, min(1.0, share), left)
