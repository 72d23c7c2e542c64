"""How the parts of step time and the padding ratio vary with the batch size."""

from dataclasses import dataclass
from statistics import median

from s2s.analysis.run.anatomy import PARTS, AnatomyFit, fit_anatomy
from s2s.analysis.sweep.runs import SizeMedian, collect_values, list_finished_runs, measure_medians
from s2s.config import Engine
from s2s.records import Sweep


@dataclass(frozen=True)
class SizeParts:
    """The parts of step time at one batch size, each the median of the runs' median times."""

    batch_size: int
    seconds: tuple[float, ...]
    """Seconds of each part, in the order of PARTS."""

    def shares(self) -> list[float]:
        """Return each part's share of the total."""
        total = sum(self.seconds)
        return [each / total for each in self.seconds]


@dataclass(frozen=True)
class StepParts:
    """The parts of one engine's step time."""

    sizes: tuple[SizeParts, ...]
    """One entry per batch size with a finished run whose phases were measured, ascending."""
    fit: AnatomyFit | None
    """`None` with fewer than two sizes."""


def compute_step_parts(sweep: Sweep, engine: Engine) -> StepParts:
    """Return the parts of step time over the engine's finished runs."""
    runs = list_finished_runs(sweep, engine)
    phases_by_size = collect_values(runs, lambda summary: summary.phase_seconds)
    sizes = [
        SizeParts(size, tuple(median(phases[part] for phases in repeats) for part in PARTS))
        for size, repeats in phases_by_size.items()
    ]
    fit = fit_anatomy([each.batch_size for each in sizes], [each.seconds for each in sizes])
    return StepParts(tuple(sizes), fit)


def compute_padding_ratios(sweep: Sweep) -> dict[str, tuple[SizeMedian, ...]]:
    """Return each engine's padding ratios (0 to 1): median and range per batch size."""
    ratios = {}
    for engine in sweep.config.engines:
        runs = list_finished_runs(sweep, engine)
        values = collect_values(runs, lambda summary: summary.padding_ratio)
        ratios[engine.value] = measure_medians(values)
    return ratios
