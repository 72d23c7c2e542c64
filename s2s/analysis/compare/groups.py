"""Runs that differ in nothing but the seed, as groups; mean and spread over such repeats."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from s2s.analysis.compare.speed import speed_ratio
from s2s.analysis.run.steps import Floats
from s2s.analysis.run.summarize import Row
from s2s.config import TrainConfig
from s2s.formatting import UNKNOWN, run_label
from s2s.records import Run, RunState


class Repeats(StrEnum):
    """How runs that differ in nothing but the seed are shown."""

    RANGE = "min to max"
    QUARTILES = "quartiles"
    APART = "each run"


_QUANTILES = {Repeats.RANGE: (0.0, 1.0), Repeats.QUARTILES: (0.25, 0.75)}
_ENDED_BY_THEMSELVES = (RunState.FINISHED, RunState.DIVERGED)
_NAMED = 3


@dataclass(frozen=True)
class Group:
    """Repeats, or one run without any; the lowest run id first."""

    runs: tuple[Run, ...]

    @property
    def run_id(self) -> int:
        """Of the first run, which stands for the group in addresses and colours."""
        return self.runs[0].id

    @property
    def batch_size(self) -> int:
        return self.runs[0].config.batch_size

    @property
    def label(self) -> str:
        """`3 · name` of one run; `3, 5, 9 · name` of repeats, and of many `3, 5, 9 … (5 runs)`."""
        if len(self.runs) == 1:
            return run_label(self.runs[0])
        named = ", ".join(str(run.id) for run in self.runs[:_NAMED])
        more = f" … ({len(self.runs)} runs)" if len(self.runs) > _NAMED else ""
        return f"{named}{more} · {self.runs[0].name}"


@dataclass(frozen=True)
class Spread:
    """A figure over repeats. `low` and `high` are None where only one repeat knows it."""

    mean: float
    low: float | None = None
    high: float | None = None


def groups(runs: Sequence[Run], repeats: Repeats) -> list[Group]:
    """By batch size, then by run id; each run in one group.

    A run that was stopped, failed or is still going stands alone: what it lacks would cut short
    what its repeats have in common.
    """
    together: dict[tuple[object, ...], list[Run]] = {}
    for run in sorted(runs, key=lambda run: (run.config.batch_size, run.id)):
        alone = repeats is Repeats.APART or run.state not in _ENDED_BY_THEMSELVES
        key = (run.id,) if alone else (_without_seed(run.config), run.device)
        together.setdefault(key, []).append(run)
    return [Group(tuple(each)) for each in together.values()]


def _without_seed(config: TrainConfig) -> TrainConfig:
    """Nor what is kept and measured after the last step: a sweep keeps one repeat's weights."""
    return dataclasses.replace(
        config, seed=0, keep_weights=True, keep_optimizer=False, measure_quality=False
    )


def band(values: Floats, repeats: Repeats) -> tuple[Floats, Floats]:
    """Ends over the first axis: of all values, or of their middle half (numpy's quantiles)."""
    low, high = np.quantile(values, _QUANTILES[repeats], axis=0)
    return low, high


def spread(values: Iterable[float | None], repeats: Repeats) -> Spread | None:
    """Of the known values; None where there is none."""
    known = np.array([value for value in values if value is not None], np.float64)
    if not len(known):
        return None
    mean = float(known.mean())
    if len(known) == 1:
        return Spread(mean)
    low, high = band(known, repeats)
    return Spread(mean, float(low), float(high))


def ratio(
    values: Iterable[float | None], baseline: Iterable[float | None], repeats: Repeats
) -> Spread | None:
    """Ratio of the means; its ends are of every value over every one of the baseline's.

    None where one side is not known, or the baseline's is 0.
    """
    above = np.array([value for value in values if value is not None], np.float64)
    below = np.array([value for value in baseline if value is not None], np.float64)
    if not len(above) or not len(below) or not below.all():
        return None
    mean = float(above.mean() / below.mean())
    if len(above) == len(below) == 1:
        return Spread(mean)
    low, high = band(np.divide.outer(above, below).ravel(), repeats)
    return Spread(mean, float(low), float(high))


FIGURES: dict[str, Callable[[Row], float | None]] = {
    "Samples/s": lambda row: row.samples_per_second,
    "Tokens/s": lambda row: row.target_tokens_per_second,
    "Step": lambda row: row.step_seconds,
    "Wall time": lambda row: row.wall_seconds,
    "Loss/token": lambda row: row.loss_per_token,
    "Loss/sentence": lambda row: row.loss_per_sentence,
    "Validation/token": lambda row: row.validation_loss_per_token,
    "Peak memory": lambda row: row.peak_memory_bytes,
    "Padding": lambda row: row.padding_ratio,
    "Iterations": lambda row: row.iterations,
    "Samples": lambda row: row.samples,
}
"""All figures of a row that a ratio can be taken of, by their headings."""


def ratios(
    compared: Sequence[Sequence[Row]], baseline: Sequence[Row], repeats: Repeats
) -> dict[str, list[Spread | None]]:
    """Each of FIGURES over the baseline's, for the rows of each group."""
    return {
        heading: [ratio(map(figure, rows), map(figure, baseline), repeats) for rows in compared]
        for heading, figure in FIGURES.items()
    }


def speed_verdict(rows: Sequence[Row], baseline: Sequence[Row]) -> str:
    """Whether the speed differs from the baseline's; empty for the baseline itself."""
    if rows == baseline:
        return ""
    speeds, below = (
        [each.samples_per_second for each in side if each.samples_per_second]
        for side in (rows, baseline)
    )
    return speed_ratio(speeds, below).verdict.value if speeds and below else UNKNOWN


def ratio_text(times: Spread | None) -> str:
    """`10.7x`, or of repeats `10.7x (10.2 to 11.4)`."""
    if times is None:
        return UNKNOWN
    if not np.isfinite(times.mean):
        return "no number"
    if times.low is None or times.high is None:
        return f"{times.mean:.3g}x"
    return f"{times.mean:.3g}x ({times.low:.3g} to {times.high:.3g})"
