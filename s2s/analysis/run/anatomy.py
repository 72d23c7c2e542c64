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
"""Parts of step time: the phases, and the time between steps, in which results are recorded."""
_MAX_STEPS = 4096
_CLOCK_SECONDS = 1e-6
"""Resolution of the clock. The fit weights a shorter part as if it took this long."""


@dataclass(frozen=True)
class Anatomy:
    """The parts of a run's timed steps, in the order of PARTS."""

    run_id: int
    label: str
    batch_size: int
    timing_key: tuple[object, ...]
    """Device and settings that affect step time, except the batch size."""
    median_seconds: tuple[float, ...]
    """Median time per step of each part."""
    shares: tuple[float, ...]
    """Each part's share of the total time of these steps."""


@dataclass(frozen=True)
class AnatomyFit:
    """Fit of each part of step time: `fixed + batch size × per sample`, in the order of PARTS."""

    fixed_seconds: tuple[float, ...]
    per_sample_seconds: tuple[float, ...]
    max_relative_error: float
    """Largest relative error of the fitted time of a whole step."""


def measure_anatomy(run: Run, steps: Steps) -> Anatomy | None:
    """Return the parts of a run's timed steps; `None` if no phases were measured.

    Of a long run, only evenly spaced steps are used, because a page calls this often.
    """
    indices = np.flatnonzero(steps["timed"] & np.isfinite(steps[f"{PHASES[0]}_seconds"]))
    if not len(indices):
        return None
    indices = indices[:: math.ceil(len(indices) / _MAX_STEPS)]
    phases = [steps[f"{phase}_seconds"][indices].astype(np.float64) for phase in PHASES]
    # A GPU's clock rounds to half a microsecond, so the phases may add up to more than the step.
    between = np.maximum(0.0, steps["seconds"][indices] - np.sum(phases, axis=0))
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
    """Return whether the runs differ in nothing that affects step time, except the batch size."""
    return len({each.timing_key for each in runs}) <= 1


def fit_run_anatomies(runs: Sequence[Anatomy]) -> AnatomyFit | None:
    """Fit the parts of the runs' steps.

    Returns `None` if the runs are not comparable, or all have the same batch size.
    """
    if not are_comparable(runs):
        return None
    return fit_anatomy([each.batch_size for each in runs], [each.median_seconds for each in runs])


def fit_anatomy(batch_sizes: Sequence[int], parts: Sequence[Sequence[float]]) -> AnatomyFit | None:
    """Fit each part of step time as a linear function of the batch size.

    The fit is by non-negative least squares of the relative residuals. The uncertainty of a timing
    is proportional to it; absolute residuals would let the largest batch decide the fixed part.

    Args:
        parts: The seconds of the parts at each batch size, in the order of PARTS.

    Returns:
        The fit, or `None` with fewer than two different batch sizes.
    """
    if len(set(batch_sizes)) < 2:
        return None
    sizes, seconds = np.array(batch_sizes, np.float64), np.array(parts)
    coefficients = []
    for part in seconds.T:
        weights = 1 / np.maximum(part, _CLOCK_SECONDS)
        solution, _ = nnls(np.column_stack([weights, weights * sizes]), weights * part)
        coefficients.append(solution)
    fixed, per_sample = np.transpose(coefficients)
    predicted = fixed.sum() + sizes * per_sample.sum()
    return AnatomyFit(
        tuple(fixed.tolist()),
        tuple(per_sample.tolist()),
        float(np.abs(predicted / seconds.sum(axis=1) - 1).max()),
    )
