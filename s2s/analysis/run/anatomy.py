"""Where a step's time goes, and how much of it grows with the batch size."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from s2s.analysis.run.steps import Floats, Steps
from s2s.formatting import percent, run_label, step_time
from s2s.records import PHASES, Run

PARTS = (*PHASES, "between")
"""Of a step's time: its phases, and what lies between it and the step before: recording it."""
_MOST_STEPS = 4096
_LEAST_SECONDS = 1e-6
"""What a clock tells apart; a part below it is fitted as well as one of this length."""


@dataclass(frozen=True)
class Anatomy:
    """The parts of a run's timed steps, each in the order of PARTS."""

    median_seconds: tuple[float, ...]
    shares: tuple[float, ...]
    """Of the time of all these steps; they add up to 1."""

    def named(self) -> dict[str, float]:
        """The medians by the names of their parts."""
        return dict(zip(PARTS, self.median_seconds, strict=True))


@dataclass(frozen=True)
class Dissected:
    """A run's step in parts, to be laid beside others."""

    run_id: int
    label: str
    batch_size: int
    kind: tuple[object, ...]
    """Runs of one kind differ in nothing but the batch size that decides a step's time."""
    anatomy: Anatomy


@dataclass(frozen=True)
class Split:
    """Each part of a step as `fixed + batch size * per sample`, in the order of PARTS."""

    fixed_seconds: tuple[float, ...]
    per_sample_seconds: tuple[float, ...]
    batch_sizes: tuple[int, ...]
    misfit: float
    """The largest share by which a measured step, all parts together, lies off that line."""

    def fixed_within(self, parts: Sequence[float]) -> tuple[float, ...]:
        """Of each part of a step, the seconds that are fixed: no more than it has."""
        return tuple(map(min, self.fixed_seconds, parts))


def anatomy(steps: Steps) -> Anatomy | None:
    """None where no timed step's phases were told apart.

    Of more than 4,096 steps every second, third ... is looked at, so that a page may ask often.
    """
    told = np.flatnonzero(steps["timed"] & np.isfinite(steps[f"{PHASES[0]}_seconds"]))
    if not len(told):
        return None
    told = told[:: -(-len(told) // _MOST_STEPS)]
    columns = [steps[f"{phase}_seconds"][told].astype(np.float64) for phase in PHASES]
    whole = steps["seconds"][told]
    # On a GPU's clock a phase is rounded to half a microsecond.
    between = np.maximum(0.0, whole - np.sum(columns, axis=0))
    parts = np.array([*columns, between])
    totals = parts.sum(axis=1)
    return Anatomy(
        tuple(np.median(parts, axis=1).tolist()), tuple((totals / totals.sum()).tolist())
    )


def dissected(run: Run, steps: Steps) -> Dissected | None:
    """None where nothing is known of the run's phases."""
    kind, found = (run.device, *run.config.step_kind()), anatomy(steps)
    if found is None:
        return None
    return Dissected(run.id, run_label(run), run.config.batch_size, kind, found)


def split(runs: Sequence[Dissected]) -> Split | None:
    """Of runs of one kind, else None; see `split_sizes`."""
    if len({each.kind for each in runs}) > 1:
        return None
    medians = [each.anatomy.median_seconds for each in runs]
    return split_sizes([each.batch_size for each in runs], medians)


def split_sizes(batch_sizes: Sequence[int], parts: Sequence[Sequence[float]]) -> Split | None:
    """A line over the batch sizes for each part of a step; None of fewer than two sizes.

    `parts`: of a step at each of the batch sizes, seconds in the order of PARTS.

    Non-negative least squares of the *relative* residuals: a timing's doubt is a share of it, and
    with plain residuals the largest batch alone would decide the fixed part. No part of a step
    takes less than no time.
    """
    if len(set(batch_sizes)) < 2:
        return None
    sizes, seconds = np.array(batch_sizes, np.float64), np.array(parts)
    lines = np.array([_line(sizes, part) for part in seconds.T])
    fixed, per_sample = lines.T
    expected = fixed.sum() + sizes * per_sample.sum()
    measured = seconds.sum(axis=1)
    return Split(
        tuple(fixed.tolist()),
        tuple(per_sample.tolist()),
        tuple(sorted(set(batch_sizes))),
        float(np.abs(expected / measured - 1).max()),
    )


def _line(sizes: Floats, seconds: Floats) -> tuple[float, float]:
    """The fixed part and the part per sample."""
    weights = 1 / np.maximum(seconds, _LEAST_SECONDS)
    design = np.column_stack([weights, weights * sizes])
    (fixed, per_sample), _ = nnls(design, weights * seconds)
    return float(fixed), float(per_sample)


def anatomy_text(runs: Sequence[Dissected], found: Split | None) -> str:
    """The chart of the parts in words."""
    told = "; ".join(
        f"run {each.label}: " + parts_text(each.anatomy.median_seconds, each.anatomy.shares)
        for each in runs
    )
    line = f" {split_text(found)}" if found else ""
    return f"Step anatomy. {told}.{line}" if told else "Step anatomy. No step was told apart."


def parts_text(seconds: Sequence[float], shares: Sequence[float]) -> str:
    """`data 1 ms (10 %), forward ...`; both in the order of PARTS."""
    parts = zip(PARTS, seconds, shares, strict=True)
    return ", ".join(f"{part} {step_time(each)} ({percent(share)})" for part, each, share in parts)


def split_text(found: Split) -> str:
    """What the lines say, in a sentence."""
    fixed, per_sample = sum(found.fixed_seconds), sum(found.per_sample_seconds)
    equal = f" (as much again at batch size {fixed / per_sample:,.0f})" if per_sample > 0 else ""
    return (
        f"A step takes {step_time(fixed)} whatever the batch size and {step_time(per_sample)} more "
        f"for each sentence{equal}; that line misses these runs by {percent(found.misfit)} at most."
    )


def why_no_split(runs: Sequence[Dissected]) -> str:
    """What is missing to tell the fixed part from the part per sample."""
    if len({each.kind for each in runs}) > 1:
        return (
            "To tell the fixed part of a step from what each sentence adds, choose runs that "
            "differ in their batch size only."
        )
    return (
        "To tell the fixed part of a step from what each sentence adds, choose runs of at least "
        "two batch sizes."
    )
