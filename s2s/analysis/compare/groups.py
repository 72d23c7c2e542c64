"""Groups of repeats (runs that differ only in the seed): means, ranges and ratios of values."""

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
    """Ways to show repeats: as a mean with one of two ranges, or as separate runs."""

    RANGE = "min to max"
    QUARTILES = "quartiles"
    SEPARATE = "each run"


_QUANTILES = {Repeats.RANGE: (0.0, 1.0), Repeats.QUARTILES: (0.25, 0.75)}
_COMPLETE = (RunState.FINISHED, RunState.DIVERGED)
_MAX_IDS = 3  # in the label of a group


@dataclass(frozen=True)
class Group:
    """Repeats of one configuration, or a single run."""

    runs: tuple[Run, ...]
    """Sorted by id."""

    @property
    def run_id(self) -> int:
        """Id of the first run. It identifies the group in URLs and determines its color."""
        return self.runs[0].id

    @property
    def batch_size(self) -> int:
        return self.runs[0].config.batch_size

    @property
    def label(self) -> str:
        """`3 · name` for one run; `3, 5 · name` or `3, 5, 9 … (5 runs) · name` for repeats."""
        if len(self.runs) == 1:
            return format_run_label(self.runs[0])
        ids = ", ".join(str(run.id) for run in self.runs[:_MAX_IDS])
        more = f" … ({len(self.runs)} runs)" if len(self.runs) > _MAX_IDS else ""
        return f"{ids}{more} · {self.runs[0].name}"


@dataclass(frozen=True)
class Bar:
    """The value of one quantity for a group."""

    group: Group
    estimate: Estimate | None
    """Mean and range of the runs; `None` if the value is unknown for all of them."""

    @property
    def mean(self) -> float | None:
        return self.estimate.value if self.estimate else None


def group_repeats(runs: Sequence[Run], repeats: Repeats) -> list[Group]:
    """Return groups of repeats, sorted by batch size, then by run id.

    Unfinished, stopped and failed runs are not grouped, because an incomplete run would shorten the
    part of the curves that all repeats share. Settings that apply only after the last step may
    differ within a group: a sweep, for example, keeps the weights of only one repeat.
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
    """Return the lowest and highest values along the first axis, or the quartiles for QUARTILES."""
    low, high = np.quantile(values, _QUANTILES[repeats], axis=0)
    return low, high


def measure_ratio(
    values: Iterable[float | None], baseline: Iterable[float | None], repeats: Repeats
) -> Estimate | None:
    """Return the ratio of the means, with the range of the ratios of all pairs of repeats.

    It is `None` if all values, or all baseline values, are unknown, or a baseline value is 0.
    """
    numerators, denominators = (
        np.array([value for value in side if value is not None], np.float64)
        for side in (values, baseline)
    )
    if not len(numerators) or not len(denominators) or not denominators.all():
        return None
    ratio = float(numerators.mean() / denominators.mean())
    if len(numerators) == len(denominators) == 1:
        return Estimate(ratio)
    low, high = measure_band(np.divide.outer(numerators, denominators).ravel(), repeats)
    return Estimate(ratio, float(low), float(high))


def build_bars(
    compared: Sequence[tuple[Group, Sequence[Summary]]],
    repeats: Repeats,
    read_value: Callable[[Summary], float | None],
) -> list[Bar]:
    """Return one bar per group. Each group comes with the summaries of its runs."""
    return [
        Bar(group, measure_ratio(map(read_value, summaries), [1.0], repeats))
        for group, summaries in compared
    ]
