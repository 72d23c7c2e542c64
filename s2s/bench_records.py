"""Records of a benchmark; a figure that was not measured is `None`."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class BenchRow:
    """Timing of one engine, precision and batch size, in medians over the rounds."""

    engine: str
    precision: str
    batch_size: int
    rounds: int
    steps: int
    """Timed steps of all rounds."""
    samples_per_second: float | None
    """Samples of the timed steps over their wall time."""
    samples_per_second_iqr: float | None
    """Interquartile range over the rounds."""
    timing_variation: str | None
    """`noisy` (IQR above 10% of the median), `very noisy` (above 25%) or empty."""
    tokens_per_second: float | None
    """Real source and target tokens."""
    target_tokens_per_second: float | None
    step_seconds: float | None
    """Time of the median step. Batches differ in length, so the mean step can take another time."""
    padding_ratio: float | None
    """Share of padding in the padded tokens, 0 to 1."""
    peak_memory_bytes: int | None
    """Memory of training: on a GPU the peak that torch reports, on a CPU as in StepMemory."""
    roofline_seconds: float | None
    """Lower bound of a step's time, from rates measured in the same round."""
    roofline_share: float | None
    """Lower bound of a step's time over the mean time of a step."""


@dataclass(frozen=True)
class BenchReport:
    """Figures of a benchmark, and what they depend on."""

    at: float
    """End of the benchmark, in Unix seconds."""
    command: str
    corpus: str
    machine: dict[str, Any]
    rows: tuple[BenchRow, ...]
    copy_rate_bytes: float | None
    """Bytes per second, read and written."""
    notes: tuple[str, ...]
    """Sentences that say what was skipped and why."""
    complete: bool
    """Whether the benchmark ended without an interruption."""
