"""Lines of loss and throughput: one per run, or for repeats the mean with a band."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from s2s.analysis.compare.groups import Group, Repeats, measure_band
from s2s.analysis.run.steps import (
    Axis,
    Curve,
    Floats,
    LossScale,
    Steps,
    build_loss_curve,
    build_throughput_curve,
    measure_axis,
)
from s2s.formatting import format_run_label
from s2s.records import Evaluation, Run


@dataclass(frozen=True)
class Band:
    """The range of the repeats' values at each x."""

    x: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class RunLine:
    """The line of one run, or the mean of repeats with their band."""

    run_id: int
    batch_size: int
    label: str
    curve: Curve
    validation: Curve | None = None
    """Validation loss per token at the evaluations; `None` if there is none to show."""
    band: Band | None = None


def build_loss_line(
    run: Run,
    steps: Steps,
    evaluations: Sequence[Evaluation],
    axis: Axis,
    scale: LossScale,
    smoothing: float = 0.9,
    points: int = 500,
) -> RunLine:
    """Return the loss line of a run; with the validation loss if the scale is per token."""
    validation = build_validation(steps, evaluations, axis) if scale is LossScale.TOKEN else None
    curve = build_loss_curve(steps, axis, scale, smoothing, points)
    return RunLine(run.id, run.config.batch_size, format_run_label(run), curve, validation)


def build_throughput_line(run: Run, steps: Steps, axis: Axis) -> RunLine:
    """Return the line of a run's samples per second."""
    curve = build_throughput_curve(steps, axis)
    return RunLine(run.id, run.config.batch_size, format_run_label(run), curve)


def build_validation(steps: Steps, evaluations: Sequence[Evaluation], axis: Axis) -> Curve | None:
    """Return the validation losses, each at the x of the last step before it, if there are any."""
    measured = [each for each in evaluations if each.validation_loss_per_token is not None]
    if not measured:
        return None
    index = np.searchsorted(steps["iteration"], [each.iteration for each in measured], "right")
    start = float(steps["iteration"][0]) - 1 if axis is Axis.ITERATIONS and len(steps) else 0.0
    x = np.concatenate(([start], measure_axis(steps, axis)))[index]
    y = np.array([each.validation_loss_per_token for each in measured], dtype=np.float64)
    return Curve(x, y, y)


def find_divergence(curve: Curve) -> tuple[float, float] | None:
    """Return the x of the first NaN or infinite loss, and the y of the point before it, if any.

    If the first point has such a loss, y is 1, because a logarithmic axis can show it too.
    """
    first = _finite_length(curve)
    if first == len(curve.x):
        return None
    return float(curve.x[first]), float(curve.y[first - 1]) if first else 1.0


def build_group_line(group: Group, lines: Sequence[RunLine], repeats: Repeats) -> RunLine:
    """Return the mean line of a group's runs, with their band.

    The mean covers the x range that all runs share, so every point is a mean over the same runs.
    If a run diverges, the mean ends with a NaN at the first divergence.
    """
    if len(lines) == 1:
        return lines[0]
    x, values = _resample([line.curve for line in lines])
    mean = values.mean(axis=0)
    curve = Curve(x, mean, mean)
    divergences = [each for each in map(find_divergence, (line.curve for line in lines)) if each]
    if divergences:
        y = np.append(mean, np.nan)
        curve = Curve(np.append(x, min(divergences)[0]), y, y)
    measured = [line.validation for line in lines if line.validation is not None]
    validation = None
    if len(measured) == len(lines):
        validation_x, losses = _resample(measured)
        validation = Curve(validation_x, losses.mean(axis=0), losses.mean(axis=0))
    band = Band(x, *measure_band(values, repeats))
    return RunLine(group.run_id, group.batch_size, group.label, curve, validation, band)


def _resample(curves: Sequence[Curve]) -> tuple[Floats, Floats]:
    """Return common x values, shape (points,), and each curve's y there, shape (curves, points).

    The x values are those of the curve that ends first, from where all curves have begun. The y of
    the other curves are interpolated. A curve ends before its first NaN or infinite value.
    """
    lengths = [_finite_length(curve) for curve in curves]
    if not all(lengths):
        return np.empty(0), np.empty((len(curves), 0))
    finite = [
        (curve.x[:length], curve.y[:length]) for curve, length in zip(curves, lengths, strict=True)
    ]
    x, _ = min(finite, key=lambda each: float(each[0][-1]))
    x = x[x >= max(float(each[0]) for each, _ in finite)]
    return x, np.array([np.interp(x, curve_x, y) for curve_x, y in finite])


def _finite_length(curve: Curve) -> int:
    """Return the number of points before the first NaN or infinite one."""
    finite = np.isfinite(curve.raw) & np.isfinite(curve.y)
    return len(finite) if finite.all() else int(np.argmin(finite))
