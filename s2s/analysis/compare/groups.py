"""Groups of repeats (runs that differ only in the seed), and their means, ranges and ratios."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from s2s.analysis.estimate import Estimate
from s2s.analysis.run.steps import Floats
from s2s.formatting import format_run_label
from s2s.records import Run, RunState, Summary


class Repeats(StrEnum):
    """Ways to draw repeats: as a mean with one of two ranges, or each run by itself."""

    RANGE = "min to max"
    QUARTILES = "quartiles"
    SEPARATE = "each run"


_QUANTILES = {Repeats.RANGE: (0.0, 1.0), Repeats.QUARTILES: (0.25, 0.75)}
_COMPLETE = (RunState.FINISHED, RunState.DIVERGED)
_MAX_IDS = 3


@dataclass(frozen=True)
class Group:
    """Repeats, or a single run, with the lowest run id first."""

    runs: tuple[Run, ...]

    @property
    def run_id(self) -> int:
        """Id of the first run, which identifies the group in addresses and colors."""
        return self.runs[0].id

    @property
    def batch_size(self) -> int:
        return self.runs[0].config.batch_size

    @property
    def label(self) -> str:
        """`3 · name` for one run, `3, 5, 9 · name` for repeats, with `… (5 runs)` for many."""
        if len(self.runs) == 1:
            return format_run_label(self.runs[0])
        ids = ", ".join(str(run.id) for run in self.runs[:_MAX_IDS])
        more = f" … ({len(self.runs)} runs)" if len(self.runs) > _MAX_IDS else ""
        return f"{ids}{more} · {self.runs[0].name}"


@dataclass(frozen=True)
class Bar:
    """One figure of a group, if it is known for a run."""

    group: Group
    estimate: Estimate | None

    @property
    def mean(self) -> float | None:
        return self.estimate.value if self.estimate else None


def group_repeats(runs: Sequence[Run], repeats: Repeats) -> list[Group]:
    """Return groups of repeats, sorted by batch size, then by run id.

    Runs that are unfinished, stopped or failed stay alone: an incomplete run would shorten the
    part of the curves that all repeats share. Choices that apply after the last step do not
    separate repeats: a sweep, for example, keeps the weights of one repeat only.
    """
    groups: dict[tuple[object, ...], list[Run]] = {}
    for run in sorted(runs, key=lambda run: (run.config.batch_size, run.id)):
        key: tuple[object, ...] = (run.id,)
        if repeats is not Repeats.SEPARATE and run.state in _COMPLETE:
            config = dataclasses.replace(
                run.config, seed=0, keep_weights=True, keep_optimizer=False, measure_quality=False
            )
            key = (config, run.device)
        groups.setdefault(key, []).append(run)
    return [Group(tuple(each)) for each in groups.values()]


def measure_band(values: Floats, repeats: Repeats) -> tuple[Floats, Floats]:
    """Return the lower and upper ends of all values, or of their middle half, on the first axis."""
    low, high = np.quantile(values, _QUANTILES[repeats], axis=0)
    return low, high


def measure_ratio(
    values: Iterable[float | None], baseline: Iterable[float | None], repeats: Repeats
) -> Estimate | None:
    """Return the ratio of the means, with the range of the ratios of all pairs of repeats.

    The ratio is `None` if either side is unknown or the baseline has a 0.
    """
    above, below = (
        np.array([value for value in side if value is not None], np.float64)
        for side in (values, baseline)
    )
    if not len(above) or not len(below) or not below.all():
        return None
    mean = float(above.mean() / below.mean())
    if len(above) == len(below) == 1:
        return Estimate(mean)
    low, high = measure_band(np.divide.outer(above, below).ravel(), repeats)
    return Estimate(mean, float(low), float(high))


def build_bars(
    compared: Sequence[tuple[Group, Sequence[Summary]]],
    repeats: Repeats,
    figure: Callable[[Summary], float | None],
) -> list[Bar]:
    """Return one bar per group; `compared` holds each group with the summaries of its runs."""
    return [
        Bar(group, measure_ratio(map(figure, summaries), [1.0], repeats))
        for group, summaries in compared
    ]
