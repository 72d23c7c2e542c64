"""Throughput against the batch size: what was measured, and the line through it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from s2s.analysis.throughput_law import ThroughputLaw, throughput_law
from s2s.analysis.words import rate


@dataclass(frozen=True)
class SpeedPoint:
    """One batch size; a block is a run of a sweep, or a short timing pass."""

    batch_size: int
    samples_per_second: float
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


def speed_curve(label: str, blocks: Mapping[int, Sequence[float]]) -> SpeedCurve:
    """From the samples a second of each batch size's blocks."""
    points = tuple(
        SpeedPoint(size, median(speeds), min(speeds), max(speeds), len(speeds))
        for size, speeds in sorted(blocks.items())
        if speeds
    )
    seconds = {size: [size / speed for speed in speeds] for size, speeds in blocks.items()}
    return SpeedCurve(label, points, throughput_law(seconds))


def speed_text(curves: Sequence[SpeedCurve]) -> str:
    """The chart in a sentence."""
    told = [
        f"{curve.label}: "
        + ", ".join(
            f"batch {point.batch_size:,}: {rate(point.samples_per_second)}"
            for point in curve.points
        )
        for curve in curves
        if curve.points
    ]
    return f"Samples per second against the batch size. {'; '.join(told) or 'Nothing yet'}."


def law_text(curve: SpeedCurve) -> str:
    """Ceiling and knee in words, and what could not be told."""
    law, told = curve.law, []
    if law.ceiling_per_second:
        told.append(f"at most {rate(law.ceiling_per_second.value)} samples/s")
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
