"""The report of a bench, and the file that holds the latest report."""

import dataclasses
import json
import os
from dataclasses import dataclass
from typing import Any

from s2s.errors import UserError
from s2s.paths import home, make_folder
from s2s.validation import parse_dataclass

_FILE = "bench.json"
"""Name of the file in the home folder."""


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
    """`noisy` (IQR above 10% of the median), `very noisy` (above 25%), or empty if steady."""
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
    """Rate of copying memory: bytes read and written per second."""
    notes: tuple[str, ...]
    """Sentences that say what was skipped and why."""
    complete: bool
    """Whether the benchmark ended without an interruption."""


def save_bench(report: BenchReport) -> None:
    """Replace the latest report, unless that is complete and the new report is not.

    Raises:
        UserError: The file cannot be written.
    """
    latest = read_latest_bench()
    if latest and latest.complete and not report.complete:
        return
    path = home() / _FILE
    temporary = path.with_suffix(f".{os.getpid()}")
    text = json.dumps(dataclasses.asdict(report), ensure_ascii=False, indent=1)
    try:
        make_folder(path.parent)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise UserError(
            f"Cannot write {path} ({error.strerror}). Set S2S_HOME to a writable folder."
        ) from error


def read_latest_bench() -> BenchReport | None:
    """Return the latest report; `None` if there is none that this version can read."""
    try:
        return parse_dataclass(BenchReport, json.loads((home() / _FILE).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
