"""Loss, throughput and padding of a run from its step records, as values and as curves."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Steps = npt.NDArray[np.void]
"""Rows of `records.STEP_DTYPE`, in order of iteration."""
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


class Axis(StrEnum):
    """The x axis of a curve."""

    ITERATIONS = "iterations"
    SAMPLES = "samples"
    TOKENS = "target tokens"
    SECONDS = "seconds"


class LossScale(StrEnum):
    """Whether a loss is a mean over target tokens or over sentences."""

    TOKEN = "per token"  # noqa: S105 (not a password)
    SENTENCE = "per sentence"


_COUNTS = {LossScale.TOKEN: "target_tokens", LossScale.SENTENCE: "samples"}


@dataclass(frozen=True)
class Curve:
    """A line of a chart: `y` over `x`, and `raw`, which is `y` before smoothing."""

    x: Floats
    y: Floats
    raw: Floats


def measure_axis(steps: Steps, axis: Axis) -> Floats:
    """Return the position of each step on `axis`, counted from the start of the run."""
    if axis is Axis.ITERATIONS:
        return np.asarray(steps["iteration"], np.float64)
    column = {Axis.SAMPLES: "samples", Axis.TOKENS: "target_tokens", Axis.SECONDS: "seconds"}
    return np.cumsum(steps[column[axis]], dtype=np.float64)


def measure_last_loss(steps: Steps, scale: LossScale, window: int = 50) -> float | None:
    """Return the mean loss over the tokens or sentences of the last steps; `None` without steps.

    It is the sum of the losses divided by the count. A mean of the steps' means would give short
    sentences more weight in small batches, and so a lower loss.
    """
    last = steps[-window:]
    return float(last["loss_sum"].sum() / last[_COUNTS[scale]].sum()) if len(steps) else None


def measure_rate(steps: Steps, column: str) -> float | None:
    """Return the sum of a column per second, over the timed steps, if there are any."""
    timed = steps["timed"]  # index the column, not the rows, which would be copied whole
    seconds = float(steps["seconds"][timed].sum())
    return float(steps[column][timed].sum()) / seconds if seconds > 0 else None


def measure_padding_ratio(steps: Steps) -> float | None:
    """Return padding / padded tokens, source and target together; `None` without steps."""
    padded_tokens = int(steps["padded_tokens"].sum())
    real = int(steps["source_tokens"].sum()) + int(steps["target_tokens"].sum())
    return 1 - real / padded_tokens if padded_tokens else None


def measure_step_seconds(steps: Steps) -> float | None:
    """Return the median time of the timed steps, if there are any."""
    timed = steps["seconds"][steps["timed"]]
    return float(np.median(timed)) if len(timed) else None


def build_loss_curve(
    steps: Steps, axis: Axis, scale: LossScale, smoothing: float = 0.9, points: int = 1000
) -> Curve:
    """Return the smoothed loss in nats per target token or sentence, at most `points` values.

    Sums and counts are smoothed first and then divided, so all tokens have the same weight.

    Args:
        smoothing: Weight of the previous average, from 0 (no smoothing) to below 1.
    """
    raw = steps["loss_sum"] / steps[_COUNTS[scale]]
    is_finite = np.isfinite(raw)
    counts = np.where(is_finite, steps[_COUNTS[scale]], np.nan)
    smoothed = smooth(steps["loss_sum"], smoothing) / smooth(counts, smoothing)
    starts, ends = _split_into_stretches(len(raw), points)
    means = np.add.reduceat(raw, starts) / (ends - starts + 1)
    return Curve(measure_axis(steps, axis)[ends], np.where(is_finite, smoothed, raw)[ends], means)


def build_throughput_curve(steps: Steps, axis: Axis, points: int = 200) -> Curve:
    """Return the samples per second in at most `points` successive stretches of timed steps."""
    timed = steps["timed"]
    x, samples, seconds = measure_axis(steps, axis)[timed], steps["samples"], steps["seconds"]
    starts, ends = _split_into_stretches(len(x), points)
    sums = np.add.reduceat([samples[timed], seconds[timed]], starts, axis=1)
    rate = sums[0] / sums[1]
    return Curve(x[ends], rate, rate)


def smooth(values: Floats, weight: float) -> Floats:
    """Return the exponential moving average, with bias correction at the start.

    y_t = sum_k w^k x_(t-k) / sum_k w^k, where w is `weight`. NaN and infinite values are returned
    as they are and excluded from the average.
    """
    from scipy.signal import lfilter  # slow to import, and only curves need it

    finite = np.isfinite(values)
    total = lfilter([1.0], [1.0, -weight], np.where(finite, values, 0.0))
    norm = lfilter([1.0], [1.0, -weight], finite.astype(np.float64))
    return np.where(finite, total / np.maximum(norm, 1e-300), values)


def _split_into_stretches(length: int, points: int) -> tuple[Indices, Indices]:
    """Return first and last index of each of at most `points` stretches of similar length."""
    starts = np.linspace(0, length, min(points, length), endpoint=False).astype(np.int64)
    return starts, np.append(starts, length)[1:] - 1
