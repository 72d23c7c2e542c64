"""How the steps to a target loss fall with the batch size: the law, fitted, with its doubt."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from s2s.analysis.advice.batch_fit import (
    Fit,
    estimate,
    fit_logs,
    log_curve,
    log_slopes,
    profile_of,
    quantile_of_student,
)
from s2s.analysis.advice.target import StepsToTarget
from s2s.analysis.estimate import Estimate
from s2s.analysis.run.steps import Floats
from s2s.errors import UserError

MOST_RATIO = 10.0
"""Of an interval's ends. From there on B_time, which goes with the root of B_crit, is not known to
a factor of 3. Simulated studies of 5 sizes with 3 seeds that spread by 10 % stay below 2, those
whose seeds differ as much as the sizes do come out above."""
_FURTHER_RUNS = 3


class OpenEnd(StrEnum):
    """On which side the critical batch size has no bound."""

    NONE = "none"
    LOW = "low"
    """Only the plateau was seen: more samples a step saved no steps."""
    HIGH = "high"
    """Only perfect scaling was seen: twice the batch halved the steps."""
    BOTH = "both"


@dataclass(frozen=True)
class BatchLaw:
    """S = S_min*(1 + B_crit/B): steps S to the target at batch size B (McCandlish et al. 2018)."""

    points: tuple[StepsToTarget, ...]
    """All that were given, in order of size."""
    s_min: Estimate
    """Steps that no batch size can save."""
    b_crit: Estimate
    """Samples; E_min/S_min, where twice the least steps and twice the least samples are needed."""
    e_min: Estimate
    """Samples that no batch size can save: S_min*B_crit."""
    open_end: OpenEnd
    identifiable: bool
    """Whether `b_crit` is known: no open end, and its interval's ends within MOST_RATIO."""
    contradicting: tuple[StepsToTarget, ...]
    """Runs that missed the target, or reached it early, where the fit says otherwise."""
    deviation: float | None
    """Standard deviation of log S about the curve; None of two points."""
    log_covariance: Floats | None
    """(2, 2), of log S_min and log B_crit; None of two points."""
    degrees: int
    """Of freedom of `deviation`: runs in the fit less two, or sizes less two where `misfit`."""
    misfit: bool
    """Whether the sizes' means miss the curve by more than seeds of a size differ."""
    offsets: Floats
    """(sizes,): see `expected_steps`; all 0 without `misfit`."""

    @property
    def fitted(self) -> tuple[StepsToTarget, ...]:
        return tuple(point for point in self.points if point.exact)

    @property
    def sizes(self) -> list[int]:
        """The batch sizes in the fit, ascending."""
        return sorted({point.batch_size for point in self.fitted})

    def steps(self, batch_sizes: npt.ArrayLike) -> Floats:
        """By the law, at each size; one value each."""
        sizes = np.asarray(batch_sizes, np.float64)
        steps: Floats = self.s_min.value * (1 + self.b_crit.value / sizes)
        return steps

    def expected_steps(self, batch_sizes: npt.ArrayLike) -> Floats:
        """The same, moved towards the runs where the law misses them; one value each.

        By the `offsets` of the sizes around, linear in log B; beyond them by the last one.
        """
        sizes = np.asarray(batch_sizes, np.float64)
        moved: Floats = np.exp(np.interp(np.log(sizes), np.log(self.sizes), self.offsets))
        return self.steps(sizes) * moved

    def slopes(self, batch_sizes: npt.ArrayLike) -> Floats:
        """(sizes, 2): d log S / d (log S_min, log B_crit) at each size."""
        return log_slopes(float(np.log(self.b_crit.value)), np.asarray(batch_sizes, np.float64))


def fit_batch_law(points: Sequence[StepsToTarget]) -> BatchLaw:
    """Least squares on log S over the exact points, each run one.

    The spread of S is multiplicative, and logs keep both parameters above 0. Intervals are 90 %,
    by Student's t from the covariance of the log parameters; an end that the runs do not bound is
    open. Runs that missed the target, and those that had it at their first evaluation, are left
    out and then held against the curve.
    Raises UserError where fewer than two batch sizes have an exact point.
    """
    ordered = tuple(sorted(points, key=lambda point: (point.batch_size, point.seed)))
    exact = [point for point in ordered if point.exact]
    if len({point.batch_size for point in exact}) < 2:
        raise UserError(_too_few(ordered))
    sizes = np.array([point.batch_size for point in exact], np.float64)
    log_steps = np.log([point.steps for point in exact])
    profile = profile_of(sizes, log_steps)
    fit = fit_logs(sizes, log_steps, profile)
    open_end, b_crit = _bounds(sizes, profile, fit)
    return BatchLaw(
        points=ordered,
        s_min=estimate(fit, (1, 0), bounded=open_end in (OpenEnd.NONE, OpenEnd.LOW)),
        b_crit=b_crit,
        e_min=estimate(fit, (1, 1), bounded=open_end in (OpenEnd.NONE, OpenEnd.HIGH)),
        open_end=open_end,
        identifiable=_narrow(b_crit) and len(set(sizes)) > 2,
        contradicting=_contradicting(ordered, fit),
        deviation=fit.deviation,
        log_covariance=None if fit.deviation is None else fit.deviation**2 * fit.spread,
        degrees=fit.degrees,
        misfit=fit.misfit,
        offsets=fit.offsets,
    )


def most_helpful_sizes(law: BatchLaw, first: int | None = None) -> tuple[int, ...]:
    """At which sizes three more runs would tell most about the critical batch size.

    Of the sizes in the fit and those next to them, each time the one whose run leaves log B_crit
    the least variance, (J'J + jj')**-1 with the slopes j of its log S, those chosen before it
    included. `first`: where the first run is to be, whatever it tells.
    """
    candidates = [*law.sizes, *sizes_beyond(law.sizes)]
    slopes = law.slopes([point.batch_size for point in law.fitted])
    information = slopes.T @ slopes
    chosen: list[int] = [] if first is None else [first]
    information += sum(np.outer(each, each) for each in law.slopes(chosen))
    while len(chosen) < _FURTHER_RUNS:
        more = [information + np.outer(each, each) for each in law.slopes(candidates)]
        best = int(np.argmin([np.linalg.inv(each)[1, 1] for each in more]))
        chosen.append(candidates[best])
        information = more[best]
    return tuple(chosen)


def sizes_beyond(sizes: Sequence[int]) -> list[int]:
    """For a further run: a half and a quarter of the smallest, twice and 4 times the largest.

    `sizes` ascending; none of the result is below 1.
    """
    smallest, largest = sizes[0], sizes[-1]
    return [size for size in (smallest // 4, smallest // 2, 2 * largest, 4 * largest) if size >= 1]


def _bounds(sizes: Floats, profile: Floats, fit: Fit) -> tuple[OpenEnd, Estimate]:
    """Which end of B_crit is open, and B_crit with the ends that are not.

    A B_crit far beyond the sizes gives one of the law's two limits, S constant or S ~ 1/B. Such a
    limit fits as well as the curve where it raises the sum of squares by no more than F(1, n-2) =
    t**2 residual variances; the other end is then where this rise begins. Open, too, is the end
    on whose side the whole interval lies beyond the sizes: the law is not to be trusted there.
    """
    interval = estimate(fit, (0, 1))
    if fit.variance is None:
        return OpenEnd.BOTH, interval
    most = fit.squares + quantile_of_student(fit.degrees) ** 2 * fit.variance
    fits = np.flatnonzero(profile[2] <= most)
    low, high = (
        bool(len(fits)) and fits[i] == end for i, end in ((0, 0), (-1, len(profile[0]) - 1))
    )
    if low and high:
        return OpenEnd.BOTH, Estimate(interval.value, None, None)
    if low:
        return OpenEnd.LOW, Estimate(interval.value, None, float(np.exp(profile[0, fits[-1]])))
    if high:
        return OpenEnd.HIGH, Estimate(interval.value, float(np.exp(profile[0, fits[0]])), None)
    if interval.high is not None and interval.high < sizes.min():
        return OpenEnd.LOW, Estimate(interval.value, None, interval.high)
    if interval.low is not None and interval.low > sizes.max():
        return OpenEnd.HIGH, Estimate(interval.value, interval.low, None)
    return OpenEnd.NONE, interval


def _too_few(points: Sequence[StepsToTarget]) -> str:
    """Why there is no law, and what would help."""
    missed = sum(not point.reached for point in points)
    early = sum(point.early for point in points)
    ways = []
    if missed:
        ways.append(f"{missed} of {len(points)} missed it: train longer, or choose a higher target")
    if early:
        ways.append(
            f"{early} of {len(points)} had it by their first evaluation: evaluate more often, or "
            "choose a lower target"
        )
    help_ = "; ".join(ways) or "sweep more batch sizes"
    return (
        "The law needs runs of two batch sizes or more that cross the target between two "
        f"evaluations ({help_})."
    )


def _narrow(estimate: Estimate) -> bool:
    if estimate.low is None or estimate.high is None:
        return False
    return estimate.high / estimate.low <= MOST_RATIO


def _contradicting(points: Sequence[StepsToTarget], fit: Fit) -> tuple[StepsToTarget, ...]:
    """The points outside the fit that a run on the curve would hardly have given.

    A run's log S lies within t * deviation * sqrt(1 + j'(J'J)**-1 j) of the curve in 90 % of
    cases. A run without the target beyond that, or with it before that, speaks against the fit.
    """
    if fit.deviation is None:
        return ()
    against = []
    for point in points:
        if point.exact:
            continue
        size = np.array([point.batch_size], np.float64)
        slopes = log_slopes(float(fit.logs[1]), size)[0]
        error = fit.deviation * np.sqrt(1 + slopes @ fit.spread @ slopes)
        above = (np.log(point.steps) - log_curve(fit.logs, size)[0]) / error
        half = quantile_of_student(fit.degrees)
        if (not point.reached and above > half) or (point.early and above < -half):
            against.append(point)
    return tuple(against)
