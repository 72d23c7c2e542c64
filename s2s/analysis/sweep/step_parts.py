"""What a step of a sweep is made of against the batch size: parts of its time, and padding."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from s2s.analysis.run.anatomy import PARTS, Split, parts_text, split_sizes, split_text
from s2s.analysis.sweep.figures import finished_runs
from s2s.config import Engine
from s2s.records import Run, Sweep


@dataclass(frozen=True)
class SizeParts:
    """A step at one batch size: medians over its finished runs of their median steps."""

    batch_size: int
    seconds: tuple[float, ...]
    """In the order of PARTS."""
    runs: int

    def shares(self) -> list[float]:
        """Of their sum."""
        whole = sum(self.seconds)
        return [each / whole for each in self.seconds]


@dataclass(frozen=True)
class StepParts:
    """Of one engine."""

    sizes: tuple[SizeParts, ...]
    """By batch size; only those at which a run's phases were told apart."""
    split: Split | None
    """The line through them; None of fewer than two sizes."""


@dataclass(frozen=True)
class PaddingPoint:
    """Shares of the computed cells that hold padding, 0 to 1, over a batch size's runs."""

    batch_size: int
    share: float
    """Median."""
    low: float
    high: float
    runs: int


@dataclass(frozen=True)
class PaddingLine:
    """Of one engine."""

    label: str
    points: tuple[PaddingPoint, ...]
    """By batch size."""


def step_parts(sweep: Sweep, engine: Engine) -> StepParts:
    """From the summaries of its finished runs."""
    found: list[SizeParts] = []
    for size, runs in _by_size(finished_runs(sweep, engine)):
        phases = [run.summary.phase_seconds for run in runs if run.summary]
        told = [[each[part] for part in PARTS] for each in phases if each]
        if told:
            middle = tuple(median(column) for column in zip(*told, strict=True))
            found.append(SizeParts(size, middle, len(told)))
    line = split_sizes([each.batch_size for each in found], [each.seconds for each in found])
    return StepParts(tuple(found), line)


def step_parts_text(parts: StepParts) -> str:
    """The chart in words."""
    told = "; ".join(
        f"batch {each.batch_size:,}: {parts_text(each.seconds, each.shares())}"
        for each in parts.sizes
    )
    line = f" {split_text(parts.split)}" if parts.split else ""
    return f"Step anatomy against the batch size. {told or 'Nothing yet'}.{line}"


def padding(sweep: Sweep) -> list[PaddingLine]:
    """One for each engine."""
    return [
        PaddingLine(engine.value, tuple(_padding_points(finished_runs(sweep, engine))))
        for engine in sweep.config.engines
    ]


def _padding_points(runs: Sequence[Run]) -> list[PaddingPoint]:
    points = []
    for size, repeats in _by_size(runs):
        known = [run.summary.padding_ratio for run in repeats if run.summary]
        shares = [share for share in known if share is not None]
        if shares:
            points.append(PaddingPoint(size, median(shares), min(shares), max(shares), len(shares)))
    return points


def padding_text(lines: Sequence[PaddingLine]) -> str:
    """The chart in words."""
    told = "; ".join(
        f"{line.label}: "
        + ", ".join(f"batch {each.batch_size:,}: {100 * each.share:.1f} %" for each in line.points)
        for line in lines
        if line.points
    )
    return f"Padded share of the computed cells against the batch size. {told or 'Nothing yet'}."


def _by_size(runs: Sequence[Run]) -> list[tuple[int, list[Run]]]:
    groups: dict[int, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.config.batch_size, []).append(run)
    return sorted(groups.items())
