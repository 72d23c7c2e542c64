"""Repeats drawn as one line: the mean of their curves, and the band that they fill."""

from collections.abc import Sequence

import numpy as np

from s2s.analysis.compare.groups import Group, Repeats, band
from s2s.analysis.compare.lines import Band, RunLine, not_finite_at
from s2s.analysis.run.steps import Curve, Floats


def band_line(group: Group, lines: Sequence[RunLine], repeats: Repeats) -> RunLine:
    """The line of a group from `lines`, one of each of its runs.

    It spans what all repeats have passed through, so that every point is a mean over the same
    runs; it ends with a mark where the loss of the first of them stops being a number.
    """
    if len(lines) == 1:
        return lines[0]
    x, values = _shared([line.curve for line in lines])
    curve = Curve(x, values.mean(axis=0), values.mean(axis=0))
    lost = [found[0] for line in lines if (found := not_finite_at(line.curve))]
    if lost:
        nothing = np.array([np.nan])
        curve = Curve(
            np.append(x, min(lost)), np.append(curve.y, nothing), np.append(curve.y, nothing)
        )
    known = [line.validation for line in lines if line.validation is not None]
    validation = None
    if len(known) == len(lines):
        at, losses = _shared(known)
        validation = Curve(at, losses.mean(axis=0), losses.mean(axis=0))
    filled = Band(x, *band(values, repeats))
    return RunLine(group.run_id, group.batch_size, group.label, curve, validation, filled)


def _shared(curves: Sequence[Curve]) -> tuple[Floats, Floats]:
    """The x values (points,) where all curves are finite, and their y there (curves, points).

    The places are those of the curve that ends first; the others are read off between theirs.
    """
    finite = [_while_finite(curve) for curve in curves]
    if not all(len(x) for x, _ in finite):
        return np.empty(0), np.empty((len(curves), 0))
    x, _ = min(finite, key=lambda each: float(each[0][-1]))
    x = x[x >= max(float(each[0]) for each, _ in finite)]
    return x, np.array([np.interp(x, places, y) for places, y in finite])


def _while_finite(curve: Curve) -> tuple[Floats, Floats]:
    finite = np.isfinite(curve.raw) & np.isfinite(curve.y)
    end = len(finite) if finite.all() else int(np.argmin(finite))
    return curve.x[:end], curve.y[:end]
