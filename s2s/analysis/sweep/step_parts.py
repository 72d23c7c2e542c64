"""Parts of a step's time, and the padding ratio, against the batch size."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from s2s.analysis.run.anatomy import PARTS, AnatomyFit, fit_anatomy
from s2s.analysis.sweep.runs import finished_runs, group_by_batch_size
from s2s.config import Engine
from s2s.records import Run, Sweep


@dataclass(frozen=True)
class SizeParts:
    """The parts of a step at one batch size: medians over its runs of their median steps."""

    batch_size: int
    seconds: tuple[float, ...]
    """In the order of PARTS."""
    runs: int

    def shares(self) -> list[float]:
        """Return each part's share of their sum."""
        total = sum(self.seconds)
        return [each / total for each in self.seconds]


@dataclass(frozen=True)
class StepParts:
    """The parts of one engine's steps."""

    sizes: tuple[SizeParts, ...]
    """By batch size; only those with a run whose phases were measured."""
    fit: AnatomyFit | None
    """None with fewer than two sizes."""


@dataclass(frozen=True)
class PaddingPoint:
    """The padding ratio at one batch size, 0 to 1."""

    batch_size: int
    ratio: float
    """Median over the runs."""
    low: float
    high: float
    runs: int


@dataclass(frozen=True)
class PaddingLine:
    """The padding ratio of one engine."""

    label: str
    points: tuple[PaddingPoint, ...]
    """By batch size."""


def measure_step_parts(sweep: Sweep, engine: Engine) -> StepParts:
    """Return the step parts of the engine's finished runs."""
    sizes = []
    for size, runs in group_by_batch_size(finished_runs(sweep, engine)).items():
        phases = [run.summary.phase_seconds for run in runs if run.summary]
        measured = [[each[part] for part in PARTS] for each in phases if each]
        if measured:
            medians = tuple(median(column) for column in zip(*measured, strict=True))
            sizes.append(SizeParts(size, medians, len(measured)))
    fit = fit_anatomy([each.batch_size for each in sizes], [each.seconds for each in sizes])
    return StepParts(tuple(sizes), fit)


def measure_padding(sweep: Sweep) -> list[PaddingLine]:
    """Return a line per engine."""
    return [
        PaddingLine(engine.value, tuple(_padding_points(finished_runs(sweep, engine))))
        for engine in sweep.config.engines
    ]


def _padding_points(runs: Sequence[Run]) -> list[PaddingPoint]:
    points = []
    for size, repeats in group_by_batch_size(runs).items():
        summaries = [run.summary.padding_ratio for run in repeats if run.summary]
        ratios = [ratio for ratio in summaries if ratio is not None]
        if ratios:
            points.append(PaddingPoint(size, median(ratios), min(ratios), max(ratios), len(ratios)))
    return points
