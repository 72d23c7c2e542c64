"""Losses, throughput, padding and curves of a run, from its step records."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Steps = npt.NDArray[np.void]
"""Rows of `records.STEP_DTYPE`, in order of iteration."""
Floats = npt.NDArray[np.float64]


class Axis(StrEnum):
    """The x axis of a curve."""

    ITERATIONS = "iterations"
    SAMPLES = "samples"
    TOKENS = "target tokens"
    SECONDS = "seconds"


class LossScale(StrEnum):
    """The unit to which a loss refers."""

    TOKEN = "per token"  # noqa: S105 (not a password)
    SENTENCE = "per sentence"


_COUNTS = {LossScale.TOKEN: "target_tokens", LossScale.SENTENCE: "samples"}


@dataclass(frozen=True)
class Curve:
    """A line of a chart: `y` against `x`, and the unsmoothed `raw` (all of one length)."""

    x: Floats
    y: Floats
    raw: Floats


def axis_values(steps: Steps, axis: Axis) -> Floats:
    """Return the place of each step on `axis`, counted from the start of the run."""
    if axis is Axis.ITERATIONS:
        return np.asarray(steps["iteration"], np.float64)
    column = {Axis.SAMPLES: "samples", Axis.TOKENS: "target_tokens", Axis.SECONDS: "seconds"}
    return np.cumsum(steps[column[axis]], dtype=np.float64)


def losses(steps: Steps, scale: LossScale) -> Floats:
    """Return the loss of each step in nats per real target token or per sentence."""
    per_unit: Floats = steps["loss_sum"] / steps[_COUNTS[scale]]
    return per_unit


def last_loss(steps: Steps, scale: LossScale, window: int = 50) -> float | None:
    """Return the mean loss over the tokens or sentences of the last steps; None without steps.

    The sums are divided, not the steps' means averaged: in small batches short sentences would
    weigh more, and the loss would look lower.
    """
    last = steps[-window:]
    return float(last["loss_sum"].sum() / last[_COUNTS[scale]].sum()) if len(steps) else None


def samples_per_second(steps: Steps) -> float | None:
    """Return the samples of the timed steps over their wall time; None without timed steps."""
    return _rate(steps, "samples")


def target_tokens_per_second(steps: Steps) -> float | None:
    """Return the real target tokens (EOS included) of the timed steps over their wall time."""
    return _rate(steps, "target_tokens")


def padding_ratio(steps: Steps) -> float | None:
    """Return the share of padding in the padded source and target tokens; None without steps."""
    padded_tokens = int(steps["padded_tokens"].sum())
    real = int(steps["source_tokens"].sum()) + int(steps["target_tokens"].sum())
    return 1 - real / padded_tokens if padded_tokens else None


def median_step_seconds(steps: Steps) -> float | None:
    """Return the median time of the timed steps; None without timed steps."""
    timed = steps["seconds"][steps["timed"]]
    return float(np.median(timed)) if len(timed) else None


def loss_curve(
    steps: Steps, axis: Axis, scale: LossScale, smoothing: float = 0.9, points: int = 1000
) -> Curve:
    """Return the loss, exponentially smoothed and thinned to at most `points` values.

    Sums and counts are smoothed separately and then divided, so each token weighs the same.

    Args:
        smoothing: Weight of the average so far, from 0 (none) to below 1.
    """
    raw = losses(steps, scale)
    counts = np.where(np.isfinite(raw), steps[_COUNTS[scale]], np.nan)
    smoothed = smooth(steps["loss_sum"], smoothing) / smooth(counts, smoothing)
    return _thin(axis_values(steps, axis), np.where(np.isfinite(raw), smoothed, raw), raw, points)


def throughput_curve(steps: Steps, axis: Axis, points: int = 200) -> Curve:
    """Return the samples per second of at most `points` successive stretches of timed steps."""
    timed = steps["timed"]
    x, samples, seconds = axis_values(steps, axis)[timed], steps["samples"], steps["seconds"]
    if not len(x):
        return Curve(x, x, x)
    starts, ends = _stretches(len(x), points)
    sums = np.add.reduceat([samples[timed], seconds[timed]], starts, axis=1)
    rate = sums[0] / sums[1]
    return Curve(x[ends], rate, rate)


def smooth(values: Floats, weight: float) -> Floats:
    """Return the exponential moving average, with bias correction at the start.

    y_t = sum_k w^k x_(t-k) / sum_k w^k. NaN and infinite values stay in their places, to be
    marked, and do not enter the average.
    """
    from scipy.signal import lfilter  # slow to load, and only curves need it

    finite = np.isfinite(values)
    total = lfilter([1.0], [1.0, -weight], np.where(finite, values, 0.0))
    norm = lfilter([1.0], [1.0, -weight], finite.astype(np.float64))
    return np.where(finite, total / np.maximum(norm, 1e-300), values)


def _thin(x: Floats, y: Floats, raw: Floats, points: int) -> Curve:
    if len(x) <= points:
        return Curve(x, y, raw)
    starts, ends = _stretches(len(x), points)
    return Curve(x[ends], y[ends], np.add.reduceat(raw, starts) / (ends - starts + 1))


def _stretches(length: int, points: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the first and the last indices of at most `points` stretches of similar length."""
    starts = np.linspace(0, length, min(points, length), endpoint=False).astype(np.int64)
    return starts, np.append(starts[1:], length) - 1


def _rate(steps: Steps, column: str) -> float | None:
    timed = steps["timed"]  # columns are selected first: whole rows would be copied
    seconds = float(steps["seconds"][timed].sum())
    return float(steps[column][timed].sum()) / seconds if seconds > 0 else None
