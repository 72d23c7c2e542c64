"""Curves of runs, ready to draw: each with its label, and the chart told in a sentence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from s2s.analysis.run.steps import (
    Axis,
    Curve,
    Floats,
    LossScale,
    Steps,
    axis_values,
    loss_curve,
    throughput_curve,
)
from s2s.formatting import format_loss, format_rate, run_label
from s2s.records import Evaluation, Run


@dataclass(frozen=True)
class Band:
    """What repeats fill around their mean (all of one length)."""

    x: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class RunLine:
    """One run's line on a chart, or that of repeats with their band."""

    run_id: int
    batch_size: int
    label: str
    curve: Curve
    validation: Curve | None = None
    """Validation loss per token at the evaluations; None where it is not drawn."""
    band: Band | None = None


def loss_line(
    run: Run,
    steps: Steps,
    evaluations: Sequence[Evaluation],
    axis: Axis,
    scale: LossScale,
    smoothing: float = 0.9,
    points: int = 500,
) -> RunLine:
    """Validation is measured per token only, so it is drawn on that scale only."""
    validation = validation_curve(steps, evaluations, axis) if scale is LossScale.TOKEN else None
    curve = loss_curve(steps, axis, scale, smoothing, points)
    return RunLine(run.id, run.config.batch_size, run_label(run), curve, validation)


def throughput_line(run: Run, steps: Steps, axis: Axis) -> RunLine:
    curve = throughput_curve(steps, axis)
    return RunLine(run.id, run.config.batch_size, run_label(run), curve)


def validation_curve(steps: Steps, evaluations: Sequence[Evaluation], axis: Axis) -> Curve | None:
    """None without a measured validation loss. An evaluation lies where its last step lies."""
    known = [each for each in evaluations if each.validation_loss_per_token is not None]
    if not known:
        return None
    index = np.searchsorted(steps["iteration"], [each.iteration for each in known], "right")
    first = float(steps["iteration"][0]) - 1 if axis is Axis.ITERATIONS and len(steps) else 0.0
    x = np.concatenate(([first], axis_values(steps, axis)))[index]
    y = np.array([each.validation_loss_per_token for each in known], dtype=np.float64)
    return Curve(x, y, y)


def not_finite_at(curve: Curve) -> tuple[float, float] | None:
    """Where the loss first stops being a number: its x, and the last y that was one.

    Without such a y it is 1, which a logarithmic axis can show too.
    """
    finite = np.isfinite(curve.raw) & np.isfinite(curve.y)
    if finite.all():
        return None
    first = int(np.argmin(finite))
    return float(curve.x[first]), float(curve.y[first - 1]) if first else 1.0


def loss_text(lines: Sequence[RunLine], axis: Axis, scale: LossScale) -> str:
    """The loss chart in a sentence."""
    return _text(f"Loss {scale} against {axis}", lines, format_loss)


def throughput_text(lines: Sequence[RunLine], axis: Axis) -> str:
    """The throughput chart in a sentence."""
    return _text(f"Samples per second against {axis}", lines, format_rate)


def _text(what: str, lines: Sequence[RunLine], words: Callable[[float], str]) -> str:
    parts = []
    for line in lines:
        values: Floats = line.curve.y[np.isfinite(line.curve.y)]
        told = f"from {words(values[0])} to {words(values[-1])}" if len(values) else "no steps yet"
        parts.append(f"run {line.label}: {told}")
    return f"{what}. {'; '.join(parts)}." if parts else f"{what}. No runs."
