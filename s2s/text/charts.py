"""Descriptions of charts for screen readers. Each gives the main numbers of its chart."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from s2s.analysis.advice.target import StepsToTarget
from s2s.analysis.advice.time_to_target import Prediction
from s2s.analysis.compare.groups import Bar
from s2s.analysis.compare.lines import RunLine
from s2s.analysis.run.anatomy import PARTS, Anatomy, AnatomyFit
from s2s.analysis.run.readings import ReadingSeries
from s2s.analysis.run.steps import Axis, LossScale
from s2s.analysis.sweep.memory import MemoryFit
from s2s.analysis.sweep.runs import SizeMedian
from s2s.analysis.sweep.step_parts import StepParts
from s2s.analysis.sweep.throughput import SpeedCurve, Unit
from s2s.formatting import (
    format_bytes,
    format_duration,
    format_loss,
    format_percent,
    format_rate,
    format_step_time,
)
from s2s.text.compare import describe_anatomy_fit
from s2s.text.sweep import format_interval


def describe_loss(lines: Sequence[RunLine], axis: Axis, scale: LossScale) -> str:
    return _describe(f"Loss {scale} against {axis}", _list_runs(lines, format_loss))


def describe_throughput(lines: Sequence[RunLine], axis: Axis) -> str:
    return _describe(f"Samples per second against {axis}", _list_runs(lines, format_rate))


def describe_bars(
    bars: Sequence[Bar],
    title: str,
    format_value: Callable[[float | None], str],
    warnings: Sequence[str] = (),
) -> str:
    """Describe a bar chart. Takes the `warnings` of `plot_bars`."""
    parts = []
    for bar, warning in zip(bars, warnings or [""] * len(bars), strict=True):
        interval = format_interval(bar.estimate, format_value) if bar.estimate else ""
        value = ", ".join(filter(None, [f"{format_value(bar.mean)}{interval}", warning]))
        parts.append(f"run {bar.group.label}: {value}")
    return _describe(title, parts)


def describe_readings(series: Sequence[ReadingSeries]) -> str:
    parts = []
    for each in series:
        memory = each.memory_bytes[np.isfinite(each.memory_bytes)]
        utilization = each.utilization[np.isfinite(each.utilization)]
        texts = []
        if len(memory):
            texts.append(f"{format_bytes(memory[-1])} used, peak {format_bytes(memory.max())}")
        if len(utilization):
            texts.append(f"mean utilization {format_percent(utilization.mean())}")
        parts.append(f"{each.device}: {', '.join(texts) or 'no readings'}")
    return _describe("Memory and utilization", parts)


def describe_anatomy(runs: Sequence[Anatomy], fit: AnatomyFit | None) -> str:
    parts = [
        f"run {each.label}: {_format_parts(each.median_seconds, each.shares)}" for each in runs
    ]
    return _describe("Step anatomy", parts, fit)


def describe_step_parts(step_parts: StepParts) -> str:
    parts = [
        f"batch size {each.batch_size:,}: {_format_parts(each.seconds, each.shares())}"
        for each in step_parts.sizes
    ]
    return _describe("Step anatomy against batch size", parts, step_parts.fit)


def describe_padding(ratios: Mapping[str, Sequence[SizeMedian]]) -> str:
    parts = [_format_points(engine, points, "{:.1%}".format) for engine, points in ratios.items()]
    return _describe("Padding ratio against batch size", parts)


def describe_speed_curves(curves: Sequence[SpeedCurve]) -> str:
    unit = curves[0].unit if curves else Unit.SAMPLES
    parts = [_format_points(each.label, each.points, format_rate) for each in curves]
    return _describe(f"{unit.capitalize()} per second against batch size", parts)


def describe_memory(fit: MemoryFit) -> str:
    parts = [f"{format_bytes(each.peak_bytes)} at {each.batch_size:,}" for each in fit.points]
    return _describe("Peak memory against batch size", parts)


def describe_steps_to_target(points: Sequence[StepsToTarget]) -> str:
    parts = []
    for each in points:
        bound = "" if each.reached else "not reached after "
        if each.is_early:
            bound = "at most "
        run = f"batch size {each.batch_size:,}, seed {each.seed}"
        parts.append(f"{run}: {bound}{each.steps:,.0f}")
    return _describe("Steps to target against batch size", parts)


def describe_time_to_target(predictions: Sequence[Prediction]) -> str:
    parts = [
        f"batch size {each.batch_size:,}: {format_duration(each.seconds.value)}, {each.standing}"
        for each in predictions
    ]
    return _describe("Predicted time to target against batch size", parts)


def _describe(title: str, parts: Sequence[str], fit: AnatomyFit | None = None) -> str:
    fit_text = f" {describe_anatomy_fit(fit)}" if fit else ""
    return f"{title}. {'; '.join(filter(None, parts)) or 'No data yet'}.{fit_text}"


def _format_points(
    label: str, points: Sequence[SizeMedian], format_value: Callable[[float], str]
) -> str:
    medians = [f"{format_value(each.median)} at {each.batch_size:,}" for each in points]
    return f"{label}: {', '.join(medians)}" if medians else ""


def _list_runs(lines: Sequence[RunLine], format_value: Callable[[float], str]) -> list[str]:
    parts = []
    for line in lines:
        y = line.curve.y[np.isfinite(line.curve.y)]
        ends = f"from {format_value(y[0])} to {format_value(y[-1])}" if len(y) else "no steps yet"
        parts.append(f"run {line.label}: {ends}")
    return parts


def _format_parts(seconds: Sequence[float], shares: Sequence[float]) -> str:
    """Return a text such as `data 1 ms (10%), forward 5 ms (50%), ...`, in the order of PARTS."""
    return ", ".join(
        f"{part} {format_step_time(each)} ({format_percent(share)})"
        for part, each, share in zip(PARTS, seconds, shares, strict=True)
    )
