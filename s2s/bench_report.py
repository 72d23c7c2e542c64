"""The report of a bench, and the file that stores the latest one."""

import dataclasses
import json
import os
from dataclasses import dataclass
from typing import Any

from s2s.errors import UserError
from s2s.paths import home, make_folder
from s2s.validation import parse_dataclass

_FILE = "bench.json"
"""Name of the report's file in the home folder."""


@dataclass(frozen=True)
class BenchRow:
    """Results of one engine, precision and batch size. Rates and times are medians over rounds."""

    engine: str
    precision: str
    batch_size: int
    rounds: int
    steps: int
    """Number of timed steps, summed over the rounds."""
    samples_per_second: float | None
    """Samples of the timed steps, divided by their wall time."""
    samples_per_second_iqr: float | None
    """Interquartile range of `samples_per_second` over the rounds."""
    timing_variation: str | None
    """`noisy` (IQR above 10% of the median), `very noisy` (above 25%), or empty if steady."""
    tokens_per_second: float | None
    """Real source and target tokens."""
    target_tokens_per_second: float | None
    step_seconds: float | None
    """Median time of a step. The mean may differ, because batches differ in length."""
    padding_ratio: float | None
    """Padding tokens divided by all tokens of the padded batches, 0 to 1."""
    peak_memory_bytes: int | None
    """Peak memory of training: torch's on a GPU, the growth of a separate process on a CPU."""
    roofline_seconds: float | None
    """Lower bound of the mean step's time, from rates measured in the same round."""
    roofline_share: float | None
    """Lower bound of the mean step's time, divided by its measured time."""


@dataclass(frozen=True)
class BenchReport:
    """Results of a bench, and what they depend on."""

    at: float
    """Time of the report, in Unix seconds."""
    command: str
    """Command line that started the bench."""
    corpus: str
    machine: dict[str, Any]
    rows: tuple[BenchRow, ...]
    copy_rate_bytes: float | None
    """Rate of copying memory: bytes read plus bytes written, per second."""
    notes: tuple[str, ...]
    """Sentences on combinations that were skipped or computed differently."""
    complete: bool
    """Whether the bench ran to its end without being interrupted."""


def save_bench(report: BenchReport) -> None:
    """Replace the latest report. An incomplete report does not replace a complete one.

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
    """Return the latest report, or `None` if it is missing or unreadable for this version."""
    path = home() / _FILE
    if not path.is_file():  # reading a pipe would never end
        return None
    try:
        return parse_dataclass(BenchReport, json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
