"""The records of a benchmark."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class BenchRow:
    """Timing of one combination of engine, precision and batch size, in rounds with the others.

    Figures are medians over the rounds. None: not measured.
    """

    engine: str
    precision: str
    batch_size: int
    rounds: int
    steps: int
    """Timed steps of all rounds."""
    samples_per_second: float | None
    """Samples of a round's timed steps over their wall time."""
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
    """Memory of training: on a GPU torch's peak, on a CPU as in StepMemory."""
    roofline_seconds: float | None
    """Lower bound of a step's time, from rates measured in the same round."""
    roofline_share: float | None
    """Lower bound over the mean time of a step."""
    warmup_steps: int
    warmup_seconds: float


@dataclass(frozen=True)
class BenchReport:
    at: float
    """Unix seconds at its end."""
    command: str
    corpus: str
    machine: dict[str, Any]
    rows: tuple[BenchRow, ...]
    copy_rate_bytes: float | None
    """Bytes per second, read and write both counted."""
    notes: tuple[str, ...]
    """What was skipped, and why; one sentence each."""
    complete: bool
    """False: interrupted before its end."""
