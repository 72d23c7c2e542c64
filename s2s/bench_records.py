"""Records of a benchmark."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class BenchRow:
    """Timing of one engine, precision and batch size. Figures are medians over the rounds.

    None: not measured.
    """

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
    """Median step. Batches differ in length, so this is not batch size over samples/s."""
    padding_ratio: float | None
    """Padding among the padded tokens, 0 to 1."""
    peak_memory_bytes: int | None
    """Memory of training: on a GPU the peak that torch reports, on a CPU as in StepMemory."""
    roofline_seconds: float | None
    """Lower bound of a step's time, from rates measured in the same round."""
    roofline_share: float | None
    """Lower bound over the mean time of a step."""
    warmup_steps: int
    warmup_seconds: float


@dataclass(frozen=True)
class BenchReport:
    at: float
    """Unix seconds at the end."""
    command: str
    corpus: str
    machine: dict[str, Any]
    rows: tuple[BenchRow, ...]
    copy_rate_bytes: float | None
    """Bytes per second, read and written."""
    notes: tuple[str, ...]
    """Sentences that say what was skipped and why."""
    complete: bool
    """False: the benchmark was interrupted."""
