"""The progress of a run and the time that remains."""

from dataclasses import dataclass

from s2s.analysis.run.steps import Steps, measure_step_seconds
from s2s.config import TrainConfig

_RECENT_STEPS = 200
"""The remaining time is estimated from this many latest steps: speed changes during a run."""


@dataclass(frozen=True)
class Progress:
    """How much of a run is done, and the time that remains."""

    iterations: int
    """Steps that this run has taken. Those of a run that it continues do not count."""
    share: float
    """Done share of the iterations or of the time limit, whichever is larger, 0 to 1."""
    seconds_left: float | None
    """Training time left; `None` if there is neither a timed step nor a time limit."""


def measure_progress(config: TrainConfig, steps: Steps) -> Progress:
    """Return the progress of a run after these steps."""
    step_seconds = measure_step_seconds(steps[-_RECENT_STEPS:])
    return estimate_progress(config, len(steps), float(steps["seconds"].sum()), step_seconds)


def estimate_progress(
    config: TrainConfig, iterations: int, seconds: float, step_seconds: float | None
) -> Progress:
    """Return the progress after `iterations` steps that took `seconds` in total.

    Args:
        step_seconds: Expected time per remaining step, if known.
    """
    share = iterations / config.iterations
    seconds_left = None if step_seconds is None else (config.iterations - iterations) * step_seconds
    if config.max_seconds:
        share = max(share, seconds / config.max_seconds)
        limit_left = max(0.0, config.max_seconds - seconds)
        seconds_left = limit_left if seconds_left is None else min(seconds_left, limit_left)
    return Progress(iterations, min(1.0, share), seconds_left)
