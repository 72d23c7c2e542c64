"""Step anatomy: the parts of step time, and how much of each grows with the batch size."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from s2s.analysis.run.steps import Steps
from s2s.formatting import format_run_label
from s2s.records import PHASES, Run

PARTS = (*PHASES, "between")
"""Parts of step time: the phases, and the recording between two steps."""
_MAX_STEPS = 4096
_CLOCK_SECONDS = 1e-6
"""Resolution of the clock; shorter parts are fitted with the weight of a part this long."""


@dataclass(frozen=True)
class Anatomy:
    """The parts of a run's timed steps, in the order of PARTS."""

    run_id: int
    label: str
    batch_size: int
    timing_key: tuple[object, ...]
    """Device and settings that affect step time, except the batch size."""
    median_seconds: tuple[float, ...]
    shares: tuple[float, ...]
    """Shares of the total time of these steps, which add up to 1."""


@dataclass(frozen=True)
class AnatomyFit:
    """Each part of step time as `fixed + batch size × per sample`, in the order of PARTS."""

    fixed_seconds: tuple[float, ...]
    per_sample_seconds: tuple[float, ...]
    max_relative_error: float
    """The largest deviation of a measured whole step from the fit, as a share of the step."""


def measure_anatomy(run: Run, steps: Steps) -> Anatomy | None:
    """Return the parts of a run's timed steps; `None` if no phases were measured.

    A long run is sampled at even intervals, because a page calls this often.
    """
    measured = np.flatnonzero(steps["timed"] & np.isfinite(steps[f"{PHASES[0]}_seconds"]))
    if not len(measured):
        return None
    measured = measured[:: math.ceil(len(measured) / _MAX_STEPS)]
    phases = [steps[f"{phase}_seconds"][measured].astype(np.float64) for phase in PHASES]
    # A GPU's clock rounds a phase to half a microsecond, so the phases may exceed the step.
    between = np.maximum(0.0, steps["seconds"][measured] - np.sum(phases, axis=0))
    parts = np.array([*phases, between])
    totals = parts.sum(axis=1)
    return Anatomy(
        run.id,
        format_run_label(run),
        run.config.batch_size,
        (run.device, *run.config.timing_key()),
        tuple(np.median(parts, axis=1).tolist()),
        tuple((totals / totals.sum()).tolist()),
    )


def are_comparable(runs: Sequence[Anatomy]) -> bool:
    """Return whether nothing that affects step time differs between the runs but the batch size."""
    return len({each.timing_key for each in runs}) <= 1


def fit_run_anatomies(runs: Sequence[Anatomy]) -> AnatomyFit | None:
    """Fit the parts of the runs' steps, if the runs are comparable and of several batch sizes."""
    if not are_comparable(runs):
        return None
    return fit_anatomy([each.batch_size for each in runs], [each.median_seconds for each in runs])


def fit_anatomy(batch_sizes: Sequence[int], parts: Sequence[Sequence[float]]) -> AnatomyFit | None:
    """Fit a line over the batch sizes to each part of step time.

    Non-negative least squares of the relative residuals: the uncertainty of a timing is
    proportional to it, and with absolute residuals the largest batch would decide the fixed part.

    Args:
        parts: The seconds of the parts at each batch size, in the order of PARTS.

    Returns:
        `None` with fewer than two different batch sizes.
    """
    if len(set(batch_sizes)) < 2:
        return None
    sizes, seconds = np.array(batch_sizes, np.float64), np.array(parts)
    lines = []
    for part in seconds.T:
        weights = 1 / np.maximum(part, _CLOCK_SECONDS)
        line, _ = nnls(np.column_stack([weights, weights * sizes]), weights * part)
        lines.append(line)
    fixed, per_sample = np.transpose(lines)
    predicted = fixed.sum() + sizes * per_sample.sum()
    return AnatomyFit(
        tuple(fixed.tolist()),
        tuple(per_sample.tolist()),
        float(np.abs(predicted / seconds.sum(axis=1) - 1).max()),
    )
