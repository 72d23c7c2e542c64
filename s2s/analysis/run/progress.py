"""How far a run is and how long it still takes."""

from dataclasses import dataclass

from s2s.analysis.run.steps import Steps, median_step_seconds
from s2s.config import TrainConfig
from s2s.formatting import duration

_RECENT = 200
"""Steps whose time stands for those to come: a machine's speed changes within a run."""


@dataclass(frozen=True)
class Progress:
    iterations: int
    """Steps made in this run; a continued run counts its own only."""
    share: float
    """0 to 1, of the iterations or of the time limit, whichever ends the run sooner."""
    seconds_left: float | None
    """Of training; None before the first timed step."""


def progress(config: TrainConfig, steps: Steps) -> Progress:
    """From the configuration's limits and the steps so far."""
    done = len(steps)
    share = done / config.iterations
    step_seconds = median_step_seconds(steps[-_RECENT:])
    left = None if step_seconds is None else (config.iterations - done) * step_seconds
    if config.max_seconds:
        spent = float(steps["seconds"].sum())
        share = max(share, spent / config.max_seconds)
        remaining = max(0.0, config.max_seconds - spent)
        left = remaining if left is None else min(left, remaining)
    return Progress(done, min(1.0, share), left)


def progress_text(config: TrainConfig, now: Progress) -> str:
    """`430 of 1,000 iterations · about 41 s left`; by time `176 iterations · about 43 s left`."""
    of = "" if config.max_seconds else f" of {config.iterations:,}"
    left = "" if now.seconds_left is None else f" · about {duration(now.seconds_left)} left"
    return f"{now.iterations:,}{of} iterations{left}"


def tab_title(run_id: int, now: Progress) -> str:
    """For the browser's tab, which shows little: `43 % · 41 s · run 12`."""
    left = "" if now.seconds_left is None else f" · {duration(now.seconds_left)}"
    return f"{now.share:.0%}{left} · run {run_id}".replace("%", " %", 1)
