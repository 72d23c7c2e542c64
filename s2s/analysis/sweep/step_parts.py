"""Parts of a step's time, and the padding ratio, against the batch size."""

from dataclasses import dataclass
from statistics import median

from s2s.analysis.run.anatomy import PARTS, AnatomyFit, fit_anatomy
from s2s.analysis.sweep.runs import SizeMedian, collect_figures, list_finished_runs, measure_medians
from s2s.config import Engine
from s2s.records import Sweep


@dataclass(frozen=True)
class SizeParts:
    """The parts of a step at one batch size: medians over the medians of the runs."""

    batch_size: int
    seconds: tuple[float, ...]
    """Seconds of each part, in the order of PARTS."""

    def shares(self) -> list[float]:
        """Return each part's share of their sum."""
        total = sum(self.seconds)
        return [each / total for each in self.seconds]


@dataclass(frozen=True)
class StepParts:
    """The parts of one engine's steps."""

    sizes: tuple[SizeParts, ...]
    """Batch sizes with a run whose phases were measured, ascending."""
    fit: AnatomyFit | None
    """`None` with fewer than two sizes."""


def measure_step_parts(sweep: Sweep, engine: Engine) -> StepParts:
    """Return the step parts of the engine's finished runs."""
    phases = collect_figures(list_finished_runs(sweep, engine), lambda each: each.phase_seconds)
    sizes = [
        SizeParts(size, tuple(median(run[part] for run in runs) for part in PARTS))
        for size, runs in phases.items()
    ]
    fit = fit_anatomy([each.batch_size for each in sizes], [each.seconds for each in sizes])
    return StepParts(tuple(sizes), fit)


def measure_padding(sweep: Sweep) -> dict[str, tuple[SizeMedian, ...]]:
    """Return the padding ratios of each engine, 0 to 1, by batch size."""
    ratios = {}
    for engine in sweep.config.engines:
        runs = list_finished_runs(sweep, engine)
        ratios[engine.value] = measure_medians(
            collect_figures(runs, lambda each: each.padding_ratio)
        )
    return ratios
