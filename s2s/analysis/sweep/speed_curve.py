"""Throughput against the batch size: what was measured, and the line through it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from s2s.analysis.sweep.throughput import ThroughputLaw, throughput_law
from s2s.formatting import format_rate


class Unit(StrEnum):
    """What a throughput counts."""

    SAMPLES = "samples"
    TOKENS = "tokens"
    """Real target tokens."""


@dataclass(frozen=True)
class SpeedPoint:
    """One batch size; a block is a run of a sweep, or a short timing pass."""

    batch_size: int
    per_second: float
    """Median of the blocks."""
    low: float
    """The slowest block."""
    high: float
    blocks: int


@dataclass(frozen=True)
class SpeedCurve:
    """Of one engine, ready to draw."""

    label: str
    points: tuple[SpeedPoint, ...]
    """By batch size."""
    law: ThroughputLaw
    """Of tokens its alpha is of a step in which each sentence has one token: `per_second`, the
    ceiling and the knee's batch size are as drawn."""
    unit: Unit = Unit.SAMPLES


def speed_curve(
    label: str, blocks: Mapping[int, Sequence[float]], unit: Unit = Unit.SAMPLES
) -> SpeedCurve:
    """From what each batch size's blocks did in a second."""
    points = tuple(
        SpeedPoint(size, median(speeds), min(speeds), max(speeds), len(speeds))
        for size, speeds in sorted(blocks.items())
        if speeds
    )
    seconds = {size: [size / speed for speed in speeds] for size, speeds in blocks.items()}
    return SpeedCurve(label, points, throughput_law(seconds), unit)


def speed_text(curves: Sequence[SpeedCurve]) -> str:
    """The chart in a sentence."""
    told = [
        f"{curve.label}: "
        + ", ".join(
            f"batch {point.batch_size:,}: {format_rate(point.per_second)}" for point in curve.points
        )
        for curve in curves
        if curve.points
    ]
    unit = curves[0].unit if curves else Unit.SAMPLES
    said = "; ".join(told) or "Nothing yet"
    return f"{unit.capitalize()} per second against the batch size. {said}."


def law_text(curve: SpeedCurve) -> str:
    """Ceiling and knee in words, and what could not be told."""
    law, told = curve.law, []
    if law.ceiling_per_second:
        told.append(f"at most {format_rate(law.ceiling_per_second.value)} {curve.unit}/s")
    if law.knee_work:
        beyond = ", beyond what was measured" if law.knee_beyond_measured else ""
        ends = (
            f" ({law.knee_work.low:,.0f} to {law.knee_work.high:,.0f})"
            if law.knee_work.low is not None and law.knee_work.high is not None
            else ""
        )
        told.append(f"90 % of that at batch {law.knee_work.value:,.0f}{ends}{beyond}")
    line = f"{curve.label}: {', '.join(told)}." if told else ""
    return " ".join(filter(None, [line, *law.notes]))
